// The templates that must deploy: those of cdk/, from its committed snapshots, and CDK's bootstrap
// stack. Services are fakes that AWS's models describe, so every request is checked.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "services/cloudformation/fixture.h"

namespace kiban::services::cloudformation {
namespace {

constexpr const char* snapshot_file = "cdk/test/__snapshots__/snapshot.test.ts.snap";
constexpr const char* bootstrap_file =
    "cdk/node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml";

std::string read_all(const char* path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// Jest prints one value a line, strings without escapes, a comma behind every member.
std::string json_of_snapshot(const std::string& printed) {
  std::string out;
  std::istringstream lines(printed);
  std::string line;
  const auto quoted = [](const std::string& raw) {
    return print_json(json::value(json::string(raw)));
  };
  while (std::getline(lines, line)) {
    std::size_t at = line.find_first_not_of(' ');
    if (at == std::string::npos) continue;
    std::string rest = line.substr(at);
    const std::size_t colon = rest.find("\": ");
    // A member "key": VALUE, unless the colon is inside of an array's string.
    const bool member = rest.starts_with('"') && colon != std::string::npos &&
                        rest.find('"', 1) == colon && !rest.starts_with("\"\"");
    if (member) {
      out += quoted(rest.substr(1, colon - 1)) + ":";
      rest = rest.substr(colon + 3);
    }
    if (rest.starts_with('"')) {
      while (rest.size() < 2 || !rest.ends_with("\",")) {
        std::string more;
        if (!std::getline(lines, more)) break;
        rest += "\n" + more;
      }
      out += quoted(rest.substr(1, rest.size() - 3)) + ",";
    } else {
      out += rest;
    }
    const bool closes = rest.starts_with('}') || rest.starts_with(']');
    if (closes) {
      const std::size_t brace = out.rfind(rest[0]);
      if (brace > 0 && out[brace - 1] == ',') out.erase(brace - 1, 1);
    }
  }
  return out;
}

// By name: "dev-NetworkStack".
std::map<std::string, std::string> templates() {
  const std::string all = read_all(snapshot_file);
  std::map<std::string, std::string> out;
  constexpr std::string_view mark = "exports[`";
  for (std::size_t at = all.find(mark); at != std::string::npos; at = all.find(mark, at)) {
    at += mark.size();
    const std::string title = all.substr(at, all.find(" is as", at) - at);
    const std::size_t begin = all.find("`] = `\n", at) + 7;
    const std::size_t end = all.find("\n`;\n", begin);
    std::string raw;  // Of a template literal.
    for (std::size_t i = begin; i < end; ++i) {
      if (all[i] == '\\' && i + 1 < end) ++i;
      raw += all[i];
    }
    out[title.substr(title.find(' ') + 1)] = json_of_snapshot(raw);
    at = end;
  }
  return out;
}

void settle_at_once(World& world) {
  world.script.answers["rds:DescribeDBClusters"] = [](Context&,
                                                      const json::object&) -> Result<json::object> {
    return json::object{{"DBClusters", json::array{{{"Status", "available"},
                                                    {"Endpoint", "db.internal"},
                                                    {"ReaderEndpoint", "ro.internal"},
                                                    {"Port", 5432},
                                                    {"Engine", "aurora-postgresql"},
                                                    {"DBClusterArn", "arn:aws:rds:::c"},
                                                    {"DBClusterIdentifier", "c"}}}}};
  };
  world.script.answers["rds:DescribeDBInstances"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"DBInstances", json::array{{{"DBInstanceStatus", "available"}}}}};
  };
  world.script.answers["ec2:DescribeNatGateways"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"NatGateways", json::array{{{"State", "available"}}}}};
  };
  world.script.answers["ecs:kiban:ServiceRollout"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"State", "COMPLETED"}};
  };
  world.script.answers["applicationautoscaling:RegisterScalableTarget"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{
        {"ScalableTargetARN", "arn:aws:application-autoscaling:r:000000000000:scalable-target/a1"}};
  };
  world.script.answers["s3:GetObject"] = [](Context& context,
                                            const json::object&) -> Result<json::object> {
    const std::string body = R"({"StartAt":"A","States":{"A":{"Type":"Succeed"}}})";
    return json::object{{"Body", {{"Digest", context.put_blob(body)}, {"Size", body.size()}}}};
  };
  world.script.answers["secretsmanager:GetSecretValue"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"SecretString", R"({"username":"app","password":"secret"})"}};
  };
}

