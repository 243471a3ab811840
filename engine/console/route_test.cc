#include "console/route.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>

#include "api/sigv4.h"
#include "console/links.h"
#include "core/json.h"
#include "core/letters.h"

namespace kiban::console {
namespace {

using runtime::Headers;
using runtime::HttpReply;
using runtime::HttpRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::array<Asset, 1> files{
    {{.path = "index.html", .type = "text/html", .etag = "\"i\"", .gzip = "gz", .brotli = "br"}}};

std::string header(const HttpReply& reply, std::string_view wanted) {
  for (const auto& [name, value] : reply.headers)
    if (name == wanted) return value;
  return "";
}

class Console : public ::testing::Test {
 protected:
  HttpReply send(HttpRequest request, const runtime::Handler& handler) {
    HttpReply reply{.status = 0};
    handler(std::move(request),
            [&reply](const std::function<HttpReply()>& make) { reply = make(); });
    return reply;
  }

  HttpReply ask(std::string method, const std::string& path, Headers headers = {},
                std::string body = "") {
    headers.emplace_back("Host", "127.0.0.1:4566");
    return send({.method = std::move(method),
                 .target = std::string(console_path) + path,
                 .headers = std::move(headers),
                 .body = std::move(body)},
                route_.handler());
  }

  std::string fresh_code() {
    const HttpReply reply =
        send({.method = "POST", .target = std::string(link_path)}, route_.link_handler());
    const std::string path = text(parse_json(reply.body)->as_object(), "path");
    return path.substr(path.find("#code=") + 6);
  }

  HttpReply redeem(const std::string& code, Headers headers = {{"X-Kiban-Console", "1"}}) {
    return ask("POST", "/session", std::move(headers), print_json(json::object{{"code", code}}));
  }

  // Headers of a page that has a session.
  Headers signed_in() {
    const std::string cookie = header(redeem(fresh_code()), "Set-Cookie");
    return {{"Cookie", "other=1; " + cookie.substr(0, cookie.find(';'))},
            {"X-Kiban-Console", "1"},
            {"Origin", "http://127.0.0.1:4566"},
            {"Sec-Fetch-Site", "same-origin"}};
  }

  Headers signed_in_but(std::string_view name, const std::string& value) {
    Headers headers = signed_in();
    std::erase_if(headers, [name](const auto& each) { return each.first == name; });
    if (!value.empty()) headers.emplace_back(name, value);
    return headers;
  }

