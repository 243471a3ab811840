#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/cloudformation/service.h"

namespace kiban::services::cloudformation {
namespace {

class Sns final : public Service {
 public:
  std::string_view name() const override { return "sns"; }
  Result<json::object> call(Context&, std::string_view operation, const json::object&) override {
    if (operation == "CreateTopic") return json::object{{"TopicArn", "arn:t"}};
    return json::object{};
  }
};

TEST(CloudFormation, CreatesAndDeletesAStack) {
  auto store = store::make_memory_store();
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(make_cloudformation());
  services.push_back(std::make_unique<Sns>());
  kernel::Kernel kernel(*store, std::move(services));
  const Timestamp now{std::chrono::milliseconds(1'700'000'000'000)};
  const std::string body =
      R"({"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"A":{"Value":{"Ref":"T"}}}})";
  const auto made = kernel.call("cloudformation", "CreateStack",
                                {{"StackName", "s"}, {"TemplateBody", body}}, now, 1);
  ASSERT_TRUE(made) << made.error().cause;
  const auto seen = kernel.call("cloudformation", "DescribeStacks", {{"StackName", "s"}}, now, 2);
  ASSERT_TRUE(seen);
  const json::value& stack = seen->at("Stacks").at(0);
  EXPECT_EQ(stack.at("StackStatus"), "CREATE_COMPLETE") << print_json(stack);
  EXPECT_EQ(stack.at("Outputs").at(0).at("OutputValue"), "arn:t");
  ASSERT_TRUE(kernel.call("cloudformation", "DeleteStack", {{"StackName", "s"}}, now, 3));
  EXPECT_EQ(
      kernel.call("cloudformation", "DescribeStacks", {{"StackName", "s"}}, now, 4).error().cause,
      "Stack with id s does not exist");
}

}  // namespace
}  // namespace kiban::services::cloudformation
