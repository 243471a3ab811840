#include "kernel/refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"

namespace kiban::kernel {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

iam::Decision denied_by(iam::Source source) {
  iam::Decision decision{.verdict = iam::Verdict::ExplicitlyDenied};
  decision.statements.push_back({.source = source});
  return decision;
}

DecisionRecord record(std::string action, std::string resource) {
  return {.principal = "arn:aws:iam::000000000000:role/r",
          .action = std::move(action),
          .resource = std::move(resource),
          .keys = {{"aws:RequestTag/Stage", {"dev"}}},
          .verdict = iam::Verdict::ImplicitlyDenied,
          .missing = {"identity"}};
}

TEST(Refusal, NamesThePolicyThatDenies) {
  const DecisionRecord denied = record("ecs:StopTask", "arn:t");
  for (const auto& [source, words] : {std::pair{iam::Source::Identity, "an identity-based policy"},
                                      std::pair{iam::Source::Resource, "a resource-based policy"},
                                      std::pair{iam::Source::Boundary, "a permissions boundary"},
                                      std::pair{iam::Source::Session, "a session policy"}})
    EXPECT_EQ(denial_text("W", denied, denied_by(source)),
              std::string("User: W is not authorized to perform: ecs:StopTask on resource: arn:t "
                          "with an explicit deny in ") +
                  words);
}

TEST(Refusal, SpellsActionsAsTheServicesDo) {
  EXPECT_THAT(denial_text("W", record("sns:Publish", "arn:t"), {}),
              HasSubstr("SNS:Publish on resource: arn:t because no identity-based policy allows "
                        "the SNS:Publish action"));
  EXPECT_THAT(denial_text("W", record("sqs:SendMessage", "arn:q"), {}),
              HasSubstr("sqs:sendmessage"));
  EXPECT_THAT(denial_text("W", record("ecs:ListClusters", "*"), {}), HasSubstr("on resource: *"));
  EXPECT_THAT(denial_text("W", record("s3:ListAllMyBuckets", "*"), {}),
              Not(HasSubstr("on resource")));
}

TEST(Refusal, ErrorsAreNamedByTheProtocol) {
  EXPECT_EQ(refusal_name("states"), "AccessDeniedException");
  EXPECT_EQ(refusal_name("iam"), "AccessDenied");
  EXPECT_EQ(refusal_name("s3"), "AccessDenied");
  EXPECT_EQ(refusal_name("sns"), "AuthorizationErrorException");
  EXPECT_EQ(refusal_name("ec2"), "UnauthorizedOperation");
}

TEST(Refusal, Ec2EncodesWhatWasDenied) {
  DecisionRecord denied = record("ec2:CreateVpc", "arn:aws:ec2:r:000000000000:vpc/*");
  denied.text = "User: W …";
  const std::string text = refusal_text("ec2", denied);
  EXPECT_THAT(text, StartsWith("You are not authorized to perform this operation. User: W …"));
  const std::string mark = "Encoded authorization failure message: ";
  const auto decoded = api::decode_base64(text.substr(text.find(mark) + mark.size()));
  ASSERT_TRUE(decoded);
  const auto message = parse_json(*decoded);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->at("allowed"), false);
  EXPECT_EQ(message->at("context").at("action"), "ec2:CreateVpc");
  EXPECT_EQ(message->at("context").at("conditions").at("items").at(0).at("key"),
            "aws:RequestTag/Stage");
  denied.action = "ec2:DescribeVpcs";
  EXPECT_THAT(refusal_text("ec2", denied), Not(HasSubstr("Encoded")));
  EXPECT_EQ(refusal_text("ecs", denied), denied.text);
}

}  // namespace
}  // namespace kiban::kernel