  Timestamp now_{Duration{1'764'000'000'000}};
  int drawn_{0};
  std::vector<HttpRequest> forwarded_{};
  ConsoleRoute route_{{.root = {.access_key_id = "AKIAROOT", .secret_access_key = "root-secret"},
                       .token = "own-token",
                       .region = "eu-west-1",
                       .files = files,
                       .now = [this] { return now_; },
                       .random_hex = [this] { return fmt::format("{:064x}", ++drawn_); },
                       .forward =
                           [this](HttpRequest request, const runtime::Respond& respond) {
                             forwarded_.push_back(std::move(request));
                             respond([] { return HttpReply{.body = "{}"}; });
                           }}};
};

const std::string list_machines =
    R"({"service": "states", "operation": "ListStateMachines", "input": {"maxResults": 5}})";

TEST_F(Console, ALinkOpensASession) {
  const HttpReply reply = redeem(fresh_code());
  EXPECT_EQ(reply.status, 200);
  const std::string cookie = header(reply, "Set-Cookie");
  for (const char* attribute :
       {"; HttpOnly", "; SameSite=Strict", "; Path=/_kiban/console", "; Max-Age=43200"})
    EXPECT_THAT(cookie, HasSubstr(attribute));
  EXPECT_THAT(reply.body, Not(HasSubstr("secret")));
  EXPECT_EQ(ask("GET", "/session", signed_in()).status, 200);
  EXPECT_EQ(ask("GET", "/session", {{"X-Kiban-Console", "1"}}).status, 401);
}

TEST_F(Console, AReplayedLinkIsRefused) {
  const std::string code = fresh_code();
  EXPECT_EQ(redeem(code).status, 200);
  const HttpReply replayed = redeem(code);
  EXPECT_EQ(replayed.status, 403);
  EXPECT_THAT(replayed.body, HasSubstr("LinkUsed"));
  EXPECT_THAT(header(replayed, "Set-Cookie"), IsEmpty());
}

TEST_F(Console, ACallIsSignedAsTheRoot) {
  EXPECT_EQ(ask("POST", "/api", signed_in(), list_machines).status, 200);
  ASSERT_EQ(forwarded_.size(), 1U);
  const HttpRequest& made = forwarded_.front();
  EXPECT_EQ(made.target, "/");
  EXPECT_EQ(made.body, R"({"maxResults":5})");
  api::HttpRequest request{
      .method = made.method, .path = "/", .headers = made.headers, .body = made.body};
  api::Verifier verifier;
  const auto verified = verifier.verify(
      request, api::identify(request),
      [](std::string_view) { return api::Key{.secret = "root-secret"}; }, now_);
  ASSERT_TRUE(verified) << verified.error().cause;
  EXPECT_EQ(verified->access_key_id, "AKIAROOT");
  EXPECT_EQ(verified->region, "eu-west-1");
}

// Of services that speak no JSON: the request is signed as it is.
TEST_F(Console, ARequestOfAnotherProtocolIsSignedToo) {
  EXPECT_EQ(ask("POST", "/api", signed_in(),
                R"({"service": "s3", "request": {"path": "/bucket", "query": "list-type=2"}})")
                .status,
            200);
  EXPECT_EQ(ask("POST", "/api", signed_in(),
                R"({"service": "sns", "request": {"method": "POST", "body": "Action=ListTopics",
                    "type": "application/x-www-form-urlencoded"}})")
                .status,
            200);
  ASSERT_EQ(forwarded_.size(), 2U);
  EXPECT_EQ(forwarded_[0].target, "/bucket?list-type=2");
  EXPECT_EQ(forwarded_[1].body, "Action=ListTopics");
  api::Verifier verifier;
  for (const auto& [made, query] : {std::pair{forwarded_[0], "list-type=2"}, {forwarded_[1], ""}}) {
    api::HttpRequest request{.method = made.method,
                             .path = made.target.substr(0, made.target.find('?')),
                             .query = query,
                             .headers = made.headers,
                             .body = made.body};
    const auto verified = verifier.verify(
        request, api::identify(request),
        [](std::string_view) { return api::Key{.secret = "root-secret"}; }, now_);
    EXPECT_TRUE(verified) << verified.error().cause;
  }
}

TEST_F(Console, ARequestReachesTheAwsApiAlone) {
  for (const char* raw :
       {R"({"path": "/_kiban/backup"})", R"({"path": "/v2/"})", R"({"path": "x"})",
        R"({"path": "/a?b"})", R"({"method": "CONNECT"})", R"({"path": "/a\r\nX: y"})",
        R"({"query": "a b"})", R"({"type": "a\nX-Kiban-Token: b"})"})
    EXPECT_EQ(
        ask("POST", "/api", signed_in(), fmt::format(R"({{"service": "s3", "request": {}}})", raw))
            .status,
        400)
        << raw;
  EXPECT_THAT(forwarded_, IsEmpty());
}

TEST_F(Console, NothingIsForwardedWithoutASession) {
  const std::vector<std::pair<std::string, Headers>> attacks{
      {"no cookie", signed_in_but("Cookie", "")},
      {"another cookie", signed_in_but("Cookie", "kiban-console=1.2.3")},
      {"an empty cookie", signed_in_but("Cookie", "=; ;")},
      {"no header", signed_in_but("X-Kiban-Console", "")},
      {"another site", signed_in_but("Sec-Fetch-Site", "cross-site")},
      {"another port", signed_in_but("Sec-Fetch-Site", "same-site")},
      {"a link", signed_in_but("Sec-Fetch-Site", "none")},
      {"another origin", signed_in_but("Origin", "http://localhost:3000")},
      {"an opaque origin", signed_in_but("Origin", "null")},
      {"an origin that begins alike",
       signed_in_but("Origin", "http://127.0.0.1:4566.evil.example")}};
  for (const auto& [who, headers] : attacks)
    for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
             {"POST", "/api"}, {"GET", "/own/clock"}, {"POST", "/own/clock"}, {"GET", "/stream"}}) {
      const HttpReply reply = ask(method, path, headers, list_machines);
      EXPECT_TRUE(reply.status == 401 || reply.status == 403) << who << path << reply.status;
    }
  EXPECT_THAT(forwarded_, IsEmpty());
}

