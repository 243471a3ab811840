#include "cfn/check.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cfn/template.h"
#include "cfn/types.h"

namespace kiban::cfn {
namespace {

// Why the template is refused; `more` are sections beside a topic whose name is `value`.
std::string refused(const std::string& more, const std::string& value = R"("t")") {
  const auto tree =
      parse_template(fmt::format(R"({{{}"Resources":{{"T":{{"Type":"AWS::SNS::Topic","Properties":)"
                                 R"({{"TopicName":{}}}}},"Q":{{"Type":"AWS::SQS::Queue"}}}}}})",
                                 more, value));
  if (!tree) return tree.error().cause;
  const auto checked = check_resources(*tree);
  return checked ? "" : checked.error().cause;
}

using Table = std::vector<std::pair<std::string, std::string>>;

TEST(Check, RefusesArgumentsThatAFunctionDoesNotTake) {
  const std::string sub =
      "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
      "underscores, periods, and colons";
  const std::string select =
      "Template error: Fn::Select requires a list argument with two elements: an integer index and "
      "a list";
  const std::string import =
      "Template error: the attribute in Fn::ImportValue must not depend on any resources, imported "
      "values, or Fn::GetAZs";
  const Table table = {
      {R"({"Ref":["Q"]})",
       "Template format error: Every Ref object must have a single String value."},
      {R"({"Fn::Sub":"${A-B}"})", sub},
      {R"({"Fn::Sub":"${VAR:-default}"})", sub},
      {R"({"Fn::Sub":"a-${Q"})", sub},
      {R"({"Fn::Sub":"${!A-B} ${AWS::Region} ${Q.Arn}"})", ""},
      {R"({"Fn::Sub":["${x}"]})",
       "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. "
       "Specify a string as first argument, and an optional second argument to specify a mapping "
       "of values to replace in the string"},
      {R"({"Fn::Select":["0","a"]})", select},
      {R"({"Fn::Select":[0]})", select},
      {R"({"Fn::Select":["x",["a"]]})",
       "Template error: Fn::Select requires a list argument with a valid index"},
      {R"({"Fn::Select":[-1,["a"]]})",
       "Template error: Fn::Select requires a list argument with a valid index"},
      {R"({"Fn::Select":[{"Ref":"AWS::Region"},["a"]]})", ""},
      {R"({"Fn::Split":[",",["a"]]})",
       "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and "
       "(2) a string to be split or a function that returns a string to be split."},
      {R"({"Fn::Base64":["a"]})",
       "Template error: every Fn::Base64 object must have a String-typed value."},
      {R"({"Fn::FindInMap":["M","a"]})",
       "Template error: every Fn::FindInMap object requires three parameters, the map name, map "
       "key "
       "and the attribute for return value"},
      {R"({"Fn::FindInMap":["M","a","b"]})",
       "Template error: Mapping named 'M' is not present in the 'Mappings' section of template."},
      {R"({"Fn::If":["C","a","b"]})",
       "Template error: unresolved condition dependency C in Fn::If"},
      {R"({"Fn::If":[{"Ref":"Q"},"a","b"]})",
       "Template error: Fn::If requires a list argument with the first element being a condition"},
      {R"({"Fn::ImportValue":{"Ref":"Q"}})", import},
      {R"({"Fn::ImportValue":{"Fn::Select":[0,{"Fn::GetAZs":""}]}})", import},
      {R"({"Fn::ImportValue":{"Fn::Sub":"${AWS::StackName}-x"}})", ""},
      {R"({"Fn::GetAtt":["Q",{"Fn::Sub":"Arn"}]})",
       "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource "
       "name and the resource attribute"},
      {R"({"Fn::GetAtt":["Q","Nope"]})",
       "Template error: resource Q does not support attribute type Nope in Fn::GetAtt"},
      {R"("{{resolve:ssm-secure:/p}}")",
       "SSM Secure reference is not supported in: [AWS::SNS::Topic/Properties/TopicName]"},
      {"null", "[/Resources/T/Properties/TopicName] 'null' values are not allowed in templates"},
  };
  for (const auto& [value, why] : table) EXPECT_EQ(refused("", value), why) << value;
  EXPECT_TRUE(refused("", R"({"Fn::Nothing":1})")
                  .starts_with("Template error: encountered unsupported function: Fn::Nothing "
                               "Supported functions are: [Fn::And, "));
}

TEST(Check, RefusesSectionsThatAreNotWellFormed) {
  const Table table = {
      {R"("AWSTemplateFormatVersion":"2010-09-10",)",
       "Template format error: 2010-09-10 is not a supported value for AWSTemplateFormatVersion."},
      {R"("Description":")" + std::string(1'025, 'x') + "\",",
       "Template format error: 'Description' length is greater than 1024."},
      {R"("Description":["x"],)",
       "Template format error: Every Description member must be a string."},
      {R"("Parameters":{"my-p":{"Type":"String"}},)",
       "Template format error: Parameter name my-p is non alphanumeric."},
      {R"("Parameters":{"Q":{"Type":"String"}},)",
       "Template error: all resources and parameters must have unique names. Common name(s):[Q]"},
      {R"("Parameters":{"P":{}},)",
       "Template format error: Every Parameters object must contain a Type member."},
      {R"("Parameters":{"P":{"Type":"String","Defaults":"x"}},)",
       "Invalid template parameter property 'Defaults'"},
      {R"("Parameters":{"P":{"Type":"String","Default":["x"]}},)",
       "Template format error: Every Default member must be a string."},
      {R"("Parameters":{"P":{"Type":"String","MinLength":"abc"}},)",
       "Template format error: Every MinLength member must be a number."},
      {R"("Parameters":{"P":{"Type":"String","MaxLength":1.5}},)",
       "Template format error: Every MaxLength member must be a number."},
      {R"("Parameters":{"P":{"Type":"Number","MinValue":true}},)",
       "Template format error: Every MinValue member must be a number."},
      {R"("Parameters":{"P":{"Type":"Number","MaxValue":["1"]}},)",
       "Template format error: Every MaxValue member must be a number."},
      {R"("Parameters":{"P":{"Type":"Number","MinValue":"-1.5","MaxValue":2,"MinLength":"1"}},)",
       ""},
      {R"("Mappings":{"M":{"a_b":{"x":"y"}}},)",
       "Template format error: Mappings element name 'a_b' must be non-empty and can contain only "
       "alphanumerics, '-' or '.'"},
      {R"("Mappings":{"M":{"a":{"us-east-1":"y"}}},)",
       "Template format error: Mappings attribute name 'us-east-1' must contain only alphanumeric "
       "characters."},
      {R"("Mappings":{"M":{"a":{"x":{"y":"z"}}}},)",
       "Template format error: Every Mappings attribute must be a String or a List."},
      {R"("Mappings":{"M":{"us-east-1":{"x":1,"y":["a","b"]}}},)", ""},
      {R"("Conditions":{"C":{"Fn::Equals":[{"Ref":"Q"},"x"]}},)",
       "Template format error: Unresolved dependencies [Q]. Cannot reference resources in the "
       "Conditions block of the template"},
      {R"("Conditions":{"C":{"Ref":"AWS::Region"}},)",
       "Template format error: Conditions can only be boolean operations on parameters and other "
       "conditions"},
      {R"("Conditions":{"C":{"Fn::Not":[{"Condition":"D"}]}},)",
       "Template format error: Unresolved condition dependency D in the Conditions block of the "
       "template"},
      {R"("Conditions":{"C":{"Fn::And":[{"Fn::Equals":["a","b"]}]}},)",
       "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean "
       "parameters."},
      {R"("Conditions":{"C":{"Fn::Not":[]}},)",
       "Template error: every Fn::Not object requires one boolean parameter."},
      {R"("Outputs":{"O":{"Value":"x","Condition":"C"}},)",
       "Template format error: Unresolved condition dependency C in the Outputs block of the "
       "template"},
      {R"("Outputs":{"O":{"Value":["x"]}},)",
       "Template format error: The Value field of every Outputs member must evaluate to a String."},
      {R"("Outputs":{"my_o":{"Value":"x"}},)",
       "Template format error: Output name my_o is non alphanumeric."},
      {R"("Outputs":{"O":{"Value":"x","Export":{"Name":"a b"}}},)",
       "Template format error: Output O is malformed. The Name field of every Export member must "
       "be "
       "specified and consist only of alphanumeric characters, colons, or hyphens."},
      {R"("Outputs":{"O":{"Value":"x","Export":{"Name":{"Ref":"Q"}}}},)",
       "Template format error: Output O is malformed.  The Name field of Export must not depend on "
       "any resources, imported values, or Fn::GetAZs."},
  };
  for (const auto& [more, why] : table) EXPECT_EQ(refused(more), why) << more;
}

TEST(Check, WantsDependsOnToNameResources) {
  const auto tree =
      parse_template(R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DependsOn":{"Ref":"Q"}}}})");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().cause,
            "Template format error: DependsOn must be a string or list of strings.");
}

}  // namespace
}  // namespace kiban::cfn
