// AWS's evaluation logic. Each group names the page that says so.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "iam/evaluate.h"

namespace kiban::iam {
namespace {

constexpr std::string_view user = R"("arn:aws:iam::111122223333:user/team/bob")";
constexpr std::string_view role = R"("arn:aws:iam::111122223333:role/path/app")";
constexpr std::string_view session = R"("arn:aws:sts::111122223333:assumed-role/app/s1")";
constexpr std::string_view foreign = R"("arn:aws:iam::444455556666:user/eve")";
constexpr std::string_view root = R"("arn:aws:iam::111122223333:root")";

std::string policy(std::string_view effect, std::string_view rest) {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":")" + std::string(effect) +
         R"(","Action":"s3:*","Resource":"*")" + std::string(rest) + "}]}";
}
std::string allow(std::string_view rest = "") { return policy("Allow", rest); }
std::string deny(std::string_view rest = "") { return policy("Deny", rest); }
std::string to(std::string_view principal) { return R"(,"Principal":)" + std::string(principal); }
std::string aws(std::string_view principal) {
  return R"(,"Principal":{"AWS":)" + std::string(principal) + "}";
}
std::string but(std::string_view principals) {
  return R"(,"NotPrincipal":{"AWS":)" + std::string(principals) + "}";
}
const std::string other = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",
  "Action":"sqs:*","Resource":"*"}]})";

struct Case {
  std::string_view what;
  std::string_view principal;
  std::string identity{};
  std::string resource{};
  std::string boundary{};
  std::string session{};
  std::string_view decision{};
};

std::string line_of(const Case& each, std::string_view action, std::string_view resource,
                    std::string_view account) {
  std::string line = R"({"principal":)" + std::string(each.principal) + R"(,"action":")" +
                     std::string(action) + R"(","resource":")" + std::string(resource) +
                     R"(","resourceAccount":")" + std::string(account) + '"';
  if (!each.identity.empty()) line += R"(,"identityPolicies":[)" + each.identity + "]";
  if (!each.resource.empty()) line += R"(,"resourcePolicy":)" + each.resource;
  if (!each.boundary.empty()) line += R"(,"permissionBoundaries":[)" + each.boundary + "]";
  if (!each.session.empty()) line += R"(,"sessionPolicy":)" + each.session;
  return line + "}";
}

void expect(const std::vector<Case>& cases, std::string_view action = "s3:GetObject",
            std::string_view resource = "arn:aws:s3:::bucket/key",
            std::string_view account = "111122223333") {
  for (const Case& each : cases) {
    const std::string line = line_of(each, action, resource, account);
    const json::value answer = json::parse(evaluate_line(line));
    EXPECT_EQ(text(answer.get_object(), "decision", print_json(answer)), each.decision)
        << each.what << "\n"
        << line;
  }
}

constexpr std::string_view allowed = "Allowed";
constexpr std::string_view implicit = "ImplicitlyDenied";
constexpr std::string_view denied = "ExplicitlyDenied";

// "Policy evaluation for requests within a single account",
// "How AWS enforcement code logic evaluates requests to allow or deny access"
TEST(Decision, WithinAnAccount) {
  expect({
      {"nothing allows", user, "", "", "", "", implicit},
      {"identity", user, allow(), "", "", "", allowed},
      {"another action", user, other, "", "", "", implicit},
      {"resource", user, "", allow(aws(user)), "", "", allowed},
      {"resource of somebody else", user, "", allow(aws(foreign)), "", "", implicit},
      {"deny wins", user, allow() + "," + deny(), "", "", "", denied},
      {"deny of the resource wins", user, allow(), deny(to(R"("*")")), "", "", denied},
      {"deny of a boundary wins", user, allow(), allow(aws(user)), deny(), "", denied},
      {"deny of a session policy wins", session, allow(), allow(aws(session)), "", deny(), denied},
      {"deny of another principal", user, allow(), deny(aws(foreign)), "", "", allowed},
      {"deny of the account", user, allow(), deny(aws(root)), "", "", denied},
      {"boundary allows", user, allow(), "", allow(), "", allowed},
      {"boundary leaves out", user, allow(), "", other, "", implicit},
      {"boundary grants nothing", user, "", "", allow(), "", implicit},
      {"session policy leaves out", session, allow(), "", "", other, implicit},
      {"session policy grants nothing", session, "", "", "", allow(), implicit},
      {"all three", session, allow(), "", allow(), allow(), allowed},
      {"each boundary limits", user, allow(), "", allow() + "," + other, "", implicit},
  });
}

