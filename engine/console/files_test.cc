#include "console/files.h"

#include <gmock/gmock.h>

#include <array>

namespace kiban::console {
namespace {

using runtime::Headers;
using runtime::HttpReply;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<Asset, 2> files{{{.path = "index.html",
                                       .type = "text/html",
                                       .etag = "\"i\"",
                                       .gzip = "index gz",
                                       .brotli = "index br"},
                                      {.path = "assets/app-1.js",
                                       .type = "text/javascript",
                                       .etag = "\"a\"",
                                       .gzip = "app gz",
                                       .brotli = "app br",
                                       .hashed = true}}};

HttpReply get(std::string_view path, Headers headers = {}, std::string method = "GET") {
  return serve_file(files, {.method = std::move(method), .headers = std::move(headers)}, path);
}

std::string header(const HttpReply& reply, std::string_view wanted) {
  for (const auto& [name, value] : reply.headers)
    if (name == wanted) return value;
  return "";
}

TEST(Files, AreServedInTheCodingThatTheClientAdmits) {
  struct Case {
    Headers headers{};
    std::string body{};
  };
  for (const Case& each :
       std::vector<Case>{{{}, "app br"},
                         {{{"Accept-Encoding", "gzip, deflate, br, zstd"}}, "app br"},
                         {{{"accept-encoding", "gzip"}}, "app gz"},
                         {{{"Accept-Encoding", "br;q=0, *"}}, "app gz"},
                         {{{"Accept-Encoding", "GZIP;q=0.5"}}, "app gz"},
                         {{{"Accept-Encoding", "*;q=0.001"}}, "app br"}}) {
    const HttpReply reply = get("assets/app-1.js", each.headers);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, each.body);
    EXPECT_EQ(header(reply, "Content-Encoding"), each.body == "app br" ? "br" : "gzip");
    EXPECT_EQ(header(reply, "Vary"), "Accept-Encoding");
  }
  for (const char* neither : {"identity", "", "br;q=0, gzip;q=0.0", "*;q=0", "deflate"})
    EXPECT_EQ(get("assets/app-1.js", {{"Accept-Encoding", neither}}).status, 406) << neither;
}

TEST(Files, HashedNamesAreKeptForeverTheIndexIsNot) {
  EXPECT_THAT(header(get("assets/app-1.js"), "Cache-Control"), HasSubstr("immutable"));
  EXPECT_EQ(header(get("index.html"), "Cache-Control"), "no-cache");
  const std::string etag = header(get("index.html"), "ETag");
  EXPECT_EQ(etag, "\"i-br\"");
  const HttpReply again = get("index.html", {{"If-None-Match", etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(get("index.html", {{"If-None-Match", etag}, {"Accept-Encoding", "gzip"}}).status, 200)
      << "the other coding is another representation";
}

TEST(Files, UnknownPathsAreThePagesOwn) {
  for (const char* page : {"", "executions", "executions/arn:aws:states:x", "a/b/c"})
    EXPECT_EQ(get(page).body, "index br") << page;
  EXPECT_EQ(get("assets/app-2.js").status, 404);
  EXPECT_EQ(get("index.html", {}, "POST").status, 405);
}

TEST(Files, WithoutTheConsoleTheReplySaysHowToBuildIt) {
  const HttpReply reply = serve_file({}, {.method = "GET"}, "");
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, HasSubstr("built without the web console"));
}

TEST(Files, ThePolicyAllowsNothingInlineAndNothingForeign) {
  HttpReply reply;
  add_security_headers(reply);
  const std::string policy = header(reply, "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_THAT(policy, Not(HasSubstr("http")));
  EXPECT_EQ(header(reply, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(reply, "Referrer-Policy"), "no-referrer");
}

// Of the bundle itself. Skipped in a build without the console (no Node, or KIBAN_CONSOLE=OFF):
// such a build has no bundle, and the suite `console` of ./test reports that.
TEST(Files, TheBundleIsSmallAndWhole) {
  if (assets().empty()) GTEST_SKIP() << "built without the console: see tools/console-packages";
  std::size_t bytes = 0;
  for (const Asset& each : assets()) {
    bytes += each.gzip.size();
    EXPECT_EQ(each.gzip.substr(0, 2), "\x1f\x8b") << each.path;
    EXPECT_LE(each.brotli.size(), each.gzip.size()) << each.path;
    EXPECT_EQ(each.hashed, each.path != "index.html");
  }
  EXPECT_LE(bytes, 350U * 1024);
}

}  // namespace
}  // namespace kiban::console
