// Connections, API destinations and the requests that are made through them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/base/table_service.h"
#include "services/cloudwatch/service.h"
#include "services/events/http_request.h"
#include "services/events/service.h"
#include "services/secretsmanager/service.h"
#include "services/sqs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::events {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view role = "arn:aws:iam::000000000000:role/rule";

TEST(HttpRequest, EncodesFormsAsStepFunctionsDocuments) {
  const json::object array{{"array", {"a", "b"}}};
  EXPECT_EQ(encode_form(array, "INDICES"), "array%5B0%5D=a&array%5B1%5D=b");
  EXPECT_EQ(encode_form(array, "REPEAT"), "array=a&array=b");
  EXPECT_EQ(encode_form(array, "BRACKETS"), "array%5B%5D=a&array%5B%5D=b");
  EXPECT_EQ(encode_form(array, "COMMAS"), "array=a,b");
  const json::object invoice{{"description", "Monthly subscription"},
                             {"metadata", {{"order_details", "a&b"}}},
                             {"paid", true},
                             {"note", nullptr}};
  EXPECT_EQ(encode_form(invoice, "INDICES"),
            "description=Monthly%20subscription&metadata%5Border_details%5D=a%26b&paid=true&note=");
}

TEST(HttpRequest, PlainHttpIsForLoopbackOnly) {
  for (const char* good : {"https://example.com/a", "http://localhost:8080/a", "http://127.0.0.1",
                           "http://127.1.2.3:1?q", "http://[::1]:8080/", "http://api.localhost/"})
    EXPECT_EQ(complaint_about(good), "") << good;
  for (const char* bad : {"http://example.com/", "http://127.0.0.1.example.com/", "ftp://localhost",
                          "http://user@localhost/", "http://10.0.0.1/", "localhost", "https://"})
    EXPECT_NE(complaint_about(bad), "") << bad;
}

TEST(HttpRequest, WhatTheConnectionAddsGoesBefore) {
  const auto request = build_request({{"Method", "POST"},
                                      {"Url", "https://example.com/path?a=1"},
                                      {"Headers", {{"Request-Id", "r"}, {"header-param", "mine"}}},
                                      {"Query", {{"q", "mine"}, {"list", {"x", "y"}}}},
                                      {"Body", {{"Job", "Engineer"}, {"BodyParam", "mine"}}},
                                      {"ContentType", "application/json"},
                                      {"Fixed", {{"User-Agent", "kiban"}}}},
                                     {.headers = {{"Header-Param", "theirs"}, {"user-agent", "x"}},
                                      .query = {{"q", "their s"}},
                                      .body = {{"BodyParam", "theirs"}}});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->at("Url"), "https://example.com/path?a=1&list=x&list=y&q=their%20s");
  EXPECT_EQ(print_json(request->at("Headers")),
            R"({"Request-Id":"r","header-param":"theirs","user-agent":"kiban",)"
            R"("Content-Type":"application/json"})");
  EXPECT_EQ(request->at("Body"), R"({"Job":"Engineer","BodyParam":"theirs"})");
  EXPECT_EQ(build_request({{"Body", "text"}}, {.body = {{"a", "b"}}}).error().name,
            "States.Runtime");
}

class Http : public ServiceTest {
 protected:
  Http()
      : ServiceTest("events", {cloudwatch::make_cloudwatch, make_events,
                               secretsmanager::make_secretsmanager, sqs::make_sqs}) {}