// "The impact of resource-based policies on implicit denies in other policy types": the page "How
// AWS enforcement code logic …", and "IAM role principals" and "Role session principals" of "AWS
// JSON policy elements: Principal".
TEST(Decision, WhomAResourcePolicyNames) {
  expect({
      {"a user, past the boundary", user, "", allow(aws(user)), other, "", allowed},
      {"a role", role, "", allow(aws(role)), "", "", allowed},
      {"a role's session by its role", session, "", allow(aws(role)), "", "", allowed},
      {"a role, limited by the boundary", session, "", allow(aws(role)), other, "", implicit},
      {"a role, limited by the session", session, "", allow(aws(role)), "", other, implicit},
      {"a role, within the limits", session, "", allow(aws(role)), allow(), allow(), allowed},
      {"a session, past all", session, other, allow(aws(session)), other, other, allowed},
      {"another session", session, "",
       allow(aws(R"("arn:aws:sts::111122223333:assumed-role/app/s2")")), "", "", implicit},
      {"everyone, past all", session, "", allow(to(R"("*")")), other, other, allowed},
      {"everyone of AWS", session, "", allow(aws(R"("*")")), other, "", allowed},
      {"the account delegates", user, "", allow(aws(root)), "", "", implicit},
      {"the account's id too", user, "", allow(aws(R"("111122223333")")), "", "", implicit},
      {"the account and identity", user, allow(), allow(aws(root)), "", "", allowed},
      {"one of several", user, "", allow(aws(R"(["444455556666",)" + std::string(user) + "]")), "",
       "", allowed},
      {"a user of the same name in another path", user, "",
       allow(aws(R"("arn:aws:iam::111122223333:user/bob")")), "", "", implicit},
  });
}

// "Cross-account policy evaluation logic"
TEST(Decision, AcrossAccounts) {
  expect(
      {
          {"identity alone", user, allow(), "", "", "", implicit},
          {"resource alone", user, "", allow(aws(user)), "", "", implicit},
          {"both", user, allow(), allow(aws(user)), "", "", allowed},
          {"both, by the account", user, allow(), allow(aws(root)), "", "", allowed},
          {"both, by the session", session, allow(), allow(aws(session)), "", "", allowed},
          {"the session alone", session, "", allow(aws(session)), "", "", implicit},
          {"everyone", user, allow(), allow(to(R"("*")")), "", "", allowed},
          {"everyone alone", user, "", allow(to(R"("*")")), "", "", implicit},
          {"the boundary limits", user, allow(), allow(aws(user)), other, "", implicit},
          {"the session policy limits", session, allow(), allow(aws(session)), "", other, implicit},
          {"the resource's own account", user, allow(), allow(aws(R"("999988887777")")), "", "",
           implicit},
          {"root of the other account", root, "", allow(aws(root)), "", "", allowed},
          {"root without being named", root, "", "", "", "", implicit},
          {"a deny", user, allow(), deny(aws(root)), "", "", denied},
      },
      "s3:GetObject", "arn:aws:s3:::bucket/key", "999988887777");
}

// "AWS account root user"; "AWS service principals" of "AWS JSON policy elements: Principal"
TEST(Decision, RootServicesAndTheUnknown) {
  constexpr std::string_view service = R"({"Service":"sns.amazonaws.com"})";
  constexpr std::string_view anyone = R"("*")";
  expect({
      {"root of the account", root, "", "", "", "", allowed},
      {"root by the id", R"("111122223333")", "", "", "", "", allowed},
      {"a deny for root", root, "", deny(to(anyone)), "", "", denied},
      {"root of another account", R"("arn:aws:iam::444455556666:root")", "", "", "", "", implicit},
      {"a service", service, "", allow(to(service)), "", "", allowed},
      {"a service by everyone", service, "", allow(to(anyone)), "", "", allowed},
      {"another service", service, "", allow(to(R"({"Service":"sqs.amazonaws.com"})")), "", "",
       implicit},
      {"identities do not speak for a service", service, allow(), "", "", "", implicit},
      {"an account is not a service", service, "", allow(aws(root)), "", "", implicit},
      {"anonymous by everyone", anyone, "", allow(to(anyone)), "", "", allowed},
      {"anonymous by a user", anyone, "", allow(aws(user)), "", "", implicit},
      {"anonymous by nothing", anyone, allow(), "", "", "", implicit},
      {"a canonical user", R"({"CanonicalUser":"79a5"})", "",
       allow(to(R"({"CanonicalUser":"79a5"})")), "", "", allowed},
      {"an origin access identity",
       R"("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1")", "",
       allow(aws(R"("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1")")), "", "",
       allowed},
      {"not said, identity", "null", allow(), "", "", "", allowed},
  });
}

