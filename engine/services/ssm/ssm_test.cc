#include <gtest/gtest.h>

#include "services/ssm/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::ssm {
namespace {

using namespace std::chrono_literals;

class Ssm : public ServiceTest {
 protected:
  Ssm() : ServiceTest("ssm", {make_ssm}) {}
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
  EXPECT_EQ(refused("GetParameter", {{"Name", "a:1"}}), "ParameterVersionNotFound");
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

}  // namespace
}  // namespace kiban::services::ssm
