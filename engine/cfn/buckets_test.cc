#include "cfn/buckets.h"

#include <gtest/gtest.h>

#include <string_view>

namespace kiban::cfn {
namespace {

std::string changed(std::string_view how, std::string_view text) {
  const auto value = parse_json(text);
  const auto out = bucket_value(how, value.value_or(nullptr));
  return out ? print_json(*out) : "nothing";
}

TEST(Buckets, ConfigurationsAsS3WritesThem) {
  EXPECT_EQ(
      changed(
          "notifications",
          R"({"QueueConfigurations":[{"Event":"s3:ObjectCreated:*","Queue":"q","Filter":{"S3Key":{"Rules":[{"Name":"prefix","Value":"in/"}]}}}]})"),
      R"({"QueueConfigurations":[{"Filter":{"Key":{"FilterRules":[{"Name":"prefix","Value":"in/"}]}},"QueueArn":"q","Events":["s3:ObjectCreated:*"]}]})");
  EXPECT_EQ(
      changed("notifications", R"({"EventBridgeConfiguration":{"EventBridgeEnabled":"true"}})"),
      R"({"EventBridgeConfiguration":{}})");
  EXPECT_EQ(
      changed("notifications", R"({"EventBridgeConfiguration":{"EventBridgeEnabled":false}})"),
      "{}");
  EXPECT_EQ(changed("notifications", R"({"LambdaConfigurations":[{"Event":"e","Function":"f"}]})"),
            R"({"LambdaFunctionConfigurations":[{"LambdaFunctionArn":"f","Events":["e"]}]})");
  EXPECT_EQ(changed("cors", R"([{"Id":"a","MaxAge":1,"ExposedHeaders":["x"]}])"),
            R"([{"ID":"a","MaxAgeSeconds":1,"ExposeHeaders":["x"]}])");
  EXPECT_EQ(changed("website", R"({"IndexDocument":"i"})"), R"({"IndexDocument":{"Suffix":"i"}})");
  EXPECT_EQ(changed("bucketlog", R"({"DestinationBucketName":"b"})"),
            R"({"TargetBucket":"b","TargetPrefix":""})");
  EXPECT_EQ(changed("location", R"("us-east-1")"), R"("")");
  EXPECT_EQ(changed("location", R"("eu-west-1")"), R"("eu-west-1")");
  EXPECT_EQ(changed("json", "{}"), "nothing");
}

}  // namespace
}  // namespace kiban::cfn
