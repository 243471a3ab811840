#include "cfn/evaluate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "cfn/parameters.h"
#include "cfn/template.h"

namespace kiban::cfn {
namespace {

using testing::HasSubstr;

Ports ports() {
  return {.ssm_parameter = [](const std::string&) -> Result<std::string> { return "33"; },
          .import_value = [](const std::string& name) -> Result<json::value> {
            if (name == "none") return fail("ValidationError", "No export named none found.");
            return json::value(json::string("imported-" + name));
          },
          .stack_output = [](const std::string& stack, const std::string& region,
                             const std::string& output) -> Result<json::value> {
            return json::value(json::string(stack + "/" + region + "/" + output));
          },
          .dynamic_reference = [](const std::string& reference) -> Result<std::string> {
            return "<" + reference + ">";
          }};
}

// What the text of a value is in a template with a few things to refer to; or the error.
std::string value_of(const std::string& value) {
  const auto tree = parse_template(
      R"({"Transform":"AWS::LanguageExtensions",)"
      R"("Parameters":{"P":{"Type":"String","Default":"p"},"L":{"Type":"CommaDelimitedList","Default":"a, b,c"},)"
      R"("V":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/v"}},)"
      R"("Mappings":{"M":{"ap-northeast-1":{"x":"mapped"}}},)"
      R"("Conditions":{"Yes":{"Fn::Equals":["a","a"]},"No":{"Fn::Not":[{"Condition":"Yes"}]}},)"
      R"("Resources":{"T":{"Type":"AWS::SNS::Topic"},"R":{"Type":"AWS::SNS::Topic","Properties":{"X":)" +
      value + "}}}}");
  if (!tree) return tree.error().cause;
  Evaluator evaluator(*tree, {.name = "s", .id = "id", .account = "1", .region = "ap-northeast-1"},
                      ports());
  if (const auto ready = evaluator.prepare({}); !ready) return ready.error().cause;
  evaluator.made()["T"] = {.physical_id = "arn:t", .attributes = {{"TopicName", "t"}}};
  const auto properties = evaluator.properties("R");
  if (!properties) return properties.error().cause;
  const json::value* found = find(*properties, "X");
  if (!found) return "absent";
  return found->is_string() ? to_string(found->get_string()) : print_json(*found);
}

TEST(Intrinsics, AreEvaluated) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"Ref":"P"})", "p"},
      {R"({"Ref":"L"})", R"(["a","b","c"])"},
      {R"({"Ref":"V"})", "33"},
      {R"({"Ref":"T"})", "arn:t"},
      {R"({"Ref":"AWS::NoValue"})", "absent"},
      {R"({"Ref":"AWS::StackId"})", "id"},
      {R"({"Fn::GetAtt":["T","TopicName"]})", "t"},
      {R"({"Fn::GetAtt":"T.TopicName"})", "t"},
      {R"({"Fn::Join":["-",["a",{"Ref":"P"},3]]})", "a-p-3"},
      {R"({"Fn::Sub":"${P}/${T.TopicName}/${!P}/${AWS::Region}"})", "p/t/${P}/ap-northeast-1"},
      {R"({"Fn::Sub":["${x}${P}",{"x":{"Ref":"T"}}]})", "arn:tp"},
      {R"({"Fn::Select":["1",{"Ref":"L"}]})", "b"},
      {R"({"Fn::Split":["/","a/b"]})", R"(["a","b"])"},
      {R"({"Fn::If":["No","x",{"Ref":"AWS::NoValue"}]})", "absent"},
      {R"({"Fn::If":["Yes","x","y"]})", "x"},
      {R"({"Fn::FindInMap":["M",{"Ref":"AWS::Region"},"x"]})", "mapped"},
      {R"({"Fn::FindInMap":["M","eu","x",{"DefaultValue":"d"}]})", "d"},
      {R"({"Fn::ImportValue":{"Fn::Sub":"${P}-e"}})", "imported-p-e"},
      {R"({"Fn::GetStackOutput":{"StackName":"o","OutputName":"n"}})", "o/ap-northeast-1/n"},
      {R"({"Fn::GetStackOutput":{"StackName":"o","Region":"eu","OutputName":"n"}})", "o/eu/n"},
      {R"({"Fn::GetAZs":""})", R"(["ap-northeast-1a","ap-northeast-1c","ap-northeast-1d"])"},
      {R"({"Fn::Base64":"ab"})", "YWI="},
      {R"({"Fn::Cidr":["10.0.0.0/16",2,8]})", R"(["10.0.0.0/24","10.0.1.0/24"])"},
      {R"({"Fn::Length":{"Ref":"L"}})", "3"},
      {R"({"Fn::ToJsonString":{"a":{"Ref":"P"}}})", R"({"a":"p"})"},
      {R"({"Condition":{"StringEquals":{"a":{"Ref":"P"}}}})",
       R"({"Condition":{"StringEquals":{"a":"p"}}})"},  // A policy's own.
      {R"({"Condition":"Yes"})", R"({"Condition":"Yes"})"},
      {R"("{{resolve:ssm:/a}}")", "<ssm:/a>"},
      {R"("{{resolve:ssm-secure:/a}}")",
       "{{resolve:ssm-secure:/a}}"},  // Resolved when it is handed over only.
      {R"("{{resolve:secretsmanager:a}} {{resolve:ssm:/b}}")",
       "{{resolve:secretsmanager:a}} <ssm:/b>"},
  };
  for (const auto& [value, expected] : table) EXPECT_EQ(value_of(value), expected) << value;
}

