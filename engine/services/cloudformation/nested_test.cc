#include <gmock/gmock.h>

#include "services/cloudformation/fixture.h"

namespace kiban::services::cloudformation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

// A child with one topic; its parameter is the display name.
std::string child(const std::string& more = {}) {
  return R"({"Parameters":{"P":{"Type":"String"}},"Resources":{"T":{"Type":"AWS::SNS::Topic",)"
         R"("Properties":{"DisplayName":{"Ref":"P"}}})" +
         more + R"(},"Outputs":{"Arn":{"Value":{"Ref":"T"}}}})";
}

std::string parent(const std::string& parameter, const std::string& more = {}) {
  return fmt::format(
      R"({{"Resources":{{"N":{{"Type":"AWS::CloudFormation::Stack","Properties":{{)"
      R"("TemplateURL":"https://s3.ap-northeast-1.amazonaws.com/b/child","Parameters":{{"P":"{}"}})"
      R"(}}}},"Q":{{"Type":"AWS::SQS::Queue","Properties":{{"QueueName":{{"Fn::Sub":)"
      R"("q-${{N.Outputs.Arn}}"}}}}}}{}}}}})",
      parameter, more);
}

struct Family {
  Family() {
    world.script.answers["s3:GetObject"] = [this](Context& context, const json::object& in) {
      const auto found = objects.find(text(in, "Key"));
      if (found == objects.end())
        return Result<json::object>(fail("NoSuchKey", "The specified key does not exist."));
      return Result<json::object>(json::object{
          {"Body", {{"Digest", context.put_blob(found->second)}, {"Size", found->second.size()}}}});
    };
    world.script.answers["sns:CreateTopic"] = [this](Context&, const json::object&) {
      return Result<json::object>(json::object{{"TopicArn", fmt::format("arn-{}", ++topics)}});
    };
    world.script.answers["sqs:CreateQueue"] = [this](Context&, const json::object& in) {
      if (queue_fails) return Result<json::object>(fail("OverLimit", "too many"));
      return Result<json::object>(json::object{{"QueueUrl", "http://q/" + text(in, "QueueName")}});
    };
    world.script.answers["sqs:SetQueueAttributes"] = [](Context&, const json::object&) {
      return Result<json::object>(json::object{});
    };
  }
  Result<json::object> create(const std::string& body) {
    return world.call("CreateStack", {{"StackName", "s"},
                                      {"TemplateBody", body},
                                      {"Tags", json::array{{{"Key", "k"}, {"Value", "v"}}}}});
  }
  Result<json::object> update(const std::string& body) {
    return world.call("UpdateStack", {{"StackName", "s"}, {"TemplateBody", body}});
  }
  std::string nested_id() {
    const auto reply =
        world.call("DescribeStackResource", {{"StackName", "s"}, {"LogicalResourceId", "N"}});
    return reply ? text(reply->at("StackResourceDetail").as_object(), "PhysicalResourceId") : "";
  }

  World world{};
  std::map<std::string, std::string> objects{{"child", child()}};
  int topics{0};
  bool queue_fails{false};
};

