#include <gmock/gmock.h>

#include "api/codec.h"
#include "services/cloudformation/fixture.h"
#include "services/cloudformation/signals.h"

namespace kiban::services::cloudformation {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

const std::string topic = "arn:aws:sns:ap-northeast-1:000000000000:provider";
const std::string function = "arn:aws:lambda:ap-northeast-1:000000000000:function:provider";

std::string with_custom(const std::string& token, const std::string& properties,
                        const std::string& attributes = {}) {
  return fmt::format(
      R"({{"Resources":{{"C":{{"Type":"Custom::Thing","Properties":{{"ServiceToken":"{}"{}}}{}}},)"
      R"("T":{{"Type":"AWS::SNS::Topic","Properties":{{"DisplayName":{{"Fn::GetAtt":["C","Name"]}}}}}}}},)"
      R"("Outputs":{{"Id":{{"Value":{{"Ref":"C"}}}}}}}})",
      token, properties, attributes);
}

class Provider {
 public:
  explicit Provider(World& world) : world_(world) {
    world.script.answers["sns:Publish"] = [this](Context&, const json::object& in) {
      requests.push_back(parse_json(text(in, "Message")).value().as_object());
      return Result<json::object>(json::object{{"MessageId", "m"}});
    };
    world.script.answers["lambda:Invoke"] = [this](Context&, const json::object& in) {
      EXPECT_EQ(text(in, "InvocationType"), "Event");
      const std::string payload = api::decode_base64(text(in, "Payload")).value();
      requests.push_back(parse_json(payload).value().as_object());
      return Result<json::object>(json::object{{"StatusCode", 202}});
    };
  }

  const json::object& last() const { return requests.back(); }

  // The response to the last request, with other members than SUCCESS and the id "thing".
  Result<json::object> respond(json::object changed = {}) {
    json::object response{{"Status", "SUCCESS"},
                          {"PhysicalResourceId", "thing"},
                          {"StackId", last().at("StackId")},
                          {"RequestId", last().at("RequestId")},
                          {"LogicalResourceId", last().at("LogicalResourceId")},
                          {"Data", {{"Name", "made"}}}};
    for (auto& member : changed) response[member.key()] = member.value();
    return send(print_json(response));
  }
  Result<json::object> send(const std::string& body) {
    return world_.call("kiban:Signal",
                       {{"Token", token_of(text(last(), "ResponseURL"))}, {"Body", body}});
  }

  std::vector<json::object> requests{};

 private:
  World& world_;
};

void create(World& world, const std::string& body) {
  const auto reply = world.call("CreateStack", {{"StackName", "s"}, {"TemplateBody", body}});
  ASSERT_TRUE(reply) << reply.error().cause;
}

void update(World& world, const std::string& body) {
  const auto reply = world.call("UpdateStack", {{"StackName", "s"}, {"TemplateBody", body}});
  ASSERT_TRUE(reply) << reply.error().cause;
}

TEST(CustomResource, IsMadeChangedAndDeletedByItsProvider) {
  for (const std::string& token : {topic, function}) {
    World world;
    Provider provider(world);
    create(world, with_custom(token, R"(,"Size":3,"Flags":[true])"));
    EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
    EXPECT_EQ(text(provider.last(), "RequestType"), "Create");
    EXPECT_EQ(text(provider.last(), "ResourceType"), "Custom::Thing");
    EXPECT_FALSE(provider.last().contains("PhysicalResourceId"));
    EXPECT_EQ(print_json(provider.last().at("ResourceProperties")),
              R"({"ServiceToken":")" + token + R"(","Size":"3","Flags":["true"]})");
    ASSERT_TRUE(provider.respond());
    EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
    EXPECT_EQ(text(world.script.calls.back().input.at("Attributes").as_object(), "DisplayName"),
              "made");
    EXPECT_EQ(world.stack("s").at("Outputs").at(0).at("OutputValue"), "thing");

    update(world, with_custom(token, R"(,"Size":4)"));
    EXPECT_EQ(text(provider.last(), "RequestType"), "Update");
    EXPECT_EQ(text(provider.last(), "PhysicalResourceId"), "thing");
    EXPECT_EQ(print_json(provider.last().at("OldResourceProperties").at("Size")), R"("3")");
    ASSERT_TRUE(provider.respond());
    EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");

    ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
    EXPECT_EQ(text(provider.last(), "RequestType"), "Delete");
    EXPECT_EQ(text(provider.last(), "PhysicalResourceId"), "thing");
    EXPECT_EQ(provider.requests.size(), 3U);
    ASSERT_TRUE(provider.respond());
    EXPECT_THAT(world.status("s"), HasSubstr("does not exist"));
  }
}

TEST(CustomResource, IsAnsweredAtAUrlThatFunctionsReach) {
  for (const std::string& token : {topic, function}) {
    World world{{.function_endpoint = "http://169.254.170.2:4566"}};
    Provider provider(world);
    create(world, with_custom(token, ""));
    EXPECT_EQ(text(provider.last(), "ResponseURL").starts_with("http://169.254.170.2:4566/_kiban/"),
              token == function);
    ASSERT_TRUE(provider.respond());
    EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
  }
}

TEST(CustomResource, AnswersOnce) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, ""));
  ASSERT_TRUE(provider.respond());
  EXPECT_EQ(provider.respond().error().name, "AccessDenied");
}

