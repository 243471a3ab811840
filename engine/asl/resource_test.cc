// Parsing of a Task state's Resource.
#include <gtest/gtest.h>

#include "asl/program.h"

namespace kiban::asl {
namespace {

TEST(TaskResource, OfAnIntegrationMayNameRegionAndAccount) {
  const auto placed =
      parse_resource("arn:aws:states:us-east-1:123456789012:athena:startQueryExecution.sync");
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->kind, TaskKind::Integration);
  EXPECT_EQ(placed->service, "athena");
  EXPECT_EQ(placed->action, "startQueryExecution");
  EXPECT_EQ(placed->pattern, TaskPattern::Sync);
  const auto sdk = parse_resource("arn:aws:states:us-east-1:123456789012:aws-sdk:s3:getObject");
  ASSERT_TRUE(sdk);
  EXPECT_EQ(sdk->service, "aws-sdk:s3");
  EXPECT_EQ(sdk->action, "getObject");
}

TEST(TaskResource, IsNoIntegrationOtherwise) {
  EXPECT_EQ(parse_resource("arn:aws:states:us-east-1:123456789012:activity:a")->kind,
            TaskKind::Activity);
  for (const char* arn :
       {"arn:aws:states:us-east-1::sqs:sendMessage", "arn:aws:states::123456789012:sqs:sendMessage",
        "arn:aws:states:us-east-1:12345678901x:sqs:sendMessage",
        "arn:aws:states:us-east-1:123456789012:stateMachine:m"}) {
    const auto parsed = parse_resource(arn);
    EXPECT_TRUE(!parsed || parsed->kind != TaskKind::Integration) << arn;
  }
}

}  // namespace
}  // namespace kiban::asl
