// From recorded decisions to explanations, use, proposals and proofs: the steps of `kiban iam`.
#include <gmock/gmock.h>

#include "iam/decision.h"
#include "iam/report/explanation.h"
#include "iam/report/proof.h"
#include "iam/report/proposal.h"
#include "iam/report/usage.h"
#include "iam/report/words.h"

namespace kiban::iam::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view role_arn = "arn:aws:iam::000000000000:role/runner";
constexpr std::string_view topic_arn = "arn:aws:sns:ap-northeast-1:000000000000:alerts";
constexpr std::string_view task_arn =
    "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/api:3";
constexpr std::string_view policy_ref = "arn:aws:iam::000000000000:role/runner/policy/main";

json::object object_of(std::string_view text) { return parse_json(text).value().as_object(); }

// The policy of the role `runner`: RunTask is used; of Watch one action, Other never.
RolePolicies runner() {
  return {.arn = std::string(role_arn),
          .name = "runner",
          .policies = {{.ref = std::string(policy_ref), .document = object_of(R"({
    "Version": "2012-10-17",
    "Statement": [
      {"Sid": "Run", "Effect": "Allow", "Action": "ecs:RunTask",
       "Resource": "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/api:*"},
      {"Sid": "Watch", "Effect": "Allow", "Action": ["ecs:DescribeTasks", "ecs:StopTask"],
       "Resource": "*"},
      {"Effect": "Allow", "Action": "sns:*", "Resource": "*"},
      {"Sid": "Other", "Effect": "Allow", "Action": "s3:GetObject",
       "Resource": "arn:aws:s3:::b/*"}]})")}}};
}

std::string line(std::string_view id, std::string_view action, std::string_view resource,
                 std::string_view verdict, std::string_view rest) {
  return print_json(json::object{{"id", id},
                                 {"time", 1.7e9},
                                 {"principal", role_arn},
                                 {"action", action},
                                 {"resource", resource},
                                 {"verdict", verdict}})
             .substr(0, std::string::npos)
             .insert(1, std::string(rest) + ",") +
         "\n";
}

std::string allowed(std::string_view id, std::string_view action, std::string_view resource,
                    int statement, std::string_view keys = "{}") {
  return line(id, action, resource, "Allowed",
              R"("keys":)" + std::string(keys) + R"(,"statements":[{"policy":")" +
                  std::string(policy_ref) + R"(","index":)" + std::to_string(statement) + "}]");
}
std::string refused(std::string_view id, std::string_view action, std::string_view resource,
                    std::string_view missing = R"(["identity"])", std::string_view keys = "{}") {
  return line(id, action, resource, "ImplicitlyDenied",
              R"("missing":)" + std::string(missing) + R"(,"keys":)" + std::string(keys));
}

std::vector<Record> records(const std::string& lines) { return parse_records(lines).value(); }

const std::string ordinary_run =
    allowed("1", "ecs:RunTask", task_arn, 0, R"({"ecs:cluster":["arn:c"]})") +
    allowed("2", "ecs:StopTask", "*", 1) + "\n" + allowed("3", "sns:Publish", topic_arn, 2);