// "AWS JSON policy elements: NotPrincipal"; "Permissions boundaries for IAM entities" says that
// NotPrincipal with Deny always denies principals that have a boundary.
TEST(Decision, NotPrincipal) {
  const std::string bob =
      R"(["arn:aws:iam::111122223333:user/team/bob",)" + std::string(root) + "]";
  const std::string app = "[" + std::string(role) + "," + std::string(root) + "]";
  const std::string s1 =
      "[" + std::string(session) + "," + std::string(role) + "," + std::string(root) + "]";
  constexpr std::string_view alice = R"("arn:aws:iam::111122223333:user/alice")";
  constexpr std::string_view s2 = R"("arn:aws:sts::111122223333:assumed-role/app/s2")";
  expect({
      {"the one that is listed", user, allow(), deny(but(bob)), "", "", allowed},
      {"it grants nothing", user, "", deny(but(bob)), "", "", implicit},
      {"another of the account", alice, allow(), deny(but(bob)), "", "", denied},
      {"of another account", foreign, allow(), deny(but(bob)), "", "", denied},
      {"root, which is listed", root, "", deny(but(bob)), "", "", allowed},
      {"the account alone", alice, allow(), deny(but(root)), "", "", allowed},
      {"a role and its session", session, allow(), deny(but(app)), "", "", allowed},
      {"another role", R"("arn:aws:iam::111122223333:role/x")", allow(), deny(but(app)), "", "",
       denied},
      {"a session that is listed", session, allow(), deny(but(s1)), "", "", allowed},
      {"another session", s2, allow(), deny(but(s1)), "", "", denied},
      {"with a boundary", user, allow(), deny(but(bob)), allow(), "", denied},
      {"anonymous", R"("*")", "", deny(but(bob)), "", "", denied},
      {"allow", foreign, allow(), allow(but(bob)), "", "", allowed},
      {"allow, listed", user, "", allow(but(bob)), "", "", implicit},
  });
}

// "Key policies in AWS KMS": "Unless the key policy explicitly allows it, you cannot use IAM
// policies to allow access to a KMS key."
TEST(Decision, OfKeys) {
  const auto kms = [](std::string text) { return text.replace(text.find("s3:*"), 4, "kms:*"); };
  constexpr std::string_view key = "arn:aws:kms:us-east-1:111122223333:key/1234";
  expect(
      {
          {"identity alone", user, kms(allow()), "", "", "", implicit},
          {"the key policy delegates", user, kms(allow()), kms(allow(aws(root))), "", "", allowed},
          {"it delegates to nothing", user, "", kms(allow(aws(root))), "", "", implicit},
          {"it names the user", user, "", kms(allow(aws(user))), "", "", allowed},
          {"it names somebody else", user, kms(allow()), kms(allow(aws(foreign))), "", "",
           implicit},
          {"root", root, "", "", "", "", implicit},
          {"root, named", root, "", kms(allow(aws(root))), "", "", allowed},
      },
      "kms:Decrypt", key);
  expect({{"no key", user, kms(allow()), "", "", "", allowed}}, "kms:ListKeys", "*");
}

// "Roles terms and concepts": trust policy; "IAM role trust policies"
TEST(Decision, OfTrust) {
  const auto trust = [](std::string_view principal, std::string_view action = "sts:AssumeRole") {
    return R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":")" +
           std::string(action) + R"(","Principal":)" + std::string(principal) + "}}";
  };
  const std::string may = R"({"Version":"2012-10-17","Statement":{"Effect":"Allow",
    "Action":"sts:AssumeRole","Resource":"arn:aws:iam::111122223333:role/target"}})";
  const std::string names_bob = R"({"AWS":)" + std::string(user) + "}";
  const std::string names_account = R"({"AWS":)" + std::string(root) + "}";
  constexpr std::string_view lambda = R"({"Service":"lambda.amazonaws.com"})";
  constexpr std::string_view target = "arn:aws:iam::111122223333:role/target";
  expect(
      {
          {"identity alone", user, may, "", "", "", implicit},
          {"the account and identity", user, may, trust(names_account), "", "", allowed},
          {"the account alone", user, "", trust(names_account), "", "", implicit},
          {"the user alone", user, "", trust(names_bob), "", "", allowed},
          {"a service", lambda, "", trust(lambda), "", "", allowed},
          {"another service", R"({"Service":"ec2.amazonaws.com"})", "", trust(lambda), "", "",
           implicit},
          {"another account", foreign, may, trust(R"({"AWS":"444455556666"})"), "", "", allowed},
          {"another account, not trusted", foreign, may, trust(names_account), "", "", implicit},
          {"another account's side", foreign, "", trust(R"({"AWS":"444455556666"})"), "", "",
           implicit},
      },
      "sts:AssumeRole", target);
  constexpr std::string_view google = R"({"Federated":"accounts.google.com"})";
  expect(
      {{"a provider", google, "", trust(google, "sts:AssumeRoleWithWebIdentity"), "", "", allowed}},
      "sts:AssumeRoleWithWebIdentity", target);
}