TEST(NestedStack, IsMadeWithItsParentAndGoesWithIt) {
  Family family;
  ASSERT_TRUE(family.create(parent("one")));
  EXPECT_EQ(family.world.failures("s"), "CREATE_COMPLETE\n");
  const std::string id = family.nested_id();
  const json::object nested = family.world.stack(id);
  EXPECT_THAT(text(nested, "StackName"), HasSubstr("s-N-"));
  EXPECT_EQ(nested.at("ParentId"), family.world.stack("s").at("StackId"));
  EXPECT_EQ(nested.at("RootId"), nested.at("ParentId"));
  EXPECT_EQ(print_json(nested.at("Tags")), R"([{"Key":"k","Value":"v"}])");
  EXPECT_EQ(print_json(nested.at("Parameters")),
            R"([{"ParameterKey":"P","ParameterValue":"one"}])");
  EXPECT_EQ(text(family.world.script.calls.back().input, "QueueName"), "q-arn-1");
  ASSERT_TRUE(family.world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(family.world.status(id), "DELETE_COMPLETE");
  EXPECT_THAT(family.world.status("s"), HasSubstr("does not exist"));
}

TEST(NestedStack, IsUpdatedWhenParametersOrItsTemplateChange) {
  Family family;
  ASSERT_TRUE(family.create(parent("one")));
  ASSERT_TRUE(family.update(parent("two")));
  EXPECT_EQ(family.world.failures("s"), "UPDATE_COMPLETE\n");
  EXPECT_EQ(family.world.status(family.nested_id()), "UPDATE_COMPLETE");
  EXPECT_EQ(family.update(parent("two")).error().cause, "No updates are to be performed.");
  family.objects["child"] = child(R"(,"U":{"Type":"AWS::SNS::Topic"})");
  ASSERT_TRUE(family.update(parent("two")));
  EXPECT_EQ(family.world.failures("s"), "UPDATE_COMPLETE\n");
  const auto resources =
      family.world.call("ListStackResources", {{"StackName", family.nested_id()}});
  EXPECT_EQ(resources->at("StackResourceSummaries").as_array().size(), 2U);
}

TEST(NestedStack, IsPutBackWhenItsParentFails) {
  Family family;
  ASSERT_TRUE(family.create(parent("one")));
  family.queue_fails = true;
  ASSERT_TRUE(family.update(parent("two", R"(,"R":{"Type":"AWS::SQS::Queue","DependsOn":"N"})")));
  EXPECT_EQ(family.world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_EQ(print_json(family.world.stack(family.nested_id()).at("Parameters")),
            R"([{"ParameterKey":"P","ParameterValue":"one"}])");
}

TEST(NestedStack, ThatFailsFailsItsParent) {
  Family family;
  family.queue_fails = true;
  family.objects["child"] = child(R"(,"R":{"Type":"AWS::SQS::Queue"})");
  ASSERT_TRUE(family.create(parent("one")));
  EXPECT_EQ(family.world.status("s"), "ROLLBACK_COMPLETE");
  const std::string why = family.world.reason("s", "N", "CREATE_FAILED");
  EXPECT_THAT(why, HasSubstr("Embedded stack arn:aws:cloudformation:"));
  EXPECT_THAT(why, HasSubstr("was not successfully created: The following resource(s) failed to "
                             "create: [R]. "));
  EXPECT_EQ(family.world.status(family.nested_id()), "DELETE_COMPLETE");
}

TEST(NestedStack, WhoseUpdateFailsRollsBothBack) {
  Family family;
  ASSERT_TRUE(family.create(parent("one")));
  family.queue_fails = true;
  family.objects["child"] = child(R"(,"R":{"Type":"AWS::SQS::Queue"})");
  ASSERT_TRUE(family.update(parent("two")));
  EXPECT_EQ(family.world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_THAT(family.world.reason("s", "N", "UPDATE_FAILED"),
              HasSubstr("was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS "
                        "with reason: The following resource(s) failed to update: [R]. "));
}

TEST(NestedStack, IsWaitedFor) {
  Family family;
  family.objects["child"] = child(
      R"(,"H":{"Type":"AWS::CloudFormation::WaitConditionHandle"},)"
      R"("W":{"Type":"AWS::CloudFormation::WaitCondition","Properties":{"Handle":{"Ref":"H"},)"
      R"("Timeout":"600"}})");
  ASSERT_TRUE(family.create(parent("one")));
  EXPECT_EQ(family.world.status("s"), "CREATE_IN_PROGRESS");
  const auto handle = family.world.call(
      "DescribeStackResource", {{"StackName", family.nested_id()}, {"LogicalResourceId", "H"}});
  const std::string url = text(handle->at("StackResourceDetail").as_object(), "PhysicalResourceId");
  ASSERT_TRUE(
      family.world.call("kiban:Signal", {{"Token", url.substr(url.rfind('/') + 1)},
                                         {"Body", R"({"Status":"SUCCESS","UniqueId":"a"})"}}));
  family.world.pass(0s);  // Nothing but what is due now: the child wakes its parent.
  EXPECT_EQ(family.world.status("s"), "CREATE_COMPLETE");
}

TEST(NestedStack, HasChangeSetsOfItsOwn) {
  Family family;
  ASSERT_TRUE(family.create(parent("one")));
  family.objects["child"] = child(R"(,"U":{"Type":"AWS::SNS::Topic"})");
  const auto made = family.world.call("CreateChangeSet", {{"StackName", "s"},
                                                          {"ChangeSetName", "c"},
                                                          {"TemplateBody", parent("two")},
                                                          {"IncludeNestedStacks", true}});
  ASSERT_TRUE(made) << made.error().cause;
  const auto root = family.world.call("DescribeChangeSet", {{"ChangeSetName", made->at("Id")}});
  ASSERT_TRUE(root);
  const std::string nested =
      text(root->at("Changes").at(0).at("ResourceChange").as_object(), "ChangeSetId");
  const auto own = family.world.call("DescribeChangeSet", {{"ChangeSetName", nested}});
  ASSERT_TRUE(own) << own.error().cause;
  EXPECT_EQ(own->at("RootChangeSetId"), made->at("Id"));
  EXPECT_EQ(own->at("Changes").as_array().size(), 2U);  // T changes, U comes.
  EXPECT_THAT(family.world.call("ExecuteChangeSet", {{"ChangeSetName", nested}}).error().cause,
              HasSubstr("execute its root change set"));
  ASSERT_TRUE(family.world.call("ExecuteChangeSet", {{"ChangeSetName", made->at("Id")}}));
  EXPECT_EQ(family.world.failures("s"), "UPDATE_COMPLETE\n");
  EXPECT_EQ(family.world.status(family.nested_id()), "UPDATE_COMPLETE");
}

TEST(NestedStack, NamesATemplateThatIsNotThere) {
  Family family;
  family.objects.clear();
  ASSERT_TRUE(family.create(parent("one")));
  EXPECT_THAT(family.world.reason("s", "N", "CREATE_FAILED"),
              HasSubstr("S3 error: The specified key does not exist."));
  family.objects["child"] = child();
  EXPECT_EQ(family.world.status("s"), "ROLLBACK_COMPLETE");
}

}  // namespace
}  // namespace kiban::services::cloudformation
