#include "cfn/transform.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cfn/template.h"
#include "cfn/types.h"

namespace kiban::cfn {
namespace {

using Given = std::map<std::string, std::string>;

// The processed tree, or the error's cause.
struct Processed {
  json::object tree{};
  std::string error{};

  std::string at(const char* pointer) const {
    boost::system::error_code code;
    const json::value all(tree);
    const json::value* found = all.find_pointer(pointer, code);
    return found ? print_json(*found) : "absent";
  }
};

Processed processed(std::string_view text, const Given& given = {}) {
  const auto fail_with = [](const Error& error) { return Processed{.error = error.cause}; };
  auto tree = read_template(text);
  if (!tree) return fail_with(tree.error());
  const TransformInput input{
      .stack = {.name = "s", .account = "000000000000", .region = "ap-northeast-1"},
      .fetch = [](const std::string& location) -> Result<std::string> {
        if (location == "s3://b/topic.yaml") return "Type: AWS::SNS::Topic\n";
        if (location == "s3://b/outputs.json") return R"({"Outputs":{"O":{"Value":"v"}}})";
        if (location == "s3://b/list.yaml") return "- a\n";
        return fail("ValidationError", "no object " + location);
      }};
  tree = apply_transforms(*std::move(tree), given, input);
  if (!tree) return fail_with(tree.error());
  if (const auto checked = check_tree(*tree); !checked) return fail_with(checked.error());
  if (const auto checked = check_resources(*tree); !checked) return fail_with(checked.error());
  return {.tree = *std::move(tree)};
}

constexpr std::string_view topics = R"(
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList, Default: 'a,b-c'}
Mappings:
  Sizes: {a: {Levels: [x, 'y']}}
Resources:
  Fn::ForEach::Topics:
    - Name
    - !Ref Names
    - Topic&{Name}:
        Type: AWS::SNS::Topic
        Properties:
          TopicName: !Sub '${Name}-${AWS::Region}'
          DisplayName: !Ref Name
  Queue:
    Type: AWS::SQS::Queue
    DependsOn: Topicbc
Outputs:
  Fn::ForEach::Arns:
    - Name
    - [a]
    - Out${Name}:
        Value: !GetAtt Topic${Name}.TopicName
)";

TEST(Loops, MakeOneOfEachValue) {
  const Processed made = processed(topics);
  ASSERT_EQ(made.error, "");
  EXPECT_EQ(made.at("/Resources/Topica/Properties/TopicName"), R"({"Fn::Sub":"a-${AWS::Region}"})");
  EXPECT_EQ(made.at("/Resources/Topicbc/Properties/TopicName"),
            R"({"Fn::Sub":"b-c-${AWS::Region}"})");
  EXPECT_EQ(made.at("/Resources/Topicbc/Properties/DisplayName"), R"("b-c")");
  EXPECT_EQ(made.at("/Outputs/Outa/Value"), R"({"Fn::GetAtt":["Topica","TopicName"]})");
  EXPECT_EQ(made.at("/Resources/Queue/DependsOn"), R"("Topicbc")");
}

TEST(Loops, SeeGivenParameters) {
  const Processed made = processed(topics, {{"Names", "a,bc,d"}});
  ASSERT_EQ(made.error, "");
  EXPECT_EQ(made.at("/Resources/Topicd/Properties/DisplayName"), R"("d")");
}

TEST(Loops, RunInsideOfOthersAndInProperties) {
  const Processed made = processed(R"(
Transform: AWS::LanguageExtensions
Mappings:
  Levels: {prod: {Of: [one, two]}}
Conditions:
  Fn::ForEach::Stages:
    - Stage
    - [prod]
    - Is${Stage}: !Equals [!Ref AWS::Region, !Ref Stage]
Resources:
  Fn::ForEach::Outer:
    - Stage
    - [prod]
    - Fn::ForEach::Inner:
        - Level
        - !FindInMap [Levels, !Ref Stage, Of]
        - Queue${Stage}${Level}:
            Type: AWS::SQS::Queue
            Properties:
              Fn::ForEach::Numbers:
                - Property
                - [DelaySeconds, VisibilityTimeout]
                - ${Property}: 5
)");
  ASSERT_EQ(made.error, "");
  EXPECT_EQ(made.at("/Resources/Queueprodtwo/Properties"),
            R"({"DelaySeconds":5,"VisibilityTimeout":5})");
  EXPECT_EQ(made.at("/Conditions/Isprod"), R"({"Fn::Equals":[{"Ref":"AWS::Region"},"prod"]})");
}

TEST(Loops, AreRefusedWhenTheyAreMalformed) {
  const auto refused = [](const std::string& loop, const std::string& more = "") {
    return processed(fmt::format(R"({{"Transform":"AWS::LanguageExtensions",{}"Resources":{{)"
                                 R"("Fn::ForEach::L":{}}}}})",
                                 more, loop))
        .error;
  };
  const std::string start = "Transform AWS::LanguageExtensions failed with: ";
  const std::string topic = R"({"Type":"AWS::SNS::Topic"})";
  EXPECT_EQ(refused(R"(["N",["a"]])"), start + "Fn::ForEach::L layout is incorrect");
  EXPECT_EQ(refused(R"(["N","a",{"T${N}":)" + topic + "}]"),
            start + "Fn::ForEach::L: the collection must be a list of strings");
  EXPECT_EQ(refused(R"(["N",["a","b"],{"T":)" + topic + "}]"),
            start + "Fn::ForEach::L: the key T lacks ${N}");
  EXPECT_EQ(refused(R"(["N",["a","a"],{"T${N}":)" + topic + "}]"),
            start + "the name Ta is there more than once");
  EXPECT_EQ(refused(R"(["N",["a"],{"Fn::ForEach::M":["N",["b"],{"T${N}":)" + topic + "}]}]"),
            start + "Fn::ForEach::M: the identifier N is one of a loop around it");
  // Without the transform.
  EXPECT_EQ(processed(R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"Fn::ForEach::L":
            ["N",["a"],{"${N}":1}]}}}})")
                .error,
            "Template error: Fn::ForEach::L needs the transform AWS::LanguageExtensions, and is "
            "served in Conditions, Resources and Outputs");
}