TEST(CustomResource, ThatGetsAnotherIdIsDeletedUnderTheOldOne) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, R"(,"Size":3)"));
  ASSERT_TRUE(provider.respond());
  update(world, with_custom(topic, R"(,"Size":4)"));
  ASSERT_TRUE(provider.respond({{"PhysicalResourceId", "other"}}));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
  EXPECT_EQ(text(provider.last(), "RequestType"), "Delete");
  EXPECT_EQ(text(provider.last(), "PhysicalResourceId"), "thing");
  EXPECT_EQ(print_json(provider.last().at("ResourceProperties").at("Size")), R"("3")");
  ASSERT_TRUE(provider.respond());
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");
  EXPECT_EQ(world.stack("s").at("Outputs").at(0).at("OutputValue"), "other");
}

TEST(CustomResource, IsPutBackAndTheNewOneDeletedWhenAnUpdateFails) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, R"(,"Size":3)"));
  ASSERT_TRUE(provider.respond());
  world.script.answers["sns:SetTopicAttributes"] = [](Context&, const json::object& in) {
    return text(in, "AttributeValue") == "new"
               ? Result<json::object>(fail("InvalidParameter", "no"))
               : Result<json::object>(json::object{});
  };
  update(world, with_custom(topic, R"(,"Size":4)"));
  ASSERT_TRUE(provider.respond({{"PhysicalResourceId", "other"}, {"Data", {{"Name", "new"}}}}));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_IN_PROGRESS");
  EXPECT_EQ(text(provider.last(), "RequestType"), "Update");
  EXPECT_EQ(text(provider.last(), "PhysicalResourceId"), "other");
  EXPECT_EQ(print_json(provider.last().at("ResourceProperties").at("Size")), R"("3")");
  ASSERT_TRUE(provider.respond());
  world.pass(2s);
  EXPECT_EQ(text(provider.last(), "RequestType"), "Delete");
  EXPECT_EQ(text(provider.last(), "PhysicalResourceId"), "other");
  EXPECT_EQ(print_json(provider.last().at("ResourceProperties").at("Size")), R"("4")");
  ASSERT_TRUE(provider.respond());
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
}

TEST(CustomResource, ThatFailsIsRolledBackWithTheIdItHas) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, ""));
  ASSERT_TRUE(provider.respond({{"Status", "FAILED"}, {"Reason", "no room"}}));
  EXPECT_EQ(world.reason("s", "C", "CREATE_FAILED"),
            "Received response status [FAILED] from custom resource. Message returned: no room "
            "(RequestId: " +
                text(provider.requests.front(), "RequestId") + ")");
  EXPECT_EQ(text(provider.last(), "RequestType"), "Delete");
  EXPECT_EQ(text(provider.last(), "PhysicalResourceId"), "thing");
  ASSERT_TRUE(provider.respond());
  EXPECT_EQ(world.status("s"), "ROLLBACK_COMPLETE");
}

