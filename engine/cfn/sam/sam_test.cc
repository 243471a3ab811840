// What the transform refuses; tests/e2e/test_sam.py compares what it makes with AWS's translator.
#include "cfn/sam/sam.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cfn/sam/parts.h"

namespace kiban::cfn::sam {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

Result<json::object> made_of(const std::string& resources, const std::string& more = "") {
  const auto tree = parse_json(
      fmt::format(R"({{"Transform":"{}",{}"Resources":{{{}}}}})", transform_name, more, resources));
  EXPECT_TRUE(tree);
  return transform(tree->as_object(), {}, "ap-northeast-1");
}

std::string refused(const std::string& resources, const std::string& more = "") {
  const auto made = made_of(resources, more);
  return made ? "" : made.error().cause;
}

std::string function(const std::string& more) {
  return R"("F":{"Type":"AWS::Serverless::Function","Properties":{"Handler":"h","Runtime":"r",)"
         R"("CodeUri":"s3://b/k")" +
         more + "}}";
}

std::string with_event(const std::string& event) {
  return function(R"(,"Events":{"E":)" + event + "}");
}

TEST(Sam, NamesWhatItDoesNotServe) {
  for (const char* type :
       {"Api", "HttpApi", "SimpleTable", "Application", "Connector", "GraphQLApi"})
    EXPECT_EQ(refused(fmt::format(R"("X":{{"Type":"AWS::Serverless::{}"}})", type)),
              fmt::format("Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless "
                          "Application Specification document. Number of errors found: 1. Resource "
                          "with id [X] is invalid. kiban does not serve the resource type "
                          "AWS::Serverless::{}",
                          type));
  for (const char* event : {"Api", "HttpApi", "DynamoDB", "Kinesis", "Cognito", "IoTRule"})
    EXPECT_THAT(refused(with_event(fmt::format(R"({{"Type":"{}"}})", event))),
                EndsWith(fmt::format("Resource with id [F] is invalid. Event with id [E] is "
                                     "invalid. kiban does not serve events of the type {}",
                                     event)));
  EXPECT_THAT(refused(function(R"(,"DeploymentPreference":{"Type":"Canary10Percent5Minutes"})")),
              EndsWith("kiban does not honour the property DeploymentPreference of "
                       "AWS::Serverless::Function"));
  EXPECT_THAT(refused(function(R"(,"Policies":[{"DynamoDBCrudPolicy":{"TableName":"t"}}])")),
              EndsWith("kiban does not serve the policy template DynamoDBCrudPolicy"));
}

TEST(Sam, RefusesWhatTheTranslatorRefuses) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {function(R"(,"Colour":"red")"),
       "property Colour not defined for resource of type AWS::Serverless::Function"},
      {R"("F":{"Type":"AWS::Serverless::Function","Properties":{"CodeUri":"s3://b/k"}})",
       "Runtime and Handler needs to be present when PackageType is of type `Zip`"},
      {R"("F":{"Type":"AWS::Serverless::Function","Properties":{"Handler":"h","Runtime":"r",)"
       R"("CodeUri":"./src"}})",
       "'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId "
       "query "
       "parameter."},
      {function(R"(,"FunctionUrlConfig":"NONE")"),
       "Type of property 'FunctionUrlConfig' is invalid."},
      {function(R"(,"DeadLetterQueue":{"Type":"SQS"})"),
       "'DeadLetterQueue' requires Type and TargetArn properties to be specified."},
      {function(R"(,"AutoPublishAlias":{"Fn::GetAtt":["A","B"]})"),
       "'AutoPublishAlias' must be a string or a Ref to a template parameter"},
      {function(R"(,"ProvisionedConcurrencyConfig":{"ProvisionedConcurrentExecutions":1})"),
       "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function"},
      {function(R"(,"FunctionUrlConfig":{"AuthType":"ALL"})"),
       "AuthType is required to configure function property `FunctionUrlConfig`. Please provide "
       "either AWS_IAM or NONE."},
      {function(R"(,"Policies":[{"SQSPollerPolicy":{}}])"),
       "Following required parameters of template 'SQSPollerPolicy' don't have values: "
       "['QueueName']"},
      {function(R"(,"Policies":[{"A":1,"B":2}])"),
       "Policy at index 0 in the 'Policies' property is not valid"},
      {with_event(R"({"Type":"Schedule","Properties":{}})"),
       "Missing required property 'Schedule'."},
      {with_event(
           R"({"Type":"Schedule","Properties":{"Schedule":"rate(1 day\u0029","State":"ENABLED",)"
           R"("Enabled":true}})"),
       "State and Enabled Properties cannot both be specified."},
      {with_event(R"({"Type":"S3","Properties":{"Bucket":"b","Events":"e"}})"),
       "S3 events must reference an S3 bucket in the same template."},
      {R"("M":{"Type":"AWS::Serverless::StateMachine"})",
       "Either 'Definition' or 'DefinitionUri' property must be specified."},
      {R"("M":{"Type":"AWS::Serverless::StateMachine","Properties":{"Definition":{"a":1},)"
       R"("Role":"r","Policies":["p"]}})",
       "Specify either 'Role' or 'Policies' property and not both."},
      {R"("L":{"Type":"AWS::Serverless::LayerVersion","Properties":{"ContentUri":"s3://b/k",)"
       R"("RetentionPolicy":"Keep"}})",
       "'RetentionPolicy' must be one of the following options: ['Retain', 'Delete']."}};
  for (const auto& [resources, why] : table) EXPECT_THAT(refused(resources), EndsWith(why));
}

TEST(Sam, RefusesGlobalsThatAreNone) {
  EXPECT_THAT(refused(function(""), R"("Globals":{"Table":{}},)"),
              HasSubstr("'Globals' section is invalid. 'Table' is not supported."));
  EXPECT_THAT(refused(function(""), R"("Globals":{"Function":{"Role":"r"}},)"),
              HasSubstr("'Role' is not a supported property of 'Function'."));
}

TEST(Sam, KeepsWhatIsThere) {
  EXPECT_THAT(refused(function("") + R"(,"FRole":{"Type":"AWS::SNS::Topic"})"),
              HasSubstr("Resource with id [FRole] is invalid."));
  const auto made = made_of(function("") + R"(,"Q":{"Type":"AWS::SQS::Queue"})");
  ASSERT_TRUE(made);
  EXPECT_EQ(print_json(made->at("Resources").at("Q")), R"({"Type":"AWS::SQS::Queue"})");
}

TEST(Hash, IsThatOfTheSortedText) {
  // hashlib.sha1(json.dumps(value, separators=(",", ":"), sort_keys=True).encode()), ten digits.
  EXPECT_EQ(hash_of(parse_json(R"({"b":[1,true,null],"a":"é日𝄞\""})").value()), "a147be4724");
}

TEST(PrettyLines, AreThoseOfPython) {
  const auto lines = pretty_lines(parse_json(R"({"b":[],"a":{"c":[1,{}]}})").value());
  EXPECT_THAT(lines,
              testing::ElementsAre("{", R"(    "a": {)", R"(        "c": [)", "            1,",
                                   "            {}", "        ]", "    },", R"(    "b": [])", "}"));
}

}  // namespace
}  // namespace kiban::cfn::sam
