#include "services/states/sdk_names.h"

#include <gtest/gtest.h>

#include "services/states/parameters.h"

namespace kiban::services::states {
namespace {

// As state machines of users have them, and Java's documentation: ssekmsKeyId().
TEST(SdkNames, AreThoseOfTheSdkForJava) {
  const asl::TaskResource sdk{.service = "aws-sdk:rds"};
  for (const auto& [member, shown] : {std::pair{"DBInstanceIdentifier", "DbInstanceIdentifier"},
                                      {"SourceDBClusterIdentifier", "SourceDBClusterIdentifier"},
                                      {"ARN", "Arn"},
                                      {"ETag", "ETag"},
                                      {"ChecksumCRC32", "ChecksumCRC32"},
                                      {"SSEKMSKeyId", "SsekmsKeyId"},
                                      {"MD5OfMessageBody", "Md5OfMessageBody"},
                                      {"taskArn", "TaskArn"},
                                      {"ID", "Id"}})
    EXPECT_EQ(shown_member(sdk, member), shown);
  // Recorded by AWS.
  EXPECT_EQ(shown_member({.service = "sqs"}, "MD5OfMessageBody"), "MD5OfMessageBody");
  for (const auto& [name, shown] : {std::pair{"Secrets Manager", "SecretsManager"},
                                    {"DynamoDB", "DynamoDb"},
                                    {"SFN", "Sfn"},
                                    {"EC2", "Ec2"},
                                    {"DBInstanceNotFound", "DbInstanceNotFound"},
                                    {"NoSuchEntityException", "NoSuchEntityException"}})
    EXPECT_EQ(sdk_class(name), shown);
}

TEST(Parameters, AreCheckedAgainstTheOperation) {
  const auto check = [](const char* resource, const json::value& parameters) {
    const auto called = asl::parse_resource(std::string("arn:aws:states:::") + resource);
    return check_parameters(called.value(), parameters).value_or("good");
  };
  EXPECT_EQ(check("sqs:sendMessage",
                  {{"QueueUrl", "q"}, {"MessageBody", {{"a", 1}}}, {"DelaySeconds", "3"}}),
            "good");
  EXPECT_EQ(check("sqs:sendMessage", {{"QueueUrl", "q"}, {"MessageText", "b"}}),
            R"([The field "MessageText" is not supported by Step Functions])");
  EXPECT_EQ(check("sqs:sendMessage", {{"QueueUrl", "q"}, {"DelaySeconds", "soon"}}),
            "[The value of the field 'DelaySeconds' has an invalid format]");
  EXPECT_EQ(check("ecs:runTask.sync",
                  {{"TaskDefinition", "d"},
                   {"NetworkConfiguration", {{"AwsvpcConfiguration", {{"subnets", {"s"}}}}}}}),
            R"([The field "subnets" is not supported by Step Functions])");
  EXPECT_EQ(check("aws-sdk:rds:describeDBClusters", {{"DbClusterIdentifier", "c"}}), "good");
  EXPECT_EQ(check("aws-sdk:rds:describeDBClusters", {{"DBClusterIdentifier", "c"}}),
            R"([The field "DBClusterIdentifier" is not supported by Step Functions])");
  EXPECT_EQ(check("lambda:invoke", {{"FunctionName", "f"}, {"TaskToken", "t"}}),
            R"([The field "TaskToken" is not supported by Step Functions])");
  EXPECT_EQ(check("aws-sdk:kinesis:putRecord", {{"Anything", 1}}), "good");  // Not known here.
}

}  // namespace
}  // namespace kiban::services::states
