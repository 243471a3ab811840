// What AWS refuses documents with: "Grammar of the IAM JSON policy language",
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
#include "iam/grammar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "iam/policy.h"

namespace kiban::iam {
namespace {

struct Case {
  std::string_view document;
  std::string_view refusal;  // Empty: it is taken.
};

void expect(PolicyKind kind, const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const auto policy = Policy::compile(each.document, kind);
    EXPECT_EQ(policy ? "" : policy.error().cause, each.refusal) << each.document;
    if (!policy) EXPECT_EQ(policy.error().name, "MalformedPolicyDocument");
  }
}

std::vector<Case> statements(const std::vector<Case>& cases) {
  static std::vector<std::string> kept;
  kept.reserve(10'000);
  std::vector<Case> documents;
  for (const Case& each : cases) {
    kept.push_back(R"({"Statement":)" + std::string(each.document) + "}");
    documents.push_back({kept.back(), each.refusal});
  }
  return documents;
}

constexpr std::string_view syntax = "Syntax errors in policy.";

TEST(Grammar, OfDocuments) {
  expect(PolicyKind::Identity, {
                                   {R"({"Version":"2012-10-17","Id":"x","Statement":[]})", ""},
                                   {R"({"Version":"2008-10-17","Statement":[]})", ""},
                                   {R"({"Version":"2012-10-18","Statement":[]})",
                                    "Policy document must be version 2012-10-17 or greater."},
                                   {R"({"Version":"2012-10-17"})", syntax},
                                   {R"({"Version":"2012-10-17","Statement":"Allow"})", syntax},
                                   {R"({"Version":"2012-10-17","Statement":["Allow"]})", syntax},
                                   {R"({"Version":"2012-10-17","Statement":[],"Extra":1})", syntax},
                                   {R"({"Version":"2012-10-17",)", syntax},
                                   {"[]", syntax},
                                   {"", syntax},
                               });
  expect(PolicyKind::Resource,
         {{R"({"Statement":[]})", "Could not parse the policy: Statement is empty!"}});
}

TEST(Grammar, OfStatementsOfIdentities) {
  expect(
      PolicyKind::Identity,
      statements({
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*"})", ""},
          {R"([{"Effect":"Allow","Action":["s3:Get*"],"Resource":["*"]}])", ""},
          {R"({"Effect":"Allow","Action":"*:*","Resource":"*"})", ""},
          {R"({"Sid":"A1","Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::x"})",
           ""},
          {R"({"Effect":"allow","Action":"s3:*","Resource":"*"})", syntax},
          {R"({"Action":"s3:*","Resource":"*"})", syntax},
          {R"({"Effect":"Allow","Resource":"*"})", "Policy statement must contain actions."},
          {R"({"Effect":"Allow","Action":[],"Resource":"*"})",
           "Policy statement must contain actions."},
          {R"({"Effect":"Allow","Action":"s3:*"})", "Policy statement must contain resources."},
          {R"({"Effect":"Allow","Action":"s3:*","NotAction":"s3:x","Resource":"*"})", syntax},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","NotResource":"*"})", syntax},
          {R"({"Effect":"Allow","Action":7,"Resource":"*"})", syntax},
          {R"({"Effect":"Allow","Action":"GetObject","Resource":"*"})",
           "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
          {R"({"Effect":"Allow","Action":"s3:Get:Object","Resource":"*"})",
           "Actions/Condition can contain only one colon."},
          {R"({"Effect":"Allow","Action":"s 3:GetObject","Resource":"*"})",
           "Vendor s 3 is not valid"},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"x"})",
           R"(Resource x must be in ARN format or "*".)"},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:bucket"})",
           "The policy failed legacy parsing"},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:logs:*"})", ""},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"arn:*:iam::*:role/x"})", ""},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"arn::s3:::x"})",
           R"(Partition "" is not valid for resource "arn::s3:::x".)"},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*:us-east-1:1:x"})",
           "Resource vendor must be fully qualified and cannot contain regexes."},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"})",
           "Policy document should not specify a principal."},
          {R"({"Sid":"a b","Effect":"Allow","Action":"s3:*","Resource":"*"})",
           "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
           "expression [0-9A-Za-z]*"},
          {R"([{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},
               {"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"}])",
           "Statement IDs (SID) in a single policy must be unique."},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Extra":1})", syntax},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":
               {"StringMatches":{"aws:username":"x"}}})",
           "Invalid Condition type : StringMatches"},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":
               {"NullIfExists":{"aws:username":"true"}}})",
           "Invalid Condition type : NullIfExists"},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":
               {"StringEquals":{"username":"x"}}})",
           "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":"x"}})", syntax},
          {R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":
               {"Bool":{"aws:SecureTransport":true}}})",
           ""},
      }));
}

