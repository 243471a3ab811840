#include "runtime/admission.h"

#include <gmock/gmock.h>

namespace kiban::runtime {
namespace {

int status_of(Headers headers, AdmissionOptions options = {}, std::string method = "GET") {
  const auto admission = Admission::create(std::move(options));
  EXPECT_TRUE(admission);
  const auto refused = admission->refuse({.method = std::move(method),
                                          .target = "/",
                                          .headers = std::move(headers),
                                          .local = "192.0.2.1"});
  return refused ? refused->status : 0;
}

TEST(Admission, AHostIsThisServersOwn) {
  for (const char* own :
       {"127.0.0.1:4566", "127.0.0.1", "127.1.2.3", "[::1]:4566", "[::ffff:127.0.0.1]", "localhost",
        "LOCALHOST:4566", "localhost.", "bucket.localhost:4566", "bucket.s3.localhost",
        "000000000000.localhost", "192.0.2.1:4566", "bucket.127.0.0.1:4566", "my.bucket.127.0.0.1",
        "169.254.170.2:4566"})
    EXPECT_EQ(status_of({{"Host", own}}, {.addresses = {"169.254.170.2"}}), 0) << own;
  for (const char* foreign : {"evil.example",
                              "evil.example:4566",
                              "localhost.evil.example",
                              "evillocalhost",
                              "127.evil",
                              "127.0.0.1.evil.example",
                              "kiban",
                              "192.0.2.2",
                              "0.0.0.0",
                              "2130706433",
                              "",
                              ":4566",
                              "localhost@evil.example",
                              "evil.example/localhost",
                              "localhost:4566:1",
                              "localhost:x",
                              "[::2]",
                              "[::1",
                              "sts.amazonaws.com",
                              "localhost evil.example",
                              ".",
                              "192.0.2.2.127"})
    EXPECT_EQ(status_of({{"Host", foreign}}), 403) << foreign;
}

TEST(Admission, FurtherHostsAreNamed) {
  const AdmissionOptions options{.hosts = {"Kiban", "*.example.com"}};
  for (const char* allowed : {"kiban:4566", "bucket.kiban", "a.example.com", "a.b.example.com"})
    EXPECT_EQ(status_of({{"Host", allowed}}, options), 0) << allowed;
  for (const char* foreign : {"example.com", "aexample.com", "kiban.evil", "xkiban"})
    EXPECT_EQ(status_of({{"Host", foreign}}, options), 403) << foreign;
  for (const char* bad : {"", "*", "a b", "http://a", "a:1", "*."})
    EXPECT_FALSE(Admission::create({.hosts = {bad}})) << bad;
}

TEST(Admission, NoPageOfAnotherSiteCalls) {
  const auto with = [](std::string name, std::string value) {
    return status_of({{"Host", "localhost:4566"}, {std::move(name), std::move(value)}});
  };
  for (const char* foreign :
       {"http://evil.example", "null", "http://localhost:3000", "http://localhost",
        "http://127.0.0.1:4566", "https://localhost", "file://", "", "localhost:4566",
        "http://localhost:4566@evil.example", "chrome-extension://abc"})
    EXPECT_EQ(with("Origin", foreign), 403) << foreign;
  EXPECT_EQ(with("Origin", "http://localhost:4566"), 0);
  EXPECT_EQ(with("oRIGIN", "http://evil.example"), 403);
  EXPECT_EQ(with("Referer", "http://evil.example/page"), 403);
  EXPECT_EQ(with("Referer", "http://localhost:3000/"), 403);
  EXPECT_EQ(with("Referer", "http://localhost:4566/page?x"), 0);
  for (const char* site : {"cross-site", "same-site", "Cross-Site", "other", ""})
    EXPECT_EQ(with("Sec-Fetch-Site", site), 403) << site;
  EXPECT_EQ(with("Sec-Fetch-Site", "none"), 0);
  EXPECT_EQ(with("Sec-Fetch-Site", "same-origin"), 0);
}

TEST(Admission, ASecFetchSiteIsHeldAgainstAnOwnReferer) {
  EXPECT_EQ(status_of({{"Host", "localhost"},
                       {"Referer", "http://localhost/"},
                       {"Sec-Fetch-Site", "cross-site"}}),
            403);
}

TEST(Admission, AnAllowedOriginReadsReplies) {
  const AdmissionOptions options{.origins = {"http://localhost:3000", "https://App.example:443"}};
  const Headers cross{{"Host", "localhost:4566"},
                      {"Origin", "http://localhost:3000"},
                      {"Referer", "http://localhost:3000/page"},
                      {"Sec-Fetch-Site", "same-site"}};
  EXPECT_EQ(status_of(cross, options), 0);
  EXPECT_EQ(status_of({{"Host", "localhost"}, {"Origin", "https://app.example"}}, options), 0);
  EXPECT_EQ(status_of({{"Host", "localhost"}, {"Origin", "http://app.example"}}, options), 403);
  EXPECT_EQ(status_of({{"Host", "localhost"}, {"Origin", "http://localhost:3001"}}, options), 403);
  EXPECT_EQ(status_of({{"Host", "evil"}, {"Origin", "http://localhost:3000"}}, options), 403);
  Headers preflight = cross;
  preflight.emplace_back("Access-Control-Request-Method", "POST");
  EXPECT_EQ(status_of(preflight, options, "OPTIONS"), 204);
  EXPECT_EQ(status_of(preflight, {}, "OPTIONS"), 403);
  for (const char* bad : {"", "localhost", "*", "http://a/b", "ftp://a", "http://a b"})
    EXPECT_FALSE(Admission::create({.origins = {bad}})) << bad;
}

TEST(Admission, CorsHeadersGoToAllowedOriginsAlone) {
  const auto admission = Admission::create({.origins = {"http://localhost:3000"}});
  ASSERT_TRUE(admission);
  const Handler handler = admission->with_cors(
      [](const HttpRequest&, const Respond& respond) { respond([] { return HttpReply{}; }); });
  const auto headers_for = [&](std::string origin) {
    Headers got;
    handler({.headers = {{"Origin", std::move(origin)}}},
            [&](const std::function<HttpReply()>& make) { got = make().headers; });
    return got;
  };
  EXPECT_THAT(
      headers_for("http://localhost:3000"),
      testing::Contains(testing::Pair("Access-Control-Allow-Origin", "http://localhost:3000")));
  EXPECT_TRUE(headers_for("http://localhost:4566").empty());
}

}  // namespace
}  // namespace kiban::runtime
