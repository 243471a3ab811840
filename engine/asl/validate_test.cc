#include "asl/validate.h"

#include <gtest/gtest.h>

namespace kiban::asl {
namespace {

Diagnostic only(std::string_view definition, MachineType type = MachineType::Standard) {
  const auto found = validate(definition, type);
  EXPECT_EQ(found.size(), 1U) << definition;
  return found.empty() ? Diagnostic{} : found[0];
}

std::string one_state(std::string_view fields) {
  return R"({"StartAt":"S","States":{"S":{)" + std::string(fields) + "}}}";
}

// Texts as recorded by AWS.
TEST(Validate, SaysWhatAwsSaysOfTheWholeDefinition) {
  EXPECT_EQ(only(" "), (Diagnostic{.message = "Definition must be a valid JSON object"}));
  const auto words = only("no definition");
  EXPECT_EQ(words.code, "INVALID_JSON_DESCRIPTION");
  EXPECT_EQ(words.location, "[Source: (String)\"no definition\"; line: 1, column: 3]");
  EXPECT_EQ(words.message,
            "Unrecognized token 'no': was expecting (JSON String, Number, Array, Object or token "
            "'null', 'true' or 'false')\n at " +
                words.location);
  EXPECT_EQ(only(R"({"States":{"S":{"Type":"Pass","End":true}}})"),
            (Diagnostic{.message = "These fields are required: [StartAt]", .location = "/"}));
  EXPECT_EQ(refusal(validate(R"({"StartAt":"A"})", MachineType::Standard)),
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are "
            "required: [States] at /'");
}

TEST(Validate, SaysWhatAwsSaysOfAState) {
  EXPECT_EQ(only(one_state(R"("Type":"Nothing","End":true)")),
            (Diagnostic{.message = "The field 'Type' should have one of these values: [Task, Wait, "
                                   "Pass, Succeed, Fail, Choice, Parallel, Map]",
                        .location = "/States/S/Type"}));
  EXPECT_EQ(only(one_state(R"("Type":"Wait","Timestamp":"2016-12-05 21:29:29Z","End":true)")),
            (Diagnostic{.message = "String does not match RFC3339 timestamp",
                        .location = "/States/S/Timestamp"}));
  EXPECT_EQ(only(one_state(R"("Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
                              "Credentials":{"x":1},"End":true)")),
            (Diagnostic{.message = "The field 'RoleArn' is required but was missing",
                        .location = "/States/S/Credentials"}));
  EXPECT_EQ(only(one_state(R"("Type":"Task","Resource":"arn:aws:states:::dynamodb:query",
                              "End":true)"))
                .location,
            "/States/S/Resource");
}

TEST(Validate, RefusesWaitsInExpressMachinesOnly) {
  const auto task = one_state(
      R"("Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","End":true)");
  EXPECT_TRUE(validate(task, MachineType::Standard).empty());
  EXPECT_EQ(only(task, MachineType::Express).message,
            "Express state machine does not support '.waitForTaskToken' service integration ");
  const auto activity = one_state(
      R"("Type":"Task","Resource":"arn:aws:states:ap-northeast-1:000000000000:activity:a",
         "End":true)");
  EXPECT_TRUE(validate(activity, MachineType::Standard).empty());
  EXPECT_EQ(only(activity, MachineType::Express).message,
            "Express state machine does not support Activity ARN");
}

TEST(Validate, FollowsTransitionsAlsoInBranches) {
  const auto lost = only(one_state(R"("Type":"Parallel","End":true,"Branches":[{"StartAt":"B",
      "States":{"B":{"Type":"Pass","Next":"C"}}}])"));
  EXPECT_EQ(lost.code, "MISSING_TRANSITION_TARGET");
  EXPECT_EQ(lost.message, "Missing 'Next' target: C");
  EXPECT_EQ(lost.location, "/States/S/Branches[0]/States/B/Next");
}

TEST(Validate, RefusesLabelsThatAwsRefuses) {
  const auto with_label = [](std::string_view label) {
    return one_state(R"("Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":
        "DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Pass",
        "End":true}}},"Label":")" +
                     std::string(label) + "\"");
  };
  EXPECT_TRUE(validate(with_label("label_1"), MachineType::Standard).empty());
  for (const std::string_view label :
       {"a:", "a b", "a\\t", "a\\u0085", "12345678901234567890123456789012345678901"})
    EXPECT_EQ(only(with_label(label)).location, "/States/S/Label") << label;
}

TEST(Validate, ReportsWhatOnlyTheCompilerSees) {
  EXPECT_FALSE(validate(one_state(R"("Type":"Pass")"), MachineType::Standard).empty());
}

}  // namespace
}  // namespace kiban::asl