Resources two_stacks() {
  Resources resources;
  resources.add({.stack = "App",
                 .logical_id = "Alerts",
                 .type = "AWS::SNS::Topic",
                 .physical_id = std::string(topic_arn),
                 .path = "App/Alerts/Resource"});
  resources.add({.stack = "App",
                 .logical_id = "Runner",
                 .type = "AWS::IAM::Role",
                 .physical_id = "runner",
                 .path = "App/Runner/Resource"});
  resources.add({.stack = "Other",
                 .logical_id = "Machine",
                 .type = "AWS::StepFunctions::StateMachine",
                 .physical_id = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m"});
  return resources;
}

TEST(Record, IsReadOrRefused) {
  const Record record =
      parse_record(refused("7", "iam:PassRole", role_arn, R"(["identity"])",
                           R"({"iam:PassedToService":["ecs-tasks.amazonaws.com"]})"))
          .value();
  EXPECT_EQ(record.key("IAM:passedtoservice"), "ecs-tasks.amazonaws.com");
  EXPECT_TRUE(record.lacks("identity"));
  EXPECT_FALSE(record.allowed());
  for (const char* bad : {"", "[]", "{", R"({"id":"1","action":"a:b"})",
                          R"({"id":"1","action":"a:b","verdict":"Maybe"})"})
    EXPECT_EQ(parse_record(bad).error().name, "InvalidRecord") << bad;
}

TEST(Record, ALastingResourceOutlivesARunAndADeployment) {
  const std::string here = "ap-northeast-1:000000000000:";
  for (const auto& [arn, lasting] : std::vector<std::pair<std::string, std::string>>{
           {"arn:aws:ecs:" + here + "task-definition/api:3", "task-definition/api:*"},
           {"arn:aws:ecs:" + here + "task/c/0f", "task/c/*"},
           {"arn:aws:states:" + here + "execution:m:run", "execution:m:*"},
           {"arn:aws:logs:" + here + "log-group:/g:log-stream:s", "log-group:/g:log-stream:*"},
           {"arn:aws:sns:" + here + "alerts", "alerts"}})
    EXPECT_THAT(lasting_resource(arn), testing::EndsWith(":" + lasting)) << arn;
  EXPECT_EQ(lasting_resource("*"), "*");
}

TEST(Resources, AnArnBelongsToTheResourceThatContainsIt) {
  Resources resources = two_stacks();
  resources.add({.stack = "App",
                 .logical_id = "Queue",
                 .type = "AWS::SQS::Queue",
                 .physical_id = "http://127.0.0.1:4566/000000000000/jobs"});
  resources.add({.stack = "App", .logical_id = "B", .type = "AWS::S3::Bucket", .physical_id = "b"});
  const auto id = [&](std::string_view arn) {
    const Resource* found = resources.find(arn);
    return found == nullptr ? "" : found->logical_id;
  };
  const std::string ecs = "arn:aws:ecs:ap-northeast-1:000000000000:";
  for (const std::string name : {"task-definition/api:3", "service/main/api"})
    resources.add({.stack = "App",
                   .logical_id = name.substr(0, 4),
                   .type = "AWS::ECS::Service",
                   .physical_id = ecs + name});
  EXPECT_EQ(id(ecs + "task-definition/api:7"), "task");
  EXPECT_EQ(id(ecs + "task-definition/api:*"), "task");
  EXPECT_EQ(id(ecs + "task-definition/other:7"), "");
  EXPECT_EQ(id(topic_arn), "Alerts");
  EXPECT_EQ(id("arn:aws:states:ap-northeast-1:000000000000:execution:m:run"), "Machine");
  EXPECT_EQ(id("arn:aws:sqs:ap-northeast-1:000000000000:jobs"), "Queue");
  EXPECT_EQ(id("arn:aws:s3:::b/key"), "B");
  EXPECT_EQ(id("arn:aws:s3:::bucket"), "");
  EXPECT_EQ(id("*"), "");
  EXPECT_EQ(resources.find(topic_arn)->place(), "App/Alerts/Resource");
}

// Whether a policy of just this statement allows the request of the record.
Verdict decided_with(const json::object& statement, const Record& record) {
  const bool of_resource = statement.contains("Principal");
  const bool trust = of_resource && !statement.contains("Resource");
  const json::object document{{"Version", "2012-10-17"}, {"Statement", json::array{statement}}};
  const auto policy = Policy::compile(document, trust         ? PolicyKind::Trust
                                                : of_resource ? PolicyKind::Resource
                                                              : PolicyKind::Identity);
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().cause);
  const bool service = !record.principal.starts_with("arn:");
  Request request{
      .requester =
          parse_requester(service ? json::value(json::object{{"Service", record.principal}})
                                  : json::value(record.principal))
              .value(),
      .action = record.action,
      .resource = record.resource};
  for (const auto& [key, values] : record.keys) request.context.set(key, values);
  Policies policies;
  if (of_resource)
    policies.resource = &*policy;
  else
    policies.identity = {&*policy};
  Budget budget(steps_max, 0);
  return decide(request, policies, budget).value().verdict;
}

TEST(Explanation, TheSmallestStatementAllowsWhatWasRefused) {
  const auto service = [](Record record) {
    record.principal = "events.amazonaws.com";
    return record;
  };
  const std::string passed = R"({"iam:PassedToService":["ecs-tasks.amazonaws.com"]})";
  const std::string source =
      R"({"aws:SourceArn":["arn:aws:events:ap-northeast-1:000000000000:rule/r"]})";
  const std::vector<Record> all{
      records(refused("1", "sns:Publish", topic_arn))[0],
      records(refused("2", "ecs:RunTask", task_arn, R"(["identity","resource"])"))[0],
      records(refused("3", "iam:PassRole", role_arn, R"(["identity"])", passed))[0],
      records(
          refused("4", "ecs:ListTasks", "*", R"(["identity"])",
                  R"({"ecs:cluster":["arn:aws:ecs:ap-northeast-1:000000000000:cluster/c"]})"))[0],
      service(records(refused("5", "sqs:SendMessage", "arn:aws:sqs:ap-northeast-1:000000000000:q",
                              R"(["identity","resource"])", source))[0]),
      service(records(refused("6", "sts:AssumeRole", role_arn, R"(["resource"])", source))[0])};
  for (const Record& record : all) {
    const Explanation explanation = explain(record, two_stacks());
    ASSERT_EQ(explanation.fixes.size(), 1U) << record.action;
    const json::object& statement = explanation.fixes[0].statement;
    EXPECT_EQ(decided_with(statement, record), Verdict::Allowed) << print_json(statement);
    Record another = record;
    another.action = "s3:DeleteBucket";
    EXPECT_NE(decided_with(statement, another), Verdict::Allowed) << print_json(statement);
    EXPECT_THAT(explanation.fixes[0].cdk, HasSubstr("new iam.PolicyStatement({"));
    EXPECT_THAT(explanation.reasons, testing::SizeIs(testing::Ge(1U)));
  }
  const Explanation first = explain(all[0], two_stacks());
  EXPECT_EQ(first.fixes[0].cdk,
            "// App/Runner/Resource (AWS::IAM::Role)\n"
            "role.addToPrincipalPolicy(new iam.PolicyStatement({\n"
            "  actions: ['sns:Publish'],\n"
            "  resources: [\n"
            "    'arn:aws:sns:ap-northeast-1:000000000000:alerts', // App/Alerts/Resource\n"
            "  ],\n"
            "}));\n"
            "// A grant of the CDK holds it too: topic.grantPublish(role)");
  EXPECT_EQ(print_json(explain(all[2], {}).fixes[0].statement.at("Condition")),
            R"({"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}})");
  EXPECT_EQ(print_json(explain(all[4], {}).fixes[0].statement.at("Principal")),
            R"({"Service":"events.amazonaws.com"})");
}