TEST(Intrinsics, AreRefusedWithAReason) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"Ref":"Nobody"})", "Unresolved resource dependencies [Nobody]"},
      {R"({"Fn::GetAtt":["T"]})", "two non-empty parameters"},
      {R"({"Fn::GetAtt":["T","Nope"]})", "Requested attribute Nope does not exist"},
      {R"({"Fn::Select":[9,{"Ref":"L"}]})", "nonexistent value at index 9"},
      {R"({"Fn::Join":"x"})", "every Fn::Join object requires two parameters"},
      {R"({"Fn::If":["Maybe",1,2]})", "unresolved condition dependency Maybe in Fn::If"},
      {R"({"Fn::ImportValue":"none"})", "No export named none found."},
      {R"({"Fn::Cidr":["10.0.0.0/30",9,8]})", "can't cut"},
      {R"({"Fn::Nothing":1})", "Fn::Nothing"},
  };
  for (const auto& [value, expected] : table)
    EXPECT_THAT(value_of(value), HasSubstr(expected)) << value;
}

TEST(DynamicReferences, AreResolvedWhereverTheyStand) {
  const auto resolved = resolve_references(
      {{"a", json::array{"x{{resolve:ssm:/p}}y{{resolve:secretsmanager:s}}"}}, {"b", 1}}, ports());
  ASSERT_TRUE(resolved);
  EXPECT_EQ(print_json(*resolved), R"({"a":["x<ssm:/p>y<secretsmanager:s>"],"b":1})");
}

std::string checked(const std::string& declared, const std::string& value) {
  const auto result = check_parameter("P", parse_json(declared)->as_object(), value);
  return result ? "" : result.error().cause;
}