  json::object connect(std::string_view name, std::string_view type, json::object parameters) {
    return call(
        "CreateConnection",
        {{"Name", name}, {"AuthorizationType", type}, {"AuthParameters", std::move(parameters)}});
  }
  std::string basic(std::string_view name = "b") {
    return text(
        connect(name, "BASIC", {{"BasicAuthParameters", {{"Username", "u"}, {"Password", "p"}}}}),
        "ConnectionArn");
  }
  std::string oauth() {
    return text(
        connect("o", "OAUTH_CLIENT_CREDENTIALS",
                {{"OAuthParameters",
                  {{"ClientParameters", {{"ClientID", "id"}, {"ClientSecret", "top secret"}}},
                   {"AuthorizationEndpoint", "http://localhost:1/token"},
                   {"HttpMethod", "POST"},
                   {"OAuthHttpParameters",
                    {{"BodyParameters",
                      {{{"Key", "audience"}, {"Value", "all"}, {"IsValueSecret", true}}}}}}}}}),
        "ConnectionArn");
  }
  // A rule for every event of source "s" whose target is an API destination of that connection.
  std::string aim(const std::string& connection, json::object destination = {},
                  json::object target = {}) {
    destination["Name"] = "d";
    destination["ConnectionArn"] = connection;
    if (!destination.contains("InvocationEndpoint"))
      destination["InvocationEndpoint"] = "http://localhost:2/hook";
    destination["HttpMethod"] = "POST";
    const std::string arn = text(call("CreateApiDestination", destination), "ApiDestinationArn");
    call("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
    target["Id"] = "t";
    target["Arn"] = arn;
    target["RoleArn"] = role;
    call("PutTargets", {{"Rule", "r"}, {"Targets", {target}}});
    return arn;
  }
  void put_event(std::string_view detail = R"({"n":7})") {
    call("PutEvents", {{"Entries", {{{"Source", "s"}, {"DetailType", "t"}, {"Detail", detail}}}}});
  }
  std::vector<Effect> pending() { return kernel_->pending_effects(); }
  void answer(const Effect& effect, json::object reply) {
    kernel_->outcome("events", {.id = effect.id, .payload = std::move(reply)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  void run_for(Duration duration) {
    kernel_->run_until_idle(now_, now_ + duration, ++seed_);
    now_ += duration;
  }
  std::string state(std::string_view name) {
    return text(call("DescribeConnection", {{"Name", name}}), "ConnectionState");
  }
};

TEST_F(Http, AConnectionKeepsItsSecretsInSecretsManagerAndTellsNone) {
  const auto made = connect("c", "BASIC",
                            {{"BasicAuthParameters", {{"Username", "u"}, {"Password", "hush"}}},
                             {"InvocationHttpParameters",
                              {{"HeaderParameters",
                                {{{"Key", "X-A"}, {"Value", "hush too"}, {"IsValueSecret", true}},
                                 {{"Key", "X-B"}, {"Value", "open"}}}}}}});
  EXPECT_EQ(made.at("ConnectionState"), "AUTHORIZED");
  const std::string arn = text(made, "ConnectionArn");
  EXPECT_TRUE(arn.starts_with("arn:aws:events:ap-northeast-1:000000000000:connection/c/")) << arn;

  const auto shown = call("DescribeConnection", {{"Name", "c"}});
  EXPECT_EQ(print_json(shown).find("hush"), std::string::npos) << print_json(shown);
  EXPECT_EQ(print_json(shown.at("AuthParameters")),
            R"({"BasicAuthParameters":{"Username":"u"},"InvocationHttpParameters":)"
            R"({"HeaderParameters":[{"Key":"X-A","IsValueSecret":true},)"
            R"({"Key":"X-B","Value":"open","IsValueSecret":false}]}})");
  const std::string secret_arn = text(shown, "SecretArn");
  EXPECT_NE(secret_arn.find(":secret:events!connection/c/"), std::string::npos) << secret_arn;
  const auto secret = call("secretsmanager", "GetSecretValue", {{"SecretId", secret_arn}});
  EXPECT_NE(text(secret, "SecretString").find(R"("password":"hush")"), std::string::npos);

  EXPECT_EQ(refused("CreateConnection",
                    {{"Name", "c"},
                     {"AuthorizationType", "BASIC"},
                     {"AuthParameters",
                      {{"BasicAuthParameters", {{"Username", "u"}, {"Password", "p"}}}}}}),
            "ResourceAlreadyExistsException");
  EXPECT_EQ(refused("CreateConnection",
                    {{"Name", "k"},
                     {"AuthorizationType", "API_KEY"},
                     {"AuthParameters",
                      {{"BasicAuthParameters", {{"Username", "u"}, {"Password", "p"}}}}}}),
            "ValidationException");

  call("UpdateConnection",
       {{"Name", "c"}, {"AuthParameters", {{"BasicAuthParameters", {{"Password", "new"}}}}}});
  const auto updated = call("secretsmanager", "GetSecretValue", {{"SecretId", secret_arn}});
  const std::string value = text(updated, "SecretString");
  EXPECT_NE(value.find(R"("username":"u","password":"new")"), std::string::npos) << value;
  EXPECT_NE(value.find("hush too"), std::string::npos) << value;

  EXPECT_EQ(call("DeauthorizeConnection", {{"Name", "c"}}).at("ConnectionState"), "DEAUTHORIZING");
  EXPECT_EQ(state("c"), "DEAUTHORIZED");
  EXPECT_EQ(refusal("secretsmanager", "GetSecretValue", {{"SecretId", secret_arn}}).name,
            "ResourceNotFoundException");
  EXPECT_EQ(call("ListConnections", {{"ConnectionState", "AUTHORIZED"}})
                .at("Connections")
                .as_array()
                .size(),
            0U);
  EXPECT_EQ(call("DeleteConnection", {{"Name", "c"}}).at("ConnectionState"), "DELETING");
  EXPECT_EQ(refused("DescribeConnection", {{"Name", "c"}}), "ResourceNotFoundException");
}

TEST_F(Http, AnApiDestinationGetsTheEvent) {
  const std::string arn = aim(basic(), {{"InvocationEndpoint", "http://localhost:2/*/x/*"}},
                              {{"InputPath", "$.detail"},
                               {"HttpParameters",
                                {{"PathParameterValues", {"a b", "$.detail.n"}},
                                 {"HeaderParameters", {{"X-Source", "$.source"}}},
                                 {"QueryStringParameters", {{"v", "1"}}}}}});
  EXPECT_EQ(call("DescribeApiDestination", {{"Name", "d"}}).at("ApiDestinationState"), "ACTIVE");
  put_event();
  const auto effects = pending();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].kind, "http.post");
  const json::object& sent = effects[0].payload;
  EXPECT_EQ(sent.at("Url"), "http://localhost:2/a%20b/x/7?v=1");
  EXPECT_EQ(sent.at("Body"), R"({"n":7})");
  EXPECT_EQ(sent.at("TimeoutSeconds").to_number<int>(), 5);
  EXPECT_EQ(print_json(sent.at("Headers")),
            R"({"X-Source":"s","Authorization":"Basic dTpw",)"
            R"("Content-Type":"application/json; charset=utf-8",)"
            R"("User-Agent":"Amazon/EventBridge/ApiDestinations","Range":"bytes=0-1048575",)"
            R"("Accept-Encoding":"gzip,deflate"})");
  answer(effects[0], {{"Status", 200}, {"Reason", "OK"}, {"Headers", json::array{}}});
  run_for(1h);
  EXPECT_TRUE(pending().empty());
  EXPECT_EQ(refused("PutTargets", {{"Rule", "r"}, {"Targets", {{{"Id", "u"}, {"Arn", arn}}}}}),
            "ValidationException");  // Without a role.
}

TEST_F(Http, ADeliveryIsTriedAgainThenADeadLetter) {
  call("sqs", "CreateQueue", {{"QueueName", "dead"}});
  aim(basic(), {},
      {{"RetryPolicy", {{"MaximumRetryAttempts", 2}}},
       {"DeadLetterConfig", {{"Arn", "arn:aws:sqs:ap-northeast-1:000000000000:dead"}}}});
  put_event();
  auto effects = pending();
  answer(effects.at(0), {{"Status", 503},
                         {"Reason", "Busy"},
                         {"Headers", parse_json(R"([["retry-after","60"]])").value()}});
  run_for(59s);
  EXPECT_TRUE(pending().empty());  // It asked for a minute.
  run_for(1s);
  effects = pending();
  ASSERT_EQ(effects.size(), 1U);
  answer(effects[0], {{"Error", "ConnectFailed"}, {"Cause", "refused"}});
  run_for(2s);
  effects = pending();
  ASSERT_EQ(effects.size(), 1U);
  answer(effects[0], {{"Status", 500}, {"Reason", "Oh"}, {"Headers", json::array{}}});
  run_for(1h);
  EXPECT_TRUE(pending().empty());
  const auto got = call("sqs", "ReceiveMessage",
                        {{"QueueUrl", "http://127.0.0.1:4566/000000000000/dead"},
                         {"MessageAttributeNames", {"All"}}});
  const json::object& attributes =
      got.at("Messages").as_array().at(0).at("MessageAttributes").as_object();
  EXPECT_EQ(attributes.at("ERROR_CODE").at("StringValue"), "ERROR_FROM_TARGET");
  EXPECT_EQ(attributes.at("ERROR_MESSAGE").at("StringValue"), "HTTP 500 Oh");
  EXPECT_EQ(attributes.at("RETRY_ATTEMPTS").at("StringValue"), "2");
}

TEST_F(Http, ANotFoundIsFinalAndA401Deauthorises) {
  aim(basic());
  put_event();
  answer(pending().at(0), {{"Status", 404}, {"Reason", "Not Found"}, {"Headers", json::array{}}});
  run_for(1h);
  EXPECT_TRUE(pending().empty());
  put_event();
  answer(pending().at(0), {{"Status", 401}, {"Reason", "No"}, {"Headers", json::array{}}});
  EXPECT_EQ(state("b"), "DEAUTHORIZED");
  EXPECT_EQ(call("DescribeApiDestination", {{"Name", "d"}}).at("ApiDestinationState"), "INACTIVE");
  run_for(10s);
  EXPECT_TRUE(pending().empty());  // Nothing is sent while it is not authorised.
  call("UpdateConnection",
       {{"Name", "b"}, {"AuthParameters", {{"BasicAuthParameters", {{"Password", "q"}}}}}});
  run_for(1h);
  ASSERT_EQ(pending().size(), 1U);
  EXPECT_EQ(pending()[0].payload.at("Headers").at("Authorization"), "Basic dTpx");
}

TEST_F(Http, ATokenIsFetchedOnceAndKeptUntilItExpires) {
  const std::string connection = oauth();
  EXPECT_EQ(state("o"), "AUTHORIZING");
  auto effects = pending();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].payload.at("Url"), "http://localhost:1/token");
  EXPECT_EQ(effects[0].payload.at("Body"),
            "grant_type=client_credentials&client_id=id&client_secret=top%20secret&audience=all");
  answer(effects[0], {{"Status", 200}, {"Body", R"({"access_token":"one","expires_in":3600})"}});
  EXPECT_EQ(state("o"), "AUTHORIZED");
  aim(connection);
  put_event();
  put_event();
  effects = pending();
  ASSERT_EQ(effects.size(), 2U);
  for (const Effect& effect : effects) {
    EXPECT_EQ(effect.payload.at("Headers").at("Authorization"), "Bearer one");
    answer(effect, {{"Status", 200}, {"Headers", json::array{}}});
  }
  run_for(59min + 1s);  // Less than a minute is left.
  put_event();
  put_event();
  effects = pending();
  ASSERT_EQ(effects.size(), 1U);  // Both wait for the one new token.
  answer(effects[0], {{"Status", 200}, {"Body", R"({"access_token":"two"})"}});
  effects = pending();
  ASSERT_EQ(effects.size(), 2U);
  EXPECT_EQ(effects[0].payload.at("Headers").at("Authorization"), "Bearer two");
  // Refused: the next call has a new one.
  answer(effects[0], {{"Status", 401}, {"Reason", "Old"}, {"Headers", json::array{}}});
  answer(effects[1], {{"Status", 200}, {"Headers", json::array{}}});
  run_for(2s);
  effects = pending();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].payload.at("Url"), "http://localhost:1/token");
  // None to be had: the connection is not authorised any more.
  answer(effects[0], {{"Status", 400}, {"Reason", "Bad Request"}});
  const auto shown = call("DescribeConnection", {{"Name", "o"}});
  EXPECT_EQ(shown.at("ConnectionState"), "DEAUTHORIZED");
  EXPECT_EQ(shown.at("StateReason"),
            "No OAuth token could be had: the authorization endpoint answered 400 Bad Request.");
}

TEST_F(Http, ADestinationIsCalledNoOftenerThanItsRate) {
  aim(basic(), {{"InvocationRateLimitPerSecond", 2}});
  for (int i = 0; i < 5; ++i) put_event();
  EXPECT_EQ(pending().size(), 2U);
  run_for(1s);
  EXPECT_EQ(pending().size(), 4U);
  run_for(1s);
  EXPECT_EQ(pending().size(), 5U);
}

TEST_F(Http, ACallOutlivesARestart) {
  aim(basic());
  put_event();
  restart();
  const auto effects = pending();
  ASSERT_EQ(effects.size(), 1U);
  answer(effects[0], {{"Status", 500}, {"Reason", "Oh"}, {"Headers", json::array{}}});
  run_for(2s);
  EXPECT_EQ(pending().size(), 1U);
}

}  // namespace
}  // namespace kiban::services::events
