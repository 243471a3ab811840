#include <gtest/gtest.h>

#include "services/kms/service.h"
#include "services/ssm/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::ssm {
namespace {

using namespace std::chrono_literals;

class Ssm : public ServiceTest {
 protected:
  Ssm() : ServiceTest("ssm", {make_ssm, kms::make_kms}) {}
  void put(std::string_view name, std::string_view value, std::string_view type = "String") {
    call("PutParameter", {{"Name", name}, {"Value", value}, {"Type", type}});
  }
};

TEST_F(Ssm, KeepsTheVersionOfTheBootstrap) {
  put("/cdk-bootstrap/hnb659fds/version", "33");
  const json::object got = call("GetParameter", {{"Name", "/cdk-bootstrap/hnb659fds/version"}});
  EXPECT_EQ(got.at("Parameter"),
            (json::object{{"Name", "/cdk-bootstrap/hnb659fds/version"},
                          {"Type", "String"},
                          {"Value", "33"},
                          {"Version", 1},
                          {"LastModifiedDate", 1.7e9},
                          {"ARN",
                           "arn:aws:ssm:ap-northeast-1:000000000000:parameter/cdk-bootstrap/"
                           "hnb659fds/version"},
                          {"DataType", "text"}}));
  EXPECT_EQ(refused("GetParameter", {{"Name", "/absent"}}), "ParameterNotFound");
}

TEST_F(Ssm, OverwritesOnlyWhenTold) {
  put("a", "1");
  EXPECT_EQ(refused("PutParameter", {{"Name", "a"}, {"Value", "2"}, {"Type", "String"}}),
            "ParameterAlreadyExists");
  EXPECT_EQ(
      call("PutParameter", {{"Name", "a"}, {"Value", "2"}, {"Overwrite", true}}).at("Version"), 2);
  EXPECT_EQ(call("GetParameter", {{"Name", "a:2"}}).at("Parameter").at("Value"), "2");
  EXPECT_EQ(call("GetParameter", {{"Name", "a:1"}}).at("Parameter").at("Value"), "1");
  EXPECT_EQ(refused("GetParameter", {{"Name", "a:3"}}), "ParameterVersionNotFound");
}

TEST_F(Ssm, ShowsASecretOnlyDecrypted) {
  put("s", "hidden", "SecureString");
  EXPECT_NE(call("GetParameter", {{"Name", "s"}}).at("Parameter").at("Value"), "hidden");
  EXPECT_EQ(
      call("GetParameter", {{"Name", "s"}, {"WithDecryption", true}}).at("Parameter").at("Value"),
      "hidden");
}

TEST_F(Ssm, WalksPaths) {
  put("/a/b", "1");
  put("/a/b/c", "2");
  put("/ab", "3");
  EXPECT_EQ(call("GetParametersByPath", {{"Path", "/a"}}).at("Parameters").as_array().size(), 1U);
  EXPECT_EQ(call("GetParametersByPath", {{"Path", "/a/"}, {"Recursive", true}})
                .at("Parameters")
                .as_array()
                .size(),
            2U);
  const json::object page = call("DescribeParameters", {{"MaxResults", 2}});
  EXPECT_EQ(page.at("Parameters").as_array().size(), 2U);
  EXPECT_TRUE(page.contains("NextToken"));
}

TEST_F(Ssm, AnswersForManyNames) {
  put("a", "1");
  const json::object got = call("GetParameters", {{"Names", {"a", "x"}}});
  EXPECT_EQ(got.at("Parameters").as_array().size(), 1U);
  EXPECT_EQ(got.at("InvalidParameters"), (json::array{"x"}));
  EXPECT_EQ(call("DeleteParameters", {{"Names", {"a", "x"}}}).at("DeletedParameters"),
            (json::array{"a"}));
  EXPECT_EQ(refused("GetParameter", {{"Name", "a"}}), "ParameterNotFound");
}

TEST_F(Ssm, RefusesNamesThatAwsRefuses) {
  for (const std::string_view name : {"a b", "a/b", "/ssm/x", "", "/a//b", "/a/\n"}) {
    EXPECT_EQ(refused("PutParameter", {{"Name", name}, {"Value", "v"}, {"Type", "String"}}),
              "ValidationException")
        << name;
  }
}

TEST_F(Ssm, RefusesReservedNamesAndDeepHierarchies) {
  EXPECT_EQ(refusal("PutParameter", {{"Name", "/aws/x"}, {"Value", "v"}, {"Type", "String"}}),
            (Error{"AccessDeniedException", "No access to reserved parameter name: /aws/x."}));
  std::string deep;
  for (int level = 0; level < 15; ++level) deep += "/a";
  call("PutParameter", {{"Name", deep}, {"Value", "v"}, {"Type", "String"}});
  EXPECT_EQ(refused("PutParameter", {{"Name", deep + "/a"}, {"Value", "v"}, {"Type", "String"}}),
            "HierarchyLevelLimitExceededException");
}

TEST_F(Ssm, RefusesValuesAndArgumentsThatAwsRefuses) {
  const json::object tagged{{"Name", "/t"},
                            {"Value", "v"},
                            {"Type", "String"},
                            {"Overwrite", true},
                            {"Tags", {{{"Key", "k"}, {"Value", "v"}}}}};
  EXPECT_EQ(refused("PutParameter", tagged), "ValidationException");
  put("/t", "1");
  EXPECT_EQ(refused("PutParameter", tagged), "ValidationException");
  for (const std::string_view value : {"", "a {{ssm:x}} b"}) {
    EXPECT_EQ(refused("PutParameter", {{"Name", "/v"}, {"Value", value}, {"Type", "String"}}),
              "ValidationException")
        << value;
  }
}

TEST_F(Ssm, Tags) {
  put("a", "1");
  call("AddTagsToResource",
       {{"ResourceType", "Parameter"},
        {"ResourceId", "a"},
        {"Tags", {{{"Key", "k"}, {"Value", "v"}}, {{"Key", "l"}, {"Value", ""}}}}});
  call("RemoveTagsFromResource",
       {{"ResourceType", "Parameter"}, {"ResourceId", "a"}, {"TagKeys", {"l"}}});
  EXPECT_EQ(call("ListTagsForResource", {{"ResourceType", "Parameter"}, {"ResourceId", "a"}})
                .at("TagList"),
            (json::array{json::object{{"Key", "k"}, {"Value", "v"}}}));
}

TEST_F(Ssm, ShowsTheHistoryOfAParameter) {
  put("/a", "1");
  call("PutParameter", {{"Name", "/a"}, {"Value", "2"}, {"Description", "d"}, {"Overwrite", true}});
  call("PutParameter", {{"Name", "/a"}, {"Value", "3"}, {"Overwrite", true}});
  const json::object got = call("GetParameterHistory", {{"Name", "/a"}});
  const json::array& versions = got.at("Parameters").as_array();
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[0].at("Value"), "1");
  EXPECT_FALSE(versions[0].as_object().contains("Description"));
  EXPECT_EQ(versions[2].at("Value"), "3");
  EXPECT_EQ(versions[2].at("Description"), "d");  // A request that leaves it out keeps it.
  EXPECT_EQ(versions[2].at("Tier"), "Standard");
  EXPECT_EQ(refused("GetParameterHistory", {{"Name", "/b"}}), "ParameterNotFound");
  call("DeleteParameter", {{"Name", "/a"}});
  put("/a", "4");
  EXPECT_EQ(call("GetParameter", {{"Name", "/a:1"}}).at("Parameter").at("Value"), "4");
  EXPECT_EQ(refused("DeleteParameter", {{"Name", "/a:1"}}), "ParameterNotFound");
}