TEST(Parameter, IsHeldAgainstItsDeclaration) {
  EXPECT_EQ(checked(R"({"Type":"String","AllowedValues":["a",1]})", "1"), "");
  EXPECT_EQ(checked(R"({"Type":"String","AllowedValues":["a"]})", "b"),
            "Parameter 'P' must be one of AllowedValues");
  EXPECT_EQ(checked(R"({"Type":"String","AllowedPattern":"[a-z]+"})", "abc"), "");
  EXPECT_THAT(checked(R"({"Type":"String","AllowedPattern":"[a-z]+"})", "abc1"),
              HasSubstr("must match pattern [a-z]+"));
  EXPECT_EQ(
      checked(
          R"({"Type":"String","AllowedPattern":"[a-z]+","ConstraintDescription":"letters only"})",
          "1"),
      "Parameter P failed to satisfy constraint: letters only");
  EXPECT_THAT(checked(R"({"Type":"String","AllowedPattern":"("})", "x"),
              HasSubstr("no regular expression"));
  // A pattern that explodes is given up, not waited for.
  EXPECT_NE(checked(R"({"Type":"String","AllowedPattern":"(a+)+b"})", std::string(2'000, 'a')), "");
  EXPECT_NE(
      checked(R"({"Type":"String","AllowedPattern":"(?i)(a*)\\1*[bc]"})", std::string(4'000, 'a')),
      "");
  EXPECT_EQ(checked(R"({"Type":"Number"})", "x"), "Parameter 'P' must be a number.");
  EXPECT_EQ(checked(R"({"Type":"Number","MaxValue":"3"})", "4"),
            "Parameter 'P' must be a number not greater than 3");
  EXPECT_EQ(checked(R"({"Type":"String","MinLength":2})", "x"),
            "Parameter 'P' must contain at least 2 characters");
  EXPECT_EQ(checked(R"({"Type":"CommaDelimitedList","AllowedValues":["a","b"]})", "a, b"), "");
}

TEST(Rules, StopWhatTheyAssertAgainst) {
  const auto tree = parse_template(
      R"({"Parameters":{"V":{"Type":"String","Default":"1"}},)"
      R"("Rules":{"CheckVersion":{"Assertions":[{"Assert":{"Fn::Not":[{"Fn::Contains":[["1","2"],{"Ref":"V"}]}]},"AssertDescription":"too old"}]}},)"
      R"("Resources":{"T":{"Type":"AWS::SNS::Topic"}}})");
  ASSERT_TRUE(tree);
  Evaluator old(*tree, {}, ports());
  EXPECT_EQ(old.prepare({}).error().cause,
            "Template validation error: Rule CheckVersion failed: too old");
  Evaluator fresh(*tree, {}, ports());
  EXPECT_TRUE(fresh.prepare({{"V", "33"}}));
  Evaluator strange(*tree, {}, ports());
  EXPECT_EQ(strange.prepare({{"X", "1"}}).error().cause,
            "Parameters: [X] do not exist in the template");
}

TEST(Intrinsics, ThatMultiplyWhatTheyAreGivenHaveABudget) {
  const std::string text(20'000, 'a');
  std::string nested = "\"" + text + "\"";
  for (int i = 0; i < 40; ++i) nested = fmt::format(R"({{"Fn::Base64":{}}})", nested);
  std::string quoted = R"("\"")";
  for (int i = 0; i < 40; ++i) quoted = fmt::format(R"({{"Fn::ToJsonString":[{}]}})", quoted);
  std::string copies = R"({"Ref":"P"})";
  for (int i = 0; i < 8; ++i) {
    std::string next = R"({"Fn::Sub":["${A}${A}${A}${A}${A}${A}${A}${A}",{"A":)" + copies + "}]}";
    copies = std::move(next);
  }
  for (const std::string& value :
       {fmt::format(R"({{"Fn::Join":["{0}",{{"Fn::Split":["a","{0}"]}}]}})", text), nested, quoted,
        copies}) {
    EXPECT_THAT(value_of(value), HasSubstr("Template error: the template's functions take more"));
  }
  // A definition of Step Functions' full size passes.
  const std::string large(1'000'000, 'x');
  EXPECT_EQ(value_of(R"({"Fn::Join":["",["a",")" + large + R"("]]})"), "a" + large);
}

TEST(Conditions, ThatNameOneAnotherHaveADepth) {
  // Each names the next one; the last is declared first.
  const auto prepared = [](int count) -> std::string {
    std::string conditions;
    for (int i = 1; i < count; ++i)
      conditions += fmt::format(R"("C{}":{{"Fn::Not":[{{"Condition":"C{}"}}]}},)", i, i + 1);
    const auto tree =
        parse_template(fmt::format(R"({{"Conditions":{{{}"C{}":{{"Fn::Equals":["a","a"]}}}},)"
                                   R"("Resources":{{"T":{{"Type":"AWS::SNS::Topic"}}}}}})",
                                   conditions, count));
    if (!tree) return tree.error().cause;
    Evaluator evaluator(*tree, {}, ports());
    const auto ready = evaluator.prepare({});
    return ready ? "" : ready.error().cause;
  };
  EXPECT_EQ(prepared(90), "");
  EXPECT_EQ(prepared(18'000),
            "Template error: values, functions and conditions are nested more than 200 deep");
}

TEST(Cidr, CutsWellFormedBlocksOnly) {
  EXPECT_EQ(value_of(R"({"Fn::Cidr":["10.0.0.0/16",2,8]})"), R"(["10.0.0.0/24","10.0.1.0/24"])");
  for (const char* block : {"10.0.0/16", "10.0.0.0.0/16", "10.0.0.0", "", "...", "10.0.0.256/16",
                            "10.0.0./16", "10.0.0.0/33"}) {
    EXPECT_THAT(value_of(R"({"Fn::Cidr":[")" + std::string(block) + R"(",2,8]})"),
                HasSubstr("Fn::Cidr can't cut"));
  }
}

}  // namespace
}  // namespace kiban::cfn