TEST(Explanation, AnExplicitDenyHasNoFixAndNamesItsStatement) {
  const Record record =
      parse_record(line("1", "sns:Publish", topic_arn, "ExplicitlyDenied",
                        R"("statements":[{"policy":"boundary:p","index":2,"sid":"Never"}])"))
          .value();
  const Explanation explanation = explain(record, {});
  EXPECT_THAT(explanation.fixes, IsEmpty());
  EXPECT_THAT(explanation.reasons, ElementsAre(HasSubstr("statement 2 (Never) of boundary:p")));
}

TEST(Explanation, EachLimitThatAllowsNothingNeedsItsStatement) {
  const Record record =
      records(refused("1", "sns:Publish", topic_arn, R"(["identity","boundary","session"])"))[0];
  EXPECT_EQ(explain(record, {}).fixes.size(), 3U);
}

TEST(Usage, CountsStatementsActionsAndResources) {
  const RolePolicies role = runner();
  const RoleUse use =
      use_of(role, records(ordinary_run + refused("9", "s3:PutObject", "arn:aws:s3:::b/k") +
                           refused("10", "s3:PutObject", "arn:aws:s3:::b/k")));
  ASSERT_EQ(use.statements.size(), 4U);
  EXPECT_EQ(use.statements[0].count, 1U);
  EXPECT_EQ(use.statements[0].constant_keys.at("ecs:cluster"), "arn:c");
  EXPECT_EQ(use.statements[1].actions[0].count, 0U);
  EXPECT_THAT(use.statements[1].actions[1].records, ElementsAre("2"));
  EXPECT_THAT(use.statements[2].actions[0].seen.at("sns:Publish"), ElementsAre(topic_arn));
  EXPECT_EQ(use.statements[3].count, 0U);
  ASSERT_EQ(use.refusals.size(), 1U);
  EXPECT_EQ(use.refusals[0].count, 2U);
  EXPECT_EQ(use.refusals[0].last_record, "10");
  std::vector<std::string> kinds;
  for (const Finding& finding : findings_of(role, use)) kinds.push_back(finding.kind);
  EXPECT_THAT(kinds, ElementsAre("unused-action", "unused-statement", "refused"));
}

