#include "services/cloudformation/stack.h"

#include <gtest/gtest.h>

namespace kiban::services::cloudformation {
namespace {

// As releases before the member tables wrote it, in the middle of an update's rollback.
constexpr std::string_view earlier = R"({"Uuid":"u","StackName":"s","StackId":"arn:s","Account":"1",
"Region":"r","CreationTime":1700000000.5,"Status":"UPDATE_ROLLBACK_IN_PROGRESS","Reason":"why",
"Kind":"UPDATE_ROLLBACK","Template":"Resources: {T: {Type: 'AWS::SNS::Topic'}}","Given":{"P":"v"},
"Ssm":{},"Parameters":[],"Tags":[{"Key":"k","Value":"v"}],"RoleARN":"","Capabilities":[],
"NotificationARNs":[],"Description":"","Resources":{"T":{"LogicalId":"T","Type":"AWS::SNS::Topic",
"DeletionPolicy":"Retain","UpdateReplacePolicy":"Delete","Needs":["U"],"Verb":"UPDATE","Name":"n",
"PhysicalId":"id","Properties":{"DisplayName":"d"},"Attributes":{"TopicArn":"a"},
"Attempted":{"DisplayName":"e"},"Status":"UPDATE_IN_PROGRESS","Reason":"","Time":1700000001.25,
"Waiting":true,"Reverting":"yes","Since":1700000002.0}},"Outputs":[{"OutputKey":"O",
"OutputValue":"o"}],"Imports":["i"],"OnFailure":"ROLLBACK","TerminationProtection":true,"Token":"t",
"TokenOf":"UpdateStack","Events":7,"EventTime":1700000003.0,"Caller":{"account":"1","region":"r",
"arn":"arn:root","key":"AK"},"Began":1700000004.0,"Done":{"T":true},"Touched":{"T":"updated",
"U":"replaced"},"Doomed":[{"LogicalId":"U","Type":"AWS::SQS::Queue","PhysicalId":"q",
"Policy":"Delete","End":"GONE","Deleting":true,"Tries":2}],"Backup":{"T":{"LogicalId":"T",
"Type":"AWS::SNS::Topic"}},"Previous":{"Template":"Resources: {Q: {Type: 'AWS::SQS::Queue'}}",
"Given":{},"Ssm":{},"Parameters":[],"Tags":[]},"KeepOnFailure":true})";

TEST(Stack, IsReadAsEarlierReleasesWroteIt) {
  const Stack stack = read_stack("key", parse_json(earlier).value().as_object());
  EXPECT_EQ(stack.operation, StackOperation::UpdateRollback);
  EXPECT_EQ(stack.creation_time, Timestamp{Duration{1'700'000'000'500}});
  EXPECT_EQ(stack.desired.given.at("P"), "v");
  EXPECT_TRUE(stack.desired.tree.at("Resources").as_object().contains("T"));
  EXPECT_TRUE(stack.previous->tree.at("Resources").as_object().contains("Q"));
  EXPECT_EQ(stack.caller.access_key_id, "AK");
  EXPECT_TRUE(stack.done.contains("T"));
  EXPECT_EQ(stack.touched.at(1), std::pair(std::string("U"), Touch::Replaced));
  EXPECT_EQ(stack.doomed.at(0).end, End::Gone);
  EXPECT_EQ(stack.doomed.at(0).tries, 2);
  EXPECT_EQ(stack.backup.at(0).logical_id, "T");
  EXPECT_TRUE(stack.keep_on_failure);
  const Resource& topic = *find_resource(stack.resources, "T");
  EXPECT_EQ(topic.verb, Verb::Update);
  EXPECT_EQ(topic.deletion_policy, "Retain");
  EXPECT_TRUE(topic.waiting);
  EXPECT_TRUE(topic.reverting);
  EXPECT_EQ(text(*topic.attempted, "DisplayName"), "e");
  EXPECT_EQ(find_resource(stack.resources, "U"), nullptr);
}

TEST(Stack, IsReadAsItIsPrinted) {
  Stack stack = read_stack("key", parse_json(earlier).value().as_object());
  stack.resources[0].attempted = json::object{};  // An empty object is a value, too.
  const json::object printed = print_stack(stack);
  const Stack again = read_stack("key", printed);
  EXPECT_EQ(print_stack(again), printed);
  EXPECT_TRUE(again.resources[0].attempted);
  EXPECT_FALSE(again.doomed[0].attempted);
}

TEST(Stack, WithAnUnknownNameIsDamaged) {
  json::object row = parse_json(earlier).value().as_object();
  row["Kind"] = "EXPLODE";
  EXPECT_THROW(read_stack("key", row), DamagedRow);
}

TEST(Stack, WhoseTemplateIsNoLongerValidIsRead) {
  json::object row = parse_json(earlier).value().as_object();
  row["Template"] = "Resources: {T: {Type: 'AWS::SNS::Topic', Other: 1}}";
  EXPECT_TRUE(read_stack("key", row).desired.tree.empty());
}

}  // namespace
}  // namespace kiban::services::cloudformation