TEST(CustomResource, RefusesResponsesThatAreNone) {
  const auto reason = [](const std::function<void(Provider&)>& send) {
    World world;
    Provider provider(world);
    create(world, with_custom(topic, ""));
    send(provider);
    return world.reason("s", "C", "CREATE_FAILED");
  };
  EXPECT_EQ(reason([](Provider& p) { EXPECT_TRUE(p.send(std::string(4'097, 'x'))); }),
            "Response object is too long.");
  EXPECT_EQ(reason([](Provider& p) { EXPECT_TRUE(p.send("[]")); }),
            "Invalid response: the response is not a valid JSON object.");
  EXPECT_EQ(reason([](Provider& p) { EXPECT_TRUE(p.respond({{"PhysicalResourceId", ""}})); }),
            "Invalid PhysicalResourceId");
  EXPECT_EQ(reason([](Provider& p) { EXPECT_TRUE(p.respond({{"RequestId", "another"}})); }),
            "Invalid response: RequestId must be copied from the request.");
  EXPECT_EQ(reason([](Provider& p) { EXPECT_TRUE(p.respond({{"Status", "DONE"}})); }),
            "Invalid response: Status must be SUCCESS or FAILED.");
}

TEST(CustomResource, FailsWhenNoResponseComesInTime) {
  for (const auto& [timeout, patience] : {std::pair<std::string, std::chrono::seconds>{"", 3'600s},
                                          {R"(,"ServiceTimeout":60)", 60s}}) {
    World world;
    Provider provider(world);
    create(world, with_custom(topic, timeout));
    const std::string request = text(provider.last(), "RequestId");
    world.pass(patience - 12s);
    EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
    world.pass(24s);
    EXPECT_THAT(world.reason("s", "C", "CREATE_FAILED"),
                HasSubstr("CloudFormation did not receive a response from your custom resource. "
                          "Please check your logs for requestId [" +
                          request + "]"));
    EXPECT_EQ(world.status("s"), "ROLLBACK_IN_PROGRESS");
  }
}

TEST(CustomResource, NamesWhatItCannotDo) {
  const auto reason = [](const std::string& token, const std::string& properties) {
    World world;
    Provider provider(world);
    world.script.answers["sns:Publish"] = [](Context&, const json::object&) {
      return Result<json::object>(fail("NotFound", "Topic does not exist"));
    };
    create(world, with_custom(token, properties));
    EXPECT_EQ(world.status("s"), "ROLLBACK_COMPLETE");
    return world.reason("s", "C", "CREATE_FAILED");
  };
  EXPECT_EQ(reason("nothing", ""), "Invalid service token.");
  EXPECT_EQ(reason("arn:aws:sqs:ap-northeast-1:000000000000:q", ""), "Invalid service token.");
  EXPECT_EQ(reason(topic, R"(,"ServiceTimeout":0)"),
            "ServiceTimeout must be an integer between 1 and 3600");
  EXPECT_THAT(reason(topic, ""),
              HasSubstr("Topic does not exist (Service: sns, Error Code: NotFound)"));
}

TEST(CustomResource, KeepsItsServiceToken) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, ""));
  ASSERT_TRUE(provider.respond());
  update(world, with_custom(function, ""));
  EXPECT_EQ(world.reason("s", "C", "UPDATE_FAILED"), "Modifying service token is not allowed.");
}

TEST(CustomResource, LacksAttributesThatTheResponseLacks) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, ""));
  ASSERT_TRUE(provider.respond({{"Data", json::object{}}}));
  EXPECT_THAT(world.reason("s", "T", "CREATE_FAILED"),
              HasSubstr("Vendor response doesn't contain Name attribute"));
}

TEST(CustomResource, WithNoEchoIsMaskedInChangeSets) {
  for (const bool masked : {true, false}) {
    World world;
    Provider provider(world);
    create(world, with_custom(topic, R"(,"Size":3)"));
    ASSERT_TRUE(provider.respond({{"NoEcho", masked}, {"Data", {{"Name", "hidden"}}}}));
    ASSERT_TRUE(world.call("CreateChangeSet", {{"StackName", "s"},
                                               {"ChangeSetName", "c"},
                                               {"TemplateBody", R"({"Resources":{"U":{"Type":)"
                                                                R"("AWS::SQS::Queue"}}})"}}));
    const auto planned =
        world.call("DescribeChangeSet",
                   {{"StackName", "s"}, {"ChangeSetName", "c"}, {"IncludePropertyValues", true}});
    ASSERT_TRUE(planned);
    const std::string shown = print_json(planned->at("Changes"));
    EXPECT_EQ(shown.find("hidden") == std::string::npos, masked) << shown;
    EXPECT_EQ(shown.find("*****") != std::string::npos, masked) << shown;
  }
}

TEST(CustomResource, GoesOnAfterARestart) {
  World world;
  Provider provider(world);
  create(world, with_custom(topic, ""));
  world.start();
  ASSERT_TRUE(provider.respond());
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
}

}  // namespace
}  // namespace kiban::services::cloudformation