TEST(Usage, ExceptionsGiveAReason) {
  const auto parsed = parse_exceptions(parse_json(R"([{"role":"run*","action":"ecs:describetasks",
                                                      "reason":"the console asks"}])")
                                           .value());
  ASSERT_TRUE(parsed);
  EXPECT_NE(
      exception_for({.role = "runner", .kind = "unused-action", .action = "ecs:DescribeTasks"},
                    *parsed),
      nullptr);
  EXPECT_EQ(
      exception_for({.role = "runner", .kind = "unused-action", .action = "ecs:StopTask"}, *parsed),
      nullptr);
  EXPECT_EQ(exception_for({.role = "other", .kind = "unused-action", .action = "ecs:DescribeTasks"},
                          *parsed),
            nullptr);
  for (const char* bad : {"{}", R"([{"role":"r"}])", R"([{"reason":"r","rule":"x"}])", "[1]"})
    EXPECT_EQ(parse_exceptions(parse_json(bad).value()).error().name, "InvalidExceptions") << bad;
}

TEST(Usage, StatesLieInBranchesAndIterators) {
  EXPECT_THAT(state_names(object_of(R"({"States":{"A":{"Branches":[{"States":{"B":{}}}]},
                                        "C":{"ItemProcessor":{"States":{"D":{}}}}}})")),
              ElementsAre("A", "B", "C", "D"));
}

TEST(Proposal, KeepsWhatWasUsedAndNarrowsWildcards) {
  const RolePolicies role = runner();
  const std::vector<Proposal> proposals = propose(role, use_of(role, records(ordinary_run)));
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(print_json(proposals[0].document->at("Statement")),
            R"([{"Sid":"Run","Effect":"Allow","Action":"ecs:RunTask",)"
            R"("Resource":"arn:aws:ecs:ap-northeast-1:000000000000:task-definition/api:*"},)"
            R"({"Sid":"Watch","Effect":"Allow","Action":"ecs:StopTask","Resource":"*"},)"
            R"({"Effect":"Allow","Action":"sns:Publish",)"
            R"("Resource":"arn:aws:sns:ap-northeast-1:000000000000:alerts"}])");
  // The proposal allows the observed requests too.
  const Policy policy = Policy::compile(*proposals[0].document, PolicyKind::Identity).value();
  for (const Record& record : records(ordinary_run)) {
    Budget budget(steps_max, 0);
    const Request request{.requester = parse_requester(json::value(record.principal)).value(),
                          .action = record.action,
                          .resource = record.resource};
    EXPECT_EQ(decide(request, {.identity = {&policy}}, budget).value().verdict, Verdict::Allowed)
        << record.action;
  }
  EXPECT_THAT(cdk_of(proposals[0], "App/Runner", two_stacks()),
              HasSubstr("// topic.grantPublish(role) holds sns:Publish"));
}