std::string answer(std::string_view line) { return evaluate_line(line); }

TEST(Lines, TellTheStatements) {
  EXPECT_EQ(
      answer(R"({"principal":"arn:aws:iam::111122223333:user/bob","action":"s3:getobject",
        "resource":"arn:aws:s3:::b/bob/x","context":{"aws:username":"bob"},
        "identityPolicies":["{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sqs:*\",\"Resource\":\"*\"},{\"Sid\":\"Own\",\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"arn:aws:s3:::b/${aws:username}/*\"}]}"],
        "permissionBoundaries":[{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}]})"),
      R"({"decision":"Allowed","statements":[{"policy":"identityPolicies[0]","index":1,"sid":"Own"},)"
      R"({"policy":"permissionBoundaries[0]","index":0}]})");
  // The version has no variables: nothing is called ${aws:username}.
  EXPECT_EQ(answer(R"({"principal":"arn:aws:iam::111122223333:user/bob","action":"s3:GetObject",
        "resource":"arn:aws:s3:::b/bob/x","context":{"aws:username":"bob"},"identityPolicies":
        [{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}}]})"),
            R"({"decision":"ImplicitlyDenied","statements":[]})");
  // An allow that the session policy limits.
  EXPECT_EQ(
      answer(R"({"principal":"arn:aws:sts::111122223333:assumed-role/r/s","action":"s3:GetObject",
        "identityPolicies":[{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}],
        "sessionPolicy":{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}})"),
      R"({"decision":"ImplicitlyDenied","statements":[{"policy":"identityPolicies[0]","index":0}]})");
  // The account of the resource's ARN is another.
  EXPECT_EQ(
      answer(R"({"principal":"arn:aws:iam::111122223333:user/bob","action":"sqs:SendMessage",
        "resource":"arn:aws:sqs:us-east-1:444455556666:q",
        "identityPolicies":[{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}]})"),
      R"({"decision":"ImplicitlyDenied","statements":[{"policy":"identityPolicies[0]","index":0}]})");
}

TEST(Lines, TellErrors) {
  EXPECT_EQ(answer(R"({"action":"s3:Get","identityPolicies":[{"Statement":{"Effect":"Allow",
              "Action":"s3:*","Resource":"*"}},{"Statement":{"Effect":"deny","Action":"s3:*",
              "Resource":"*"}}]})"),
            R"({"error":"MalformedPolicyDocument: Syntax errors in policy.",)"
            R"("policy":"identityPolicies[1]"})");
  for (const char* member : {"sessionPolicy", "resourcePolicy", "identityPolicies"})
    EXPECT_EQ(answer(R"({"action":"s3:Get",")" + std::string(member) + R"(":{"Statement":[]}})"),
              R"({"decision":"ImplicitlyDenied","statements":[]})");
  for (const std::string_view line :
       {"", "[]", "{", "{}", R"({"action":"Get"})", R"({"action":7})",
        R"({"action":"s3:Get","principal":"bob"})", R"({"action":"s3:Get","principal":{"AWS":[]}})",
        R"({"action":"s3:Get","context":[]})", R"({"action":"s3:Get","context":{"a:b":{}}})",
        R"({"action":"s3:Get","resource":[]})"}) {
    const json::value told = json::parse(answer(line));
    EXPECT_TRUE(told.get_object().contains("error")) << line;
    EXPECT_FALSE(told.get_object().contains("policy")) << line;
  }
}

TEST(Lines, AreBoundedInTime) {
  std::string values = R"("x")";
  for (int i = 0; i < 12'000; ++i) values += R"(,"x")";
  const json::value told = json::parse(answer(
      R"({"action":"s3:Get","context":{"a:b":[)" + values +
      R"(]},"identityPolicies":[{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":
      {"ForAllValues:StringNotLike":{"a:b":[)" +
      values + R"(,"y"]},"ForAllValues:StringNotEquals":{"a:b":[)" + values + "]}}}}]}"));
  EXPECT_EQ(text(told.get_object(), "decision", "none"), "ImplicitlyDenied");  // The first decides.
  std::string others = R"("y")";
  for (int i = 0; i < 12'000; ++i) others += R"(,"y")";
  const json::value slow = json::parse(answer(
      R"({"action":"s3:Get","context":{"a:b":[)" + values +
      R"(]},"identityPolicies":[{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":
      {"ForAllValues:StringNotLike":{"a:b":[)" +
      others + "]}}}}]}"));
  EXPECT_EQ(
      text(slow.get_object(), "error"),
      "PolicyEvaluationException: The policies and the context are too large to be evaluated.");
}

// "AWS JSON policy elements: NotAction", "… NotResource", "… Resource", "… Action"
TEST(Decision, OfActionsAndResources) {
  struct Row {
    std::string_view statement;
    std::string_view action;
    std::string_view resource;
    std::string_view decision;
  };
  const std::string_view object = "arn:aws:s3:::b/1/2/test/3/object.jpg";
  for (
      const auto& [statement, action, resource, decision] : std::vector<Row>{
          {R"("Allow","Action":"S3:GET*","Resource":"*")", "s3:GetObject", object, allowed},
          {R"("Allow","Action":"s3:Get?bject","Resource":"*")", "s3:GetObject", object, allowed},
          {R"("Allow","Action":"s3:Get","Resource":"*")", "s3:GetObject", object, implicit},
          {R"("Allow","Action":["sqs:*","*"],"Resource":"*")", "s3:GetObject", object, allowed},
          {R"("Allow","NotAction":"iam:*","Resource":"*")", "s3:GetObject", object, allowed},
          {R"("Allow","NotAction":["iam:*","s3:Get*"],"Resource":"*")", "s3:GetObject", object,
           implicit},
          {R"("Deny","NotAction":"iam:*","Resource":"*")", "s3:GetObject", object, denied},
          {R"("Deny","NotAction":"s3:*","Resource":"*")", "s3:GetObject", object, implicit},
          {R"("Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*/test/*")", "s3:GetObject",
           object, allowed},
          {R"("Allow","Action":"s3:*","Resource":"arn:aws:s3:::B/*")", "s3:GetObject", object,
           implicit},
          {R"("Allow","Action":"s3:*","Resource":"arn:aws:s3:::b")", "s3:GetObject", object,
           implicit},
          {R"("Allow","Action":"s3:*","Resource":"arn:aws:s3:::*")", "s3:ListAllMyBuckets", "*",
           implicit},
          {R"("Allow","Action":"logs:*","Resource":"arn:aws:logs:*")", "logs:PutLogEvents",
           "arn:aws:logs:us-east-1:111122223333:log-group:a:log-stream:b", allowed},
          {R"("Allow","Action":"s3:*","NotResource":"arn:aws:s3:::secret/*")", "s3:GetObject",
           object, allowed},
          {R"("Deny","Action":"s3:*","NotResource":["arn:aws:s3:::b/*","arn:aws:s3:::b"])",
           "s3:GetObject", object, implicit},
          {R"("Deny","Action":"s3:*","NotResource":["arn:aws:s3:::a/*"])", "s3:GetObject", object,
           denied},
          // One without a value matches no resource; the other still does.
          {R"("Allow","Action":"s3:*","Resource":["arn:aws:s3:::${aws:userid}/*"])", "s3:GetObject",
           object, implicit},
          {R"("Allow","Action":"s3:*","Resource":["arn:aws:s3:::${aws:userid}/*","arn:aws:s3:::b/*"])",
           "s3:GetObject", object, allowed},
      }) {
    const std::string line =
        R"({"principal":"arn:aws:iam::111122223333:user/bob","action":")" + std::string(action) +
        R"(","resource":")" + std::string(resource) +
        R"(","identityPolicies":[{"Version":"2012-10-17","Statement":{"Effect":)" +
        std::string(statement) + "}}]}";
    const json::value told = json::parse(evaluate_line(line));
    EXPECT_EQ(text(told.get_object(), "decision", print_json(told)), decision) << line;
  }
}

}  // namespace
}  // namespace kiban::iam
