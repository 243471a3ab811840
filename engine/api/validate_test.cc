// Walks the inputs of all operations: each bound of the models and of engine/services/*/rules.txt
// refuses what violates it, and a string that has none is in rules.txt with a reason.
#include "api/validate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <set>

namespace kiban::api {
namespace {

using testing::HasSubstr;

using Visit = std::function<void(const Shape& owner, const Member& member)>;

// Every member that an input of the service reaches, once.
void for_each_input_member(const Service& service, const Visit& visit) {
  std::set<std::uint16_t> seen;
  const std::function<void(std::uint16_t)> walk = [&](std::uint16_t index) {
    if (!seen.insert(index).second) return;
    const Shape& shape = service.shape(index);
    for (const Member& member : service.members_of(shape)) {
      visit(shape, member);
      walk(member.shape);
    }
  };
  for (const Operation& operation : service.operations) {
    if (operation.input != no_shape) walk(operation.input);
  }
}

const std::string nul("a\0b", 3);

std::vector<std::string> hostile_texts() {
  return {"../../x",
          "a/b",
          nul,
          "a\nb",
          "a,b",
          "a b",
          "\xf0\x9f\x92\xa3",
          std::string(10'000, 'a'),
          "",
          "aws:x",
          "internal-x",
          "-a-",
          "ssm/x"};
}

// Values that break the limits, one limit each where that can be.
template <typename Limits>
std::vector<json::value> violations(const Limits& limits, Kind kind) {
  std::vector<json::value> out;
  if (kind == Kind::String && !limits.pattern.empty()) {
    for (const std::string& text : hostile_texts()) {
      if (!matches(limits.pattern, text)) out.emplace_back(text);
    }
    EXPECT_TRUE(!out.empty() || limits.pattern == R"([\s\S]*)") << limits.pattern;  // Any text.
  }
  const bool number = kind == Kind::Integer || kind == Kind::Long;
  constexpr std::int64_t built_max = 2'000'000;  // Longer values take too long to make here.
  if (limits.max != no_bound) {
    const auto over = static_cast<std::size_t>(limits.max) + 1;
    if (number && limits.max < std::numeric_limits<std::int64_t>::max())
      out.emplace_back(limits.max + 1);
    if (kind == Kind::String && limits.max < built_max) out.emplace_back(std::string(over, 'a'));
    if (kind == Kind::List && limits.max < built_max) out.emplace_back(json::array(over));
  }
  if (limits.min != no_bound && number) out.emplace_back(limits.min - 1);
  if (limits.min != no_bound && limits.min > 0) {
    if (kind == Kind::String) out.emplace_back("");
    if (kind == Kind::List) out.emplace_back(json::array{});
  }
  return out;
}

TEST(Rules, EveryPatternIsOneThatPcreReads) {
  for (const Service* service : services()) {
    for (const Shape& shape : service->shapes)
      EXPECT_TRUE(is_pattern(shape.pattern)) << service->folder << ' ' << shape.name;
    for (const Rule& rule : service->rules) {
      EXPECT_TRUE(is_pattern(rule.pattern)) << service->folder << ' ' << rule.pattern;
      EXPECT_TRUE(is_pattern(rule.forbidden)) << service->folder << ' ' << rule.forbidden;
    }
  }
}

TEST(Rules, EveryStringOfAnInputHasABoundOrAReason) {
  for (const Service* service : services()) {
    for_each_input_member(*service, [&](const Shape& owner, const Member& member) {
      const Shape& shape = service->shape(member);
      const bool ruled = std::ranges::any_of(service->rules_of(member), [](const Rule& rule) {
        return !rule.pattern.empty() || rule.max != no_bound;
      });
      if (shape.kind != Kind::String || member.unbounded || ruled) return;
      EXPECT_TRUE(!shape.pattern.empty() || shape.value_count > 0 || shape.max != no_bound)
          << "engine/services/" << service->folder << "/rules.txt bounds neither " << owner.name
          << '.' << member.name << " nor says why AWS does not";
    });
  }
}

TEST(Rules, EveryBoundRefusesWhatViolatesIt) {
  std::size_t checked = 0;
  for (const Service* service : services()) {
    for_each_input_member(*service, [&](const Shape& owner, const Member& member) {
      const Shape& shape = service->shape(member);
      std::vector<json::value> bad;
      const auto add = [&bad](std::vector<json::value> more) {
        bad.insert(bad.end(), more.begin(), more.end());
      };
      // The operations of these services answer violations of the model with errors of their own.
      if (service->folder != "s3" && service->folder != "sqs") {
        add(violations(shape, shape.kind));
        if (shape.value_count > 0) bad.emplace_back("no-such-value");
      }
      for (const Rule& rule : service->rules_of(member)) {
        add(violations(rule, shape.kind));
        if (rule.forbidden.empty()) continue;
        for (const char* text :
             {"aws:x", "AWS:x", "internal-x", "-x", "192.0.2.1", "/ssm/x", "aws",
              "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "{{ssm:x}}", "a<b", "alias/aws/x"}) {
          if (matches(rule.forbidden, text)) bad.emplace_back(text);
        }
      }
      for (const json::value& value : bad) {
        const Result<void> refused = validate(*service, member, value, std::string(member.name));
        EXPECT_FALSE(refused) << service->folder << ' ' << owner.name << '.' << member.name << ": "
                              << print_json(value).substr(0, 80);
        ++checked;
      }
    });
  }
  EXPECT_GT(checked, 5'000U);
}

// What names a stored thing, and the hostile characters that AWS allows in it.
struct Name {
  std::string_view service{};
  std::string_view owner{};
  std::string_view member{};
  std::string_view allowed{};
};
constexpr Name names[] = {
    {"applicationautoscaling", "PutScalingPolicyRequest", "PolicyName", ",/."},
    {"cloudformation", "CreateStackInput", "StackName", ""},
    {"cloudformation", "CreateChangeSetInput", "ChangeSetName", ""},
    {"cloudwatch", "PutDashboardInput", "DashboardName", ""},
    {"ecr", "CreateRepositoryRequest", "repositoryName", "/"},
    {"ecs", "CreateClusterRequest", "clusterName", ""},
    {"ecs", "CreateServiceRequest", "serviceName", ""},
    {"ecs", "RegisterTaskDefinitionRequest", "family", ""},
    {"ecs", "ContainerDefinition", "name", ""},
    {"ecs", "Volume", "name", ""},
    {"elbv2", "CreateLoadBalancerInput", "Name", ""},
    {"elbv2", "CreateTargetGroupInput", "Name", ""},
    {"events", "PutRuleRequest", "Name", ""},
    {"events", "Target", "Id", ""},
    {"events", "CreateConnectionRequest", "Name", ""},
    {"iam", "CreateRoleRequest", "RoleName", ","},
    {"logs", "CreateLogGroupRequest", "logGroupName", "/."},
    {"rds", "CreateDBClusterMessage", "DBClusterIdentifier", ""},
    {"rds", "CreateDBInstanceMessage", "DBInstanceIdentifier", ""},
    {"s3", "CreateBucketRequest", "Bucket", ""},
    {"scheduler", "CreateScheduleInput", "Name", "."},
    {"scheduler", "CreateScheduleGroupInput", "Name", "."},
    {"secretsmanager", "CreateSecretRequest", "Name", "/."},
    {"sns", "CreateTopicInput", "Name", ""},
    {"sqs", "CreateQueueRequest", "QueueName", ""},
    {"ssm", "PutParameterRequest", "Name", "/"},
    {"states", "CreateStateMachineInput", "name", ",\xf0\x9f\x92\xa3 ."},
    {"states", "CreateActivityInput", "name", ",\xf0\x9f\x92\xa3 ."},
    {"states", "StartExecutionInput", "name", ",\xf0\x9f\x92\xa3 ."},
    {"sts", "AssumeRoleRequest", "RoleSessionName", ","},
};

const Member* find(const Name& name) {
  const Member* found = nullptr;
  for_each_input_member(*find_service(name.service), [&](const Shape& owner, const Member& member) {
    if (owner.name == name.owner && member.name == name.member) found = &member;
  });
  return found;
}

TEST(Rules, NamesRefuseHostileCharacters) {
  const std::pair<std::string_view, std::string> hostile[] = {
      {"./", "../../x"},
      {"/", "a/b"},
      {"NUL", nul},
      {"\n", "a\nb"},
      {",", "a,b"},
      {"\xf0\x9f\x92\xa3", "\xf0\x9f\x92\xa3"},
      {"length", std::string(10'000, 'a')}};
  for (const Name& name : names) {
    const Member* member = find(name);
    ASSERT_NE(member, nullptr) << name.owner << '.' << name.member;
    for (const auto& [characters, text] : hostile) {
      const bool allowed = std::ranges::all_of(
          characters, [&](char c) { return name.allowed.find(c) != std::string_view::npos; });
      if (allowed) continue;
      EXPECT_FALSE(validate(*find_service(name.service), *member, json::value(text), "name"))
          << name.service << ' ' << name.owner << '.' << name.member << ": " << text.substr(0, 20);
    }
  }
}

Error refusal(std::string_view service, std::string_view operation, const json::object& input) {
  const Service& found = *find_service(service);
  const Result<void> checked = validate(found, *found.operation(operation), input);
  EXPECT_FALSE(checked);
  return checked ? Error{} : checked.error();
}

TEST(Rules, AnswerWithTheErrorsOfTheirService) {
  EXPECT_EQ(refusal("cloudformation", "CreateStack", {{"StackName", "my_stack"}}),
            (Error{"ValidationError",
                   "1 validation error detected: Value 'my_stack' at 'stackName' failed to satisfy "
                   "constraint: Member must satisfy regular expression pattern: "
                   "[a-zA-Z][-a-zA-Z0-9]*"}));
  EXPECT_EQ(refusal("ecs", "RegisterTaskDefinition",
                    {{"family", "f"}, {"containerDefinitions", {{{"name", "../x"}}}}}),
            (Error{"ClientException", "Container.name contains invalid characters."}));
  EXPECT_EQ(refusal("ecs", "CreateCluster", {{"clusterName", "a b"}}).name,
            "InvalidParameterException");
  EXPECT_EQ(refusal("s3", "CreateBucket", {{"Bucket", "192.0.2.1"}}),
            (Error{"InvalidBucketName", "The specified bucket is not valid."}));
  EXPECT_EQ(refusal("rds", "CreateDBCluster", {{"DBClusterIdentifier", "a--b"}, {"Engine", "e"}}),
            (Error{"InvalidParameterValue",
                   "The parameter DBClusterIdentifier is not a valid identifier. Identifiers must "
                   "begin with a letter; must contain only ASCII letters, digits, and hyphens; and "
                   "must not end with a hyphen or contain two consecutive hyphens."}));
  EXPECT_EQ(
      refusal("ec2", "CreateVpc", {{"InstanceTenancy", "none"}}),
      (Error{"InvalidParameterValue", "Value (none) for parameter instanceTenancy is invalid."}));
  const json::object put{{"Name", "/a"}, {"Type", "String"}, {"Value", ""}};
  EXPECT_THAT(refusal("ssm", "PutParameter", put).cause,
              HasSubstr("Member must have length greater than or equal to 1"));
}

TEST(Rules, MembersThatExcludeEachOtherAreRefusedTogether) {
  std::size_t rules = 0;
  for (const Service* service : services()) {
    for (const Operation& operation : service->operations) {
      if (operation.input == no_shape) continue;
      for (const Member& member : service->members_of(service->shape(operation.input))) {
        for (const Rule& rule : service->rules_of(member)) rules += rule.excludes.empty() ? 0 : 1;
      }
    }
  }
  EXPECT_GE(rules, 10U);
  EXPECT_EQ(refusal("ecs", "ListTasks", {{"startedBy", "job"}, {"launchType", "FARGATE"}}),
            (Error{"InvalidParameterException", "cannot specify startedBy with other arguments"}));
  EXPECT_EQ(refusal("ecs", "ListTasks", {{"serviceName", "s"}, {"family", "f"}}).cause,
            "cannot specify serviceName with other arguments");
  EXPECT_EQ(refusal("logs", "DescribeLogGroups",
                    {{"logGroupNamePrefix", "/a"}, {"logGroupNamePattern", "b"}})
                .name,
            "InvalidParameterException");
  const Service& ecs = *find_service("ecs");
  // Airflow relies on this pair.
  EXPECT_TRUE(validate(ecs, *ecs.operation("ListTasks"),
                       {{"startedBy", "job"}, {"desiredStatus", "STOPPED"}}));
}

TEST(Rules, MapKeysAreChecked) {
  const Error error = refusal("logs", "CreateLogGroup",
                              {{"logGroupName", "g"}, {"tags", {{std::string(129, 'k'), "v"}}}});
  EXPECT_THAT(error.cause,
              HasSubstr("at 'tags' failed to satisfy constraint: Map keys must satisfy "
                        "constraint: [Member must have length less than or equal to "
                        "128"));
}

TEST(Rules, CloudFormationAloneSetsItsTags) {
  const Service& sqs = *find_service("sqs");
  const Operation& operation = *sqs.operation("TagQueue");
  const auto with = [](std::string_view key) {
    return json::object{{"QueueUrl", "http://q"}, {"Tags", {{key, "x"}}}};
  };
  for (const std::string_view key : system_tag_keys) {
    EXPECT_FALSE(validate(sqs, operation, with(key))) << key;
    EXPECT_TRUE(validate(sqs, operation, with(key), SystemTags::Allowed)) << key;
  }
  EXPECT_FALSE(validate(sqs, operation, with("aws:other"), SystemTags::Allowed));
}

}  // namespace
}  // namespace kiban::api