TEST_F(Ssm, LabelsNameVersions) {
  put("/a", "1");
  call("PutParameter", {{"Name", "/a"}, {"Value", "2"}, {"Overwrite", true}});
  const auto label = [&](json::array labels, int version) {
    return json::object{
        {"Name", "/a"}, {"Labels", std::move(labels)}, {"ParameterVersion", version}};
  };
  EXPECT_EQ(call("LabelParameterVersion", label({"prod", "1st", "aws-x", "SSM", "a b"}, 1))
                .at("InvalidLabels"),
            (json::array{"1st", "aws-x", "SSM", "a b"}));
  const json::object got = call("GetParameter", {{"Name", "/a:prod"}});
  EXPECT_EQ(got.at("Parameter").at("Value"), "1");
  EXPECT_EQ(got.at("Parameter").at("Selector"), ":prod");
  call("LabelParameterVersion", label({"prod"}, 2));  // It moves.
  EXPECT_EQ(call("GetParameter", {{"Name", "/a:prod"}}).at("Parameter").at("Value"), "2");
  EXPECT_EQ(refused("GetParameter", {{"Name", "/a:other"}}), "ParameterVersionNotFound");
  EXPECT_EQ(refused("LabelParameterVersion", label({"x"}, 3)), "ParameterVersionNotFound");
  EXPECT_EQ(refused("LabelParameterVersion",
                    label({"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}, 2)),
            "ParameterVersionLabelLimitExceeded");
  EXPECT_EQ(call("UnlabelParameterVersion", label({"prod", "x"}, 2)).at("InvalidLabels"),
            (json::array{"x"}));
  EXPECT_EQ(refused("GetParameter", {{"Name", "/a:prod"}}), "ParameterVersionNotFound");
}

TEST_F(Ssm, AHundredVersionsAreKept) {
  put("/a", "0");
  call("LabelParameterVersion", {{"Name", "/a"}, {"Labels", {"first"}}});
  const json::object next{{"Name", "/a"}, {"Value", "x"}, {"Overwrite", true}};
  for (int version = 2; version <= 100; ++version) call("PutParameter", next);
  EXPECT_EQ(refused("PutParameter", next), "ParameterMaxVersionLimitExceeded");
  call("LabelParameterVersion", {{"Name", "/a"}, {"Labels", {"first"}}, {"ParameterVersion", 50}});
  call("PutParameter", next);
  EXPECT_EQ(refused("GetParameter", {{"Name", "/a:1"}}), "ParameterVersionNotFound");
}

TEST_F(Ssm, AnAdvancedParameterStaysOne) {
  const std::string large(5'000, 'x');
  json::object input{{"Name", "/a"}, {"Value", large}, {"Type", "String"}};
  EXPECT_EQ(refused("PutParameter", input), "ValidationException");
  input["Tier"] = "Intelligent-Tiering";
  EXPECT_EQ(call("PutParameter", input).at("Tier"), "Advanced");
  input = {{"Name", "/a"}, {"Value", "x"}, {"Overwrite", true}};
  EXPECT_EQ(call("PutParameter", input).at("Tier"), "Advanced");
  input["Tier"] = "Standard";
  EXPECT_EQ(refused("PutParameter", input), "ValidationException");
}

// Its time was that of each start position, times the bytes compared.
TEST_F(Ssm, BoundsWhatAPatternTakes) {
  EXPECT_EQ(refused("PutParameter", {{"Name", "/a"},
                                     {"Value", std::string(4'096, 'a')},
                                     {"Type", "String"},
                                     {"AllowedPattern", "(?i)(a*)\\1[bc]"}}),
            "ParameterPatternMismatchException");
}

TEST_F(Ssm, ChecksPatternsTypesAndKeys) {
  json::object input{
      {"Name", "/a"}, {"Value", "12"}, {"Type", "String"}, {"AllowedPattern", "^\\d+$"}};
  call("PutParameter", input);
  input["Overwrite"] = true;
  input["Value"] = "x";
  EXPECT_EQ(refused("PutParameter", input), "ParameterPatternMismatchException");
  input["AllowedPattern"] = "(";
  EXPECT_EQ(refused("PutParameter", input), "InvalidAllowedPatternException");
  const auto with = [](const char* member, const char* value) {
    return json::object{{"Name", "/b"}, {"Value", "v"}, {"Type", "String"}, {member, value}};
  };
  EXPECT_EQ(refused("PutParameter", with("DataType", "Text")), "ValidationException");
  EXPECT_EQ(refused("PutParameter", with("KeyId", "alias/x")), "ValidationException");
  EXPECT_EQ(refused("PutParameter", with("Policies", "[]")), "ValidationException");
  put("/s", "v", "SecureString");
  EXPECT_EQ(call("DescribeParameters", {}).at("Parameters").at(1).at("KeyId"), "alias/aws/ssm");
}

TEST_F(Ssm, KeyOfASecureStringMustBeUsable) {
  const auto with = [](std::string_view key) {
    return json::object{{"Name", "/k"},
                        {"Value", "v"},
                        {"Type", "SecureString"},
                        {"KeyId", key},
                        {"Overwrite", true}};
  };
  const std::string key = text(call("kms", "CreateKey", {}).at("KeyMetadata").as_object(), "KeyId");
  call("PutParameter", with(key));
  call("PutParameter", with("alias/aws/ssm"));
  EXPECT_EQ(refused("PutParameter", with("alias/nope")), "InvalidKeyId");
  call("kms", "DisableKey", {{"KeyId", key}});
  EXPECT_EQ(refused("PutParameter", with(key)), "InvalidKeyId");
}

TEST_F(Ssm, FiltersParameters) {
  put("/a/one", "1");
  put("/a/two/three", "2", "SecureString");
  put("four", "3", "StringList");
  call("AddTagsToResource", {{"ResourceType", "Parameter"},
                             {"ResourceId", "four"},
                             {"Tags", {{{"Key", "k"}, {"Value", "v"}}}}});
  const auto names = [&](json::object filter) {
    std::string out;
    const json::object got =
        call("DescribeParameters", {{"ParameterFilters", json::array{std::move(filter)}}});
    for (const json::value& each : got.at("Parameters").as_array())
      out += text(each.as_object(), "Name") + " ";
    return out;
  };
  EXPECT_EQ(names({{"Key", "Name"}, {"Option", "Contains"}, {"Values", {"two"}}}), "/a/two/three ");
  EXPECT_EQ(names({{"Key", "Name"}, {"Values", {"a/one"}}}), "/a/one ");
  EXPECT_EQ(names({{"Key", "Path"}, {"Values", {"/a"}}}), "/a/one ");
  EXPECT_EQ(names({{"Key", "Path"}, {"Option", "Recursive"}, {"Values", {"/a"}}}),
            "/a/one /a/two/three ");
  EXPECT_EQ(names({{"Key", "tag:k"}, {"Values", {"v"}}}), "four ");
  EXPECT_EQ(names({{"Key", "KeyId"}, {"Values", {"alias/aws/ssm"}}}), "/a/two/three ");
  EXPECT_EQ(names({{"Key", "Type"}, {"Values", {"StringList"}}}), "four ");
  const auto refuses = [&](const char* operation, json::object filter) {
    return refused(operation,
                   {{"Path", "/a"}, {"ParameterFilters", json::array{std::move(filter)}}});
  };
  EXPECT_EQ(refuses("GetParametersByPath", {{"Key", "Name"}, {"Values", {"x"}}}),
            "InvalidFilterKey");
  EXPECT_EQ(refuses("GetParametersByPath", {{"Key", "Type"}, {"Values", {"x"}}}),
            "InvalidFilterValue");
  EXPECT_EQ(
      refuses("GetParametersByPath", {{"Key", "Type"}, {"Option", "Contains"}, {"Values", {"x"}}}),
      "InvalidFilterOption");
  EXPECT_EQ(refused("DescribeParameters", {{"ParameterFilters", json::array{{{"Key", "Name"}}}}}),
            "InvalidFilterValue");
  EXPECT_EQ(refused("DescribeParameters",
                    {{"ParameterFilters", json::array{{{"Key", "Label"}, {"Values", {"x"}}}}}}),
            "InvalidFilterKey");
}

TEST_F(Ssm, AParameterHasAtMostFiftyTags) {
  put("a", "1");
  json::array tags;
  for (int i = 0; i < 50; ++i) tags.push_back({{"Key", std::to_string(i)}, {"Value", "v"}});
  const auto add = [&](json::array more) {
    return json::object{
        {"ResourceType", "Parameter"}, {"ResourceId", "a"}, {"Tags", std::move(more)}};
  };
  call("AddTagsToResource", add(tags));
  EXPECT_EQ(refused("AddTagsToResource", add({{{"Key", "more"}, {"Value", "v"}}})),
            "TooManyTagsError");
}

}  // namespace
}  // namespace kiban::services::ssm