TEST(Grammar, OfPrincipals) {
  const auto with = [](std::string_view principal) {
    static std::vector<std::string> kept;
    kept.reserve(1'000);
    kept.push_back(R"({"Effect":"Deny","Action":"s3:*","Resource":"*",)" + std::string(principal) +
                   "}");
    return std::string_view(kept.back());
  };
  expect(PolicyKind::Resource,
         statements({
             {with(R"("Principal":"*")"), ""},
             {with(R"("NotPrincipal":{"AWS":["123456789012","arn:aws:iam::123456789012:user/B"]})"),
              ""},
             {with(R"("Principal":{"Service":"sns.amazonaws.com","CanonicalUser":"79a5"})"), ""},
             {with(R"("Principal":"arn:aws:iam::123456789012:user/B")"),
              "Invalid principal in policy"},
             {with(R"("Principal":{"AWS":"arn:aws:iam::123456789012:user/*"})"),
              R"(Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*")"},
             {with(R"("Principal":{"Service":"sns"})"),
              R"(Invalid principal in policy: "SERVICE":"sns")"},
             {with(R"("Principal":{"Group":"x"})"), "Invalid principal in policy"},
             {with(R"("Principal":{})"), "Invalid principal in policy"},
             {with(R"("Principal":"*","NotPrincipal":"*")"), "Unknown field NotPrincipal"},
             {R"({"Effect":"Deny","Action":"s3:*","Resource":"*"})",
              "Missing required field Principal"},
             {R"({"Effect":"Deny","Action":"s3:*","Principal":"*"})",
              "Missing required field Resource"},
             {R"({"Effect":"Deny","Action":"s3:*","Principal":"*","Resource":"arn:aws:s3:b"})",
              "Policy has invalid resource"},
             {R"({"Effect":"Deny","Action":"execute-api:*","Principal":"*",
                  "Resource":"execute-api:/*"})",
              ""},
             {R"({"Effect":"Deny","Action":"s3","Principal":"*","Resource":"*"})",
              "Policy has invalid action"},
             {R"({"Effect":"deny","Action":"s3:*","Principal":"*","Resource":"*"})",
              "Invalid effect: deny"},
         }));
  expect(PolicyKind::Bucket,
         statements({{R"({"Effect":"Deny","Action":"sqs:*","Principal":"*","Resource":"*"})",
                      "Policy has invalid action"}}));
  expect(PolicyKind::Repository,
         statements({{R"({"Effect":"Deny","Action":"ecr:*","Principal":"*"})", ""}}));
  expect(PolicyKind::Trust,
         statements({
             {R"({"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}})", ""},
             {R"({"Effect":"Allow","Action":"s3:Get","Principal":{"AWS":"*"}})",
              "AssumeRole policy may only specify STS AssumeRole actions."},
             {R"({"Effect":"Allow","Action":"sts:*","Principal":"*","Resource":"*"})",
              "Has prohibited field Resource"},
             {R"({"Effect":"Deny","Action":"sts:*","NotPrincipal":"*"})",
              "Has prohibited field NotPrincipal"},
         }));
}

std::string places(std::string_view document) {
  std::string told;
  for (const Place& place : statement_places(document))
    told += fmt::format("{}:{}-{}:{} ", place.start.line, place.start.column, place.end.line,
                        place.end.column);
  return told;
}

TEST(Grammar, PlacesOfStatements) {
  EXPECT_EQ(places(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]})"), "1:38-1:56 ");
  EXPECT_EQ(places("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      "
                   "\"Effect\": \"Allow\",\n      \"Action\": \"*\",\n      \"Resource\": "
                   "\"*\"\n    }\n  ]\n}"),
            "3:17-8:6 ");
  EXPECT_EQ(places(R"({"Id":"Statement","Statement":{"Sid":"}\\","Condition":{"a":{"b":["c"]}}}})"),
            "1:31-1:74 ");
  EXPECT_EQ(places(R"({"Statement":[{"Sid":"a"}, {"Sid":"b"}],"Id":"{}"})"),
            "1:15-1:26 1:27-1:39 ");
  EXPECT_EQ(places("{}"), "");
}

TEST(Grammar, KeysOfAStatement) {
  const auto policy = Policy::compile(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow",
      "Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userName}","Condition":{"StringLike":
      {"s3:prefix":["${aws:PrincipalTag/Team, 'x'}*"]},"Null":{"aws:TagKeys":"true"}}}})",
                                      PolicyKind::Identity);
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->statements()[0].context_keys(),
            (std::vector<std::string>{"aws:userName", "s3:prefix", "aws:PrincipalTag/Team",
                                      "aws:TagKeys"}));
}

}  // namespace
}  // namespace kiban::iam