void settle_deletions(World& world) {
  const auto gone = [&](const std::string& operation, const std::string& code) {
    world.script.answers[operation] = [code](Context&,
                                             const json::object&) -> Result<json::object> {
      return fail(code, "gone");
    };
  };
  gone("rds:DescribeDBClusters", "DBClusterNotFoundFault");
  gone("rds:DescribeDBInstances", "DBInstanceNotFound");
  gone("ecs:DescribeServices", "ClusterNotFoundException");
  world.script.answers["ec2:DescribeNatGateways"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"NatGateways", json::array{{{"State", "deleted"}}}}};
  };
}

class App : public testing::TestWithParam<const char*> {};

TEST_P(App, DeploysTwiceAndGoesAgain) {
  const auto all = templates();
  ASSERT_EQ(all.size(), 12U) << "read from " << snapshot_file;
  World world;
  settle_at_once(world);
  const std::string stage = GetParam();
  std::vector<std::string> order;
  for (const char* stack : {"Network", "Ecr", "Database", "Compute", "Monitoring", "Orchestration"})
    order.push_back(stage + "-" + stack + "Stack");
  for (const std::string& name : order) {
    const json::object wanted{{"StackName", name},
                              {"TemplateBody", all.at(name)},
                              {"Capabilities", json::array{"CAPABILITY_NAMED_IAM"}}};
    const auto made = world.call("CreateStack", wanted);
    ASSERT_TRUE(made) << name << ": " << made.error().cause;
    ASSERT_EQ(world.status(name), "CREATE_COMPLETE") << world.failures(name);
    const auto again = world.call("UpdateStack", wanted);
    ASSERT_FALSE(again) << name;
    EXPECT_EQ(again.error().cause, "No updates are to be performed.");
    json::object tagged = wanted;
    tagged["Tags"] = json::array{{{"Key", "Owner"}, {"Value", "us"}}};
    const auto changed = world.call("UpdateStack", tagged);
    ASSERT_TRUE(changed) << name << ": " << changed.error().cause;
    ASSERT_EQ(world.status(name), "UPDATE_COMPLETE") << world.failures(name);
  }
  EXPECT_THAT(world.script.unknown, testing::IsEmpty());
  // Others import its exports.
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", order[0]}}));
  EXPECT_EQ(world.status(order[0]), "UPDATE_COMPLETE");
  settle_deletions(world);
  std::ranges::reverse(order);
  for (const std::string& name : order) {
    const std::string id = text(world.stack(name), "StackId");
    ASSERT_TRUE(world.call("DeleteStack", {{"StackName", name}}));
    EXPECT_EQ(world.status(id), "DELETE_COMPLETE") << name << " " << world.failures(id);
  }
  EXPECT_THAT(world.script.unknown, testing::IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Stages, App, testing::Values("dev", "prod"));

TEST(Bootstrap, Deploys) {
  if (!std::filesystem::exists(bootstrap_file)) {
    GTEST_SKIP() << "NOT TESTED: " << bootstrap_file << " is not there; run 'npm ci' in cdk/";
  }
  const std::string yaml = read_all(bootstrap_file);
  World world;
  const json::object wanted{
      {"StackName", "CDKToolkit"},
      {"TemplateBody", yaml},
      {"Capabilities", json::array{"CAPABILITY_NAMED_IAM"}},
      {"Parameters", json::array{{{"ParameterKey", "Qualifier"}, {"ParameterValue", "hnb659fds"}},
                                 {{"ParameterKey", "FileAssetsBucketKmsKeyId"},
                                  {"ParameterValue", "AWS_MANAGED_KEY"}}}}};
  const auto made = world.call("CreateStack", wanted);
  ASSERT_TRUE(made) << made.error().cause;
  EXPECT_EQ(world.status("CDKToolkit"), "CREATE_COMPLETE");
  const auto exports = world.call("ListExports", {});
  ASSERT_TRUE(exports);
  EXPECT_EQ(exports->at("Exports").as_array().size(), 1U);
  EXPECT_EQ(text(*world.call("GetTemplate", {{"StackName", "CDKToolkit"}}), "TemplateBody"), yaml);
  // With a key of its own: conditions turn.
  json::object keyed = wanted;
  keyed["Parameters"].as_array()[1].as_object()["ParameterValue"] = "";
  const auto changed = world.call("UpdateStack", keyed);
  ASSERT_TRUE(changed) << changed.error().cause;
  EXPECT_EQ(world.status("CDKToolkit"), "UPDATE_COMPLETE");
  EXPECT_THAT(world.script.operations(), testing::Contains("kms:CreateKey"));
  EXPECT_THAT(world.script.unknown, testing::IsEmpty());
}

}  // namespace
}  // namespace kiban::services::cloudformation
