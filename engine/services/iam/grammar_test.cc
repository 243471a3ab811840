#include "services/iam/grammar.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiban::services::iam {
namespace {

using Table = std::vector<std::pair<std::string, std::string>>;

void expect(Result<void> (*check)(std::string_view), const Table& table) {
  for (const auto& [statement, why] : table) {
    const auto checked = check(R"({"Version":"2012-10-17","Statement":)" + statement + "}");
    EXPECT_EQ(checked ? "" : checked.error().cause, why) << statement;
    if (!checked) {
      EXPECT_EQ(checked.error().name, "MalformedPolicyDocumentException");
    }
  }
}

TEST(IdentityPolicy, FollowsTheGrammar) {
  expect(check_identity_policy,
         {{R"({"Effect":"Allow","Action":"s3:*","Resource":"*"})", ""},
          {R"([{"Sid":"A","Effect":"Deny","NotAction":["iam:*"],"NotResource":"arn:aws:s3:::b"}])",
           ""},
          {R"({"Effect":"allow","Action":"s3:*","Resource":"*"})", "Syntax errors in policy."},
          {R"({"Action":"s3:*","Resource":"*"})", "Syntax errors in policy."},
          {R"({"Effect":"Allow","Actions":"s3:*","Resource":"*"})", "Syntax errors in policy."},
          {R"("x")", "Syntax errors in policy."},
          {R"({"Effect":"Allow","Resource":"*"})", "Policy statement must contain actions."},
          {R"({"Effect":"Allow","Action":"s3:*"})", "Policy statement must contain resources."},
          {R"({"Effect":"Allow","Action":"GetObject","Resource":"*"})",
           "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"bucket"})",
           R"(Resource bucket must be in ARN format or "*".)"},
          {R"({"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"})",
           "Policy document should not specify a principal."},
          {R"([{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},)"
           R"({"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"}])",
           "Statement IDs (SID) in a single policy must be unique."},
          {R"({"Sid":"a b","Effect":"Allow","Action":"s3:*","Resource":"*"})",
           "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
           "expression [0-9A-Za-z]*"}});
  EXPECT_EQ(check_identity_policy("{").error().cause, "This policy contains invalid Json");
  EXPECT_EQ(check_identity_policy("{}").error().cause, "Syntax errors in policy.");
  EXPECT_EQ(check_identity_policy(R"({"Version":"2020-01-01","Statement":[]})").error().cause,
            "The policy must contain a valid version string");
}

TEST(TrustPolicy, FollowsTheGrammar) {
  const std::string who = R"("Principal":{"Service":"states.amazonaws.com"})";
  expect(
      check_trust_policy,
      {{R"({"Effect":"Allow","Action":"sts:AssumeRole",)" + who + "}", ""},
       {R"({"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Principal":)"
        R"({"AWS":["arn:aws:iam::000000000000:root","000000000000"]}})",
        ""},
       {R"({"Effect":"deny","Action":"sts:AssumeRole",)" + who + "}", "Syntax errors in policy."},
       {R"({"Effect":"Allow","Action":"sts:?ssumeRole",)" + who + "}",
        "AssumeRole policy may only specify STS AssumeRole actions."},
       {R"({"Effect":"Allow","Action":"lambda:InvokeFunction",)" + who + "}",
        "AssumeRole policy may only specify STS AssumeRole actions."},
       {R"({"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*",)" + who + "}",
        "Has prohibited field Resource"},
       {R"({"Effect":"Allow","Action":"sts:AssumeRole"})", "Missing required field Principal"},
       {R"({"Effect":"Allow",)" + who + "}", "Missing required field Action"},
       {R"({"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"states"}})",
        R"(Invalid principal in policy: "SERVICE":"states")"},
       {R"({"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"me"}})",
        R"(Invalid principal in policy: "AWS":"me")"}});
}

}  // namespace
}  // namespace kiban::services::iam