TEST(Proposal, ADiffOfTheTemplateKeepsItsFunctions) {
  const RolePolicies role = runner();
  const Proposal proposal = propose(role, use_of(role, records(ordinary_run))).at(0);
  const json::object tree = object_of(R"({"Resources":{"P":{"Type":"AWS::IAM::Policy","Properties":{
      "PolicyName":"main","Roles":[{"Ref":"Runner"}],"PolicyDocument":{"Statement":[
      {"Sid":"Run","Effect":"Allow","Action":"ecs:RunTask","Resource":{"Fn::Sub":"task"}},
      {"Sid":"Watch","Effect":"Allow","Action":["ecs:DescribeTasks","ecs:StopTask"],"Resource":"*"},
      {"Effect":"Allow","Action":"sns:*","Resource":"*"},
      {"Sid":"Other","Effect":"Allow","Action":"s3:GetObject","Resource":{"Ref":"B"}}]}}}}})");
  const auto found = find_in_template(tree, "Runner", "main");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->place, "P.Properties.PolicyDocument");
  EXPECT_FALSE(find_in_template(tree, "Runner", "other"));
  const auto edited = edit_template(proposal, found->document, "App", two_stacks());
  ASSERT_TRUE(edited);
  EXPECT_EQ(
      print_json(edited->at("Statement")),
      R"([{"Sid":"Run","Effect":"Allow","Action":"ecs:RunTask","Resource":{"Fn::Sub":"task"}},)"
      R"({"Sid":"Watch","Effect":"Allow","Action":"ecs:StopTask","Resource":"*"},)"
      R"({"Effect":"Allow","Action":"sns:Publish","Resource":{"Ref":"Alerts"}}])");
  const std::string diff = line_diff(pretty_json(found->document), pretty_json(*edited));
  EXPECT_THAT(diff, HasSubstr("-       \"Action\": \"sns:*\",\n"));
  EXPECT_THAT(diff, HasSubstr("+       \"Action\": \"sns:Publish\",\n"));
  EXPECT_EQ(line_diff("a\nb", "a\nb"), "");
}

TEST(Proof, EachStatementAndEachUsedActionIsAMutation) {
  const std::vector<Mutation> all = mutations_of(runner(), records(ordinary_run), Actions::Each);
  std::vector<std::string> words;
  for (const Mutation& each : all) words.push_back((each.exercised ? "+ " : "- ") + each.words());
  EXPECT_THAT(words, ElementsAre("+ statement 0 (Run) of main", "+ statement 1 (Watch) of main",
                                 "- ecs:DescribeTasks in statement 1 (Watch) of main",
                                 "+ ecs:StopTask in statement 1 (Watch) of main",
                                 "+ statement 2 of main", "- statement 3 (Other) of main"));
  EXPECT_EQ(statements_in(*all[0].document).size(), 3U);
  EXPECT_EQ(print_json(statements_in(*all[3].document)[1].at("Action")),
            R"(["ecs:DescribeTasks"])");
}

TEST(Proof, ExactlyTheRefusalOfWhatWasRemovedMakesItNecessary) {
  const std::vector<Record> unchanged = records(ordinary_run);
  const Mutation publishes = mutations_of(runner(), unchanged, Actions::Whole).at(2);
  const auto proof = [&](const std::string& lines, bool deviated) {
    return judge(publishes, unchanged, records(lines), deviated).proof;
  };
  const std::string refusal = refused("5", "sns:Publish", topic_arn);
  EXPECT_EQ(proof(refusal, true), Proof::Necessary);
  EXPECT_EQ(proof(refusal, false), Proof::Necessary);  // The scenario need not notice.
  EXPECT_EQ(proof(ordinary_run, false), Proof::Excess);
  EXPECT_EQ(proof(ordinary_run, true), Proof::Unexpected);
  EXPECT_EQ(proof(refusal + refused("6", "s3:GetObject", "arn:aws:s3:::b/k"), true),
            Proof::Unexpected);
  EXPECT_EQ(proof(refused("6", "s3:GetObject", "arn:aws:s3:::b/k"), true), Proof::Unexpected);
}

TEST(Proof, APolicyOfAwsGoesAsAWhole) {
  RolePolicies role = runner();
  role.policies = {{.ref = "arn:aws:iam::aws:policy/P", .managed = true, .of_aws = true}};
  const std::vector<Mutation> all = mutations_of(role, {}, Actions::Each);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].detaches);
  EXPECT_FALSE(all[0].exercised);
}

}  // namespace
}  // namespace kiban::iam::report