TEST_F(Console, ASessionExpires) {
  const Headers headers = signed_in();
  EXPECT_EQ(ask("POST", "/api", headers, list_machines).status, 200);
  now_ += std::chrono::hours{12};
  const HttpReply reply = ask("POST", "/api", headers, list_machines);
  EXPECT_EQ(reply.status, 401);
  EXPECT_THAT(reply.body, HasSubstr("NoSession"));
}

TEST_F(Console, OnlyTheRoutesThatAPageNeedsAreAsked) {
  EXPECT_EQ(ask("GET", "/own/clock", signed_in()).status, 200);
  EXPECT_EQ(ask("GET", "/own/timers/events/rule/eu-west-1/night", signed_in()).status, 200);
  for (const char* path : {"/own/backup", "/own/metrics", "/own/console-link", "/own/",
                           "/own/clockx", "/own/../clock", "/own/backups"})
    EXPECT_EQ(ask("POST", path, signed_in()).status, 404) << path;
  EXPECT_EQ(ask("GET", "/own/mail/3", signed_in()).status, 200);
  EXPECT_EQ(ask("GET", "/own/decisions?denied=true", signed_in()).status, 200);
  ASSERT_EQ(forwarded_.size(), 4U);
  EXPECT_EQ(forwarded_[2].target, "/_kiban/mail/3");
  EXPECT_EQ(forwarded_[3].target, "/_kiban/decisions?denied=true");
  EXPECT_EQ(forwarded_[0].target, "/_kiban/clock");
  EXPECT_EQ(forwarded_[1].target, "/_kiban/timers/events/rule/eu-west-1/night");
}

TEST_F(Console, AWrongCallIsToldWhatIsMissing) {
  for (const char* body : {"", "[]", "{", R"({"service": "states"})",
                           R"({"service": "states", "operation": "X", "input": []})"})
    EXPECT_EQ(ask("POST", "/api", signed_in(), body).status, 400) << body;
  const HttpReply unknown = ask("POST", "/api", signed_in(),
                                R"({"service": "lambda", "operation": "Invoke", "input": {}})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_THAT(unknown.body, HasSubstr("lambda"));
  EXPECT_EQ(ask("GET", "/api", signed_in()).status, 405);
}

TEST_F(Console, EveryReplyHasTheSecurityHeaders) {
  for (const char* path : {"/", "/executions", "/session", "/api", "/stream", "/assets/none.js"}) {
    const HttpReply reply = ask("GET", path);
    EXPECT_THAT(header(reply, "Content-Security-Policy"), HasSubstr("default-src 'none'")) << path;
    EXPECT_EQ(header(reply, "X-Content-Type-Options"), "nosniff") << path;
    EXPECT_THAT(header(reply, "Cache-Control"), Not(IsEmpty())) << path;
  }
}

TEST_F(Console, OnlyWhatIsBelowThePrefixIsThePage) {
  EXPECT_EQ(ask("GET", "").status, 308);
  EXPECT_EQ(ask("GET", "/anything?x=1").body, "br");
  EXPECT_EQ(ask("GET", "x").status, 404);
}

TEST(Links, AnArnIsAPath) {
  EXPECT_EQ(execution_page("arn:aws:states:eu-west-1:000000000000:execution:nightly:run 1?#%"),
            "/_kiban/console/executions/arn:aws:states:eu-west-1:000000000000:execution:nightly:"
            "run%201%3F%23%25");
}

}  // namespace
}  // namespace kiban::console