TEST(Loops, MakeNoMoreThanTheBudget) {
  std::string loop = R"({"T${A}x${B}x${C}x${D}x${E}":{"Type":"AWS::SNS::Topic"}})";
  std::string values;
  for (int i = 0; i < 40; ++i) values += (i > 0 ? "," : "") + fmt::format("\"{}\"", i);
  for (const char name : {'E', 'D', 'C', 'B', 'A'}) {
    loop = fmt::format(R"({{"Fn::ForEach::L{}":["{}",[{}],{}]}})", name, name, values, loop);
  }
  EXPECT_EQ(
      processed(fmt::format(R"({{"Transform":"AWS::LanguageExtensions","Resources":{}}})", loop))
          .error,
      "Transform AWS::LanguageExtensions failed with: the loops make too much");
}

TEST(Loops, MakeNoLongerTextsThanTheBudget) {
  std::string marks_a;
  std::string marks_b;
  for (int i = 0; i < 2'000; ++i) {
    marks_a += "${A}";
    marks_b += "${B}";
  }
  EXPECT_EQ(processed(fmt::format(R"({{"Transform":"AWS::LanguageExtensions","Resources":{{
                "Fn::ForEach::A":["A",["{}"],{{"Fn::ForEach::B":["B",["{}"],
                  {{"N${{B}}":{{"Type":"AWS::SNS::Topic","Properties":{{"DisplayName":"{}"}}}}}}
                ]}}]}}}})",
                                  std::string(1'000, 'x'), marks_a, marks_b))
                .error,
            "Transform AWS::LanguageExtensions failed with: the loops make too much");
}

TEST(Include, PutsTheSnippetInPlaceOfItsCall) {
  const Processed made = processed(R"(
Parameters: {Bucket: {Type: String, Default: b}}
Transform: {Name: AWS::Include, Parameters: {Location: s3://b/outputs.json}}
Resources:
  Topic:
    Fn::Transform: {Name: AWS::Include, Parameters: {Location: !Sub 's3://${Bucket}/topic.yaml'}}
    Properties: {DisplayName: mine}
)");
  ASSERT_EQ(made.error, "");
  EXPECT_EQ(made.at("/Resources/Topic"),
            R"({"Properties":{"DisplayName":"mine"},"Type":"AWS::SNS::Topic"})");
  EXPECT_EQ(made.at("/Outputs/O/Value"), R"("v")");
}

TEST(Include, IsRefusedWhenItCannotBeRun) {
  const auto refused = [](const std::string& call) {
    return processed(
               R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"Fn::Transform":)" +
               call + "}}}}")
        .error;
  };
  EXPECT_EQ(refused(R"({"Name":"AWS::Include"})"),
            "Transform AWS::Include failed with: The location parameter is missing");
  EXPECT_EQ(refused(R"({"Name":"AWS::Include","Parameters":{"Location":"s3://b/list.yaml"}})"),
            "Transform AWS::Include failed with: The specified S3 object's content should be valid "
            "Yaml/JSON");
  EXPECT_EQ(refused(R"({"Name":"AWS::Include","Parameters":{"Location":"s3://b/none"}})"),
            "no object s3://b/none");
  EXPECT_EQ(refused(R"({"Name":"Mine"})"),
            R"(kiban does not honour the function Fn::Transform other than AWS::Include: )"
            R"({"Name":"Mine"})");
}

TEST(Extensions, LetFunctionsGiveDeletionPolicies) {
  const std::string text = R"(
Transform: {}
Parameters: {{Policy: {{Type: String, Default: Retain}}}}
Resources:
  Q: {{Type: AWS::SQS::Queue, DeletionPolicy: !Ref Policy}}
)";
  const Processed made = processed(fmt::format(fmt::runtime(text), "AWS::LanguageExtensions"));
  ASSERT_EQ(made.error, "");
  Evaluator evaluator(made.tree, {}, {});
  ASSERT_TRUE(evaluator.prepare({}));
  const json::object& declared = made.tree.at("Resources").at("Q").as_object();
  EXPECT_EQ(evaluator.policy(declared, "DeletionPolicy", "Delete"), "Retain");
  EXPECT_EQ(evaluator.policy(declared, "UpdateReplacePolicy", "Delete"), "Delete");
  Evaluator other(made.tree, {}, {});
  ASSERT_TRUE(other.prepare({{"Policy", "Keep"}}));
  EXPECT_EQ(other.policy(declared, "DeletionPolicy", "Delete").error().cause,
            R"(Template format error: Unrecognized DeletionPolicy "Keep")");
  EXPECT_EQ(processed(R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","DeletionPolicy":
            {"Ref":"AWS::Region"}}}})")
                .error,
            R"(Template format error: Unrecognized DeletionPolicy {"Ref":"AWS::Region"} for )"
            "resource Q");
}

}  // namespace
}  // namespace kiban::cfn
