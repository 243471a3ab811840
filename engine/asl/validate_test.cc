#include "asl/validate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "asl/json_text.h"

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
                              "Parameters":{"FunctionName":"f"},"Credentials":{"x":1},
                              "End":true)")),
            (Diagnostic{.message = "The field 'RoleArn' is required but was missing",
                        .location = "/States/S/Credentials"}));
  EXPECT_EQ(only(one_state(R"("Type":"Task","Resource":"arn:aws:states:::dynamodb:query",
                              "End":true)"))
                .location,
            "/States/S/Resource");
}

TEST(Validate, RefusesWaitsInExpressMachinesOnly) {
  const auto task = one_state(
      R"("Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
         "Parameters":{"QueueUrl.$":"$.q","MessageBody.$":"$$.Task.Token"},"End":true)");
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
      "States":{"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Pass","End":true},
      "D":{"Type":"Fail"}}}])"));
  EXPECT_EQ(lost.code, "MISSING_TRANSITION_TARGET");
  EXPECT_EQ(lost.message, "State \"D\" is not reachable.");
  EXPECT_EQ(lost.location, "/States/S/Branches[0]/States/D");
}

std::string all(std::string_view definition) {
  return refusal(validate(definition, MachineType::Standard)).value_or("good");
}

// As users report of AWS; the issues are named in validate_machine.cc.
TEST(Validate, RefusesWhatAwsRefusesAtCreation) {
  // docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html: 80 characters.
  const auto named = [](const std::string& name) {
    return R"({"StartAt":")" + name + R"(","States":{")" + name + R"(":{"Type":"Succeed"}}})";
  };
  EXPECT_TRUE(validate(named(std::string(80, 'n')), MachineType::Standard).empty());
  EXPECT_EQ(only(named(std::string(81, 'n'))).location, "/States/" + std::string(81, 'n'));
  // Recorded: test_parallel_state_empty_branches.
  EXPECT_EQ(only(one_state(R"("Type":"Parallel","Branches":[],"End":true)")),
            (Diagnostic{.message = "Value cannot be empty", .location = "/States/S/Branches"}));
  // Recorded: test_wait_timestamp_invalid[JSONATA].
  EXPECT_EQ(
      only(one_state(R"("Type":"Wait","Timestamp":"{% '2016-03-14T01:59:00Z' %}","End":true)"))
          .message,
      "String does not match RFC3339 timestamp");
  EXPECT_EQ(only(one_state(R"("Type":"Choice","Choices":[{"Variable":"$.a[","IsNull":true,
                              "Next":"T"}]},"T":{"Type":"Succeed")"))
                .message,
            "Value is not a Reference Path");
  EXPECT_EQ(only(one_state(R"("Type":"Choice","Choices":[{"Variable":"$.a","TimestampEquals":"noon",
                              "Next":"T"}]},"T":{"Type":"Succeed")"))
                .message,
            "String does not match RFC3339 timestamp");
}

// github.com/anomalyco/sst/issues/6110 quotes the words, aws/aws-cdk/issues/33396 those of
// Arguments.
TEST(Validate, RefusesWhatJsonataCannotRead) {
  const auto pass = [](std::string_view text) {
    return one_state(fmt::format(
        R"("Type":"Pass","QueryLanguage":"JSONata","Output":"{{% {} %}}","End":true)", text));
  };
  EXPECT_EQ(only(pass("$states.errorOutput.Cause")).message,
            "Field '$states.errorOutput' does not exist.");
  EXPECT_EQ(only(pass("$$.a")).code, "UNSUPPORTED_JSONATA_EXPRESSION");
  EXPECT_TRUE(validate(pass("$states.input"), MachineType::Standard).empty());
  const auto writer = [](std::string_view fields) {
    return one_state(R"("Type":"Map","QueryLanguage":"JSONata","Items":"{% [1] %}","End":true,
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
      "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"ResultWriter":{"Resource":
      "arn:aws:states:::s3:putObject")" +
                     std::string(fields) + "}");
  };
  EXPECT_EQ(only(writer("")), (Diagnostic{.message = "These fields are required: [Arguments]",
                                          .location = "/States/S/ResultWriter"}));
  EXPECT_EQ(validate(writer(R"(,"Parameters":{"Bucket":"b"})"), MachineType::Standard)[0].message,
            "These fields are required: [Arguments]");
}

TEST(Validate, TellsMissingTargetsThenMissingEndsOrUnreachableStates) {
  const std::string head = "Invalid State Machine Definition: '";
  EXPECT_EQ(all(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass",
                    "Next":"A"}}})"),
            head + "MISSING_END_STATE: Workflow has no terminal state at null'");
  EXPECT_EQ(all(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"X"}}})"),
            head +
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next, "
                "MISSING_END_STATE: Workflow has no terminal state at null'");
  EXPECT_EQ(all(R"({"StartAt":"p1","States":{"p1":{"Type":"Pass","Next":"p3"},"p2":{"Type":"Pass",
                    "End":true}}})"),
            head +
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: p3 at /States/p1/Next, "
                "MISSING_TRANSITION_TARGET: State \"p2\" is not reachable. at /States/p2'");
}

TEST(Validate, RefusesFieldsThatAStateDoesNotHave) {
  EXPECT_EQ(
      only(one_state(R"("Type":"Pass","TimeoutSeconds":3,"End":true)")),
      (Diagnostic{.message = "Field 'TimeoutSeconds' is not supported", .location = "/States/S"}));
  EXPECT_EQ(only(one_state(R"("Type":"Pass","Output":{},"End":true)")).message,
            "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the "
            "'JSONata' QueryLanguage");
  EXPECT_EQ(only(one_state(R"("Type":"Wait","Seconds":10000000000000000,"End":true)")),
            (Diagnostic{.message = "Maximum value is 99999999", .location = "/States/S/Seconds"}));
}

TEST(Validate, ParsesJsonataAndRefusesWhatReadsNoInput) {
  const auto output = [](std::string_view text) {
    return one_state(fmt::format(
        R"("Type":"Pass","QueryLanguage":"JSONata","Output":{{"v":"{{% {} %}}"}},"End":true)",
        text));
  };
  EXPECT_EQ(only(output("1 +")), (Diagnostic{.code = "INVALID_JSONATA_EXPRESSION",
                                             .message = "Unexpected end of expression",
                                             .location = "/States/S/Output/v"}));
  const Diagnostic bare{.code = "UNSUPPORTED_JSONATA_EXPRESSION",
                        .message = "Reference to 'phone' at the top level is not supported.",
                        .location = "/States/S/Output/v"};
  EXPECT_EQ(only(output("phone.number")), bare);
  EXPECT_EQ(only(output("$map([1], function($x) { phone })")), bare);
  for (const char* good :
       {"$states.input.phone", "$v.a[b = 1].c{d: e}", "($x := 1; $x)", "$states.input.{'a': b}"})
    EXPECT_EQ(all(output(good)), "good") << good;
}

// A state in a JSONata Map inherits from the machine, not from the Map (reported).
TEST(Validate, LetsStatesInheritTheMachinesLanguageAlone) {
  const std::string inner =
      R"("StartAt":"I","States":{"I":{"Type":"Pass","Output":1,"End":true}}})";
  EXPECT_EQ(
      only(one_state(R"("Type":"Map","QueryLanguage":"JSONata","End":true,"ItemProcessor":{)" +
                     inner))
          .location,
      "/States/S/ItemProcessor/States/I");
}

// Reported: github.com/floci-io/floci/issues/3733.
TEST(Validate, HoldsTheNumbersOfAMapToTheirRanges) {
  const auto with = [](std::string_view fields) {
    return one_state(R"("Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{
        "Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{
        "Type":"Pass","End":true}}},)" +
                     std::string(fields));
  };
  EXPECT_EQ(only(with(R"("ItemBatcher":{"MaxInputBytesPerBatch":262145})")).message,
            "Maximum value is 262144");
  EXPECT_EQ(only(with(R"("ItemBatcher":{"MaxItemsPerBatchPath":"$$.Execution.Input.n"})")),
            (Diagnostic{.message = "Value is not a Reference Path",
                        .location = "/States/S/ItemBatcher/MaxItemsPerBatchPath"}));
  EXPECT_EQ(only(with(R"("ToleratedFailurePercentage":101)")).message, "Maximum value is 100.0");
  EXPECT_EQ(only(with(R"("MaxConcurrency":1,"MaxConcurrencyPath":"$.n")")).message,
            "There should only be one of the following fields: [MaxConcurrency, "
            "MaxConcurrencyPath]");
  EXPECT_EQ(only(with(R"("ItemReader":{"ReaderConfig":{"MaxItems":-1}})")).location,
            "/States/S/ItemReader/ReaderConfig/MaxItems");
}

TEST(Validate, WarnsOfPathsThatAreNone) {
  const auto found = only(one_state(R"("Type":"Pass","Parameters":{"a":"$.b"},"End":true)"));
  EXPECT_EQ(found.severity, Severity::Warning);
  EXPECT_EQ(found.code, "NO_DOLLAR");
  EXPECT_EQ(found.location, "/States/S/Parameters/a");
  const auto fail = only(one_state(R"("Type":"Fail","Cause":"$.cause")"));
  EXPECT_EQ(fail.code, "NO_PATH");
  EXPECT_EQ(fail.location, "/States/S/Cause");
}

TEST(Validate, WarnsOfWhatIsNotServed) {
  const auto task = one_state(R"("Type":"Task","Resource":"arn:aws:states:::glue:startJobRun.sync",
                   "Parameters":{"JobName":"j"},"End":true)");
  EXPECT_TRUE(validate(task, MachineType::Standard).empty());
  const auto found = validate(task, MachineType::Standard, [](const TaskResource& called) {
    return called.service == "glue" ? Answer::NotServed : Answer::Served;
  });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "KIBAN_NOT_SERVED");
  EXPECT_EQ(found[0].severity, Severity::Warning);
  EXPECT_FALSE(refusal(found));
}

// Measured: the source is named in validate_machine.cc.
TEST(Validate, SaysWhatAwsWasMeasuredToSay) {
  struct Case {
    const char* fields;
    const char* code;
    const char* message;
    const char* location;
  };
  constexpr const char* schema = "SCHEMA_VALIDATION_FAILED";
  const Case cases[] = {
      {R"("Type":"Pass")", schema,
       "This object should have only one of the following fields: [Next, End]", "/States/S"},
      {R"("Type":"Pass","Next":"S","End":true)", schema,
       "There should only be one of the following fields: [Next, End]", "/States/S"},
      {R"("Type":"Wait","Seconds":1,"Timestamp":"2026-01-01T00:00:00Z","End":true)", schema,
       "There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, "
       "Timestamp]",
       "/States/S"},
      {R"("Type":"Wait","Seconds":"1","End":true)", schema, "Expected value of type Integer",
       "/States/S/Seconds"},
      {R"("Type":"Map","End":true)", schema,
       "This object should have only one of the following fields: [ItemProcessor, Iterator]",
       "/States/S"},
      {R"("Type":"Fail","Error":"E","ErrorPath":"$.e")", schema,
       "There should only be one of the following fields: [Error, ErrorPath]", "/States/S"},
      {R"("Type":"Pass","InputPath":"x","End":true)", schema, "Value must be a valid JSONPath.",
       "/States/S/InputPath"},
      {R"("Type":"Pass","Assign":{"states":1},"End":true)", "RESERVED_VARIABLE_NAME",
       "Cannot assign to reserved variable '$states'.", "/States/S/Assign/states"},
      {R"("Type":"Pass","Assign":{"a-b":1},"End":true)", "INVALID_VARIABLE_NAME",
       "Invalid variable name 'a-b': the variable name contains invalid characters.",
       "/States/S/Assign/a-b"},
      {R"("Type":"Task","Resource":"f","End":true)", schema, "Value is not a valid resource ARN",
       "/States/S/Resource"},
      {R"("Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true)", schema,
       "Parameters field is required for resource ARN: arn:aws:states:::sqs:sendMessage",
       "/States/S"},
      {R"("Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::aws-sdk:s3:listBuckets",
          "End":true)",
       schema,
       "Arguments field is required for resource ARN: arn:aws:states:::aws-sdk:s3:listBuckets",
       "/States/S"},
      {R"("Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q"},
          "End":true)",
       schema, "The field 'MessageBody' is required but was missing", "/States/S/Parameters"},
      {R"("Type":"Task","Resource":"arn:aws:states:ap-northeast-1:000000000000:activity:a",
          "Credentials":{"RoleArn":"r"},"End":true)",
       schema, "The field 'Credentials' is not supported for activities", "/States/S"},
      {R"("Type":"Parallel","Branches":[],"End":true,"Retry":[{"ErrorEquals":[]}])", schema,
       "Value cannot be empty", "/States/S/Retry[0]/ErrorEquals"},
      {R"("Type":"Parallel","Branches":[],"End":true,"Retry":[{"ErrorEquals":["States.ALL","E"]}])",
       schema, "States.ALL must appear alone and at end of list", "/States/S/Retry[0]/ErrorEquals"},
      {R"("Type":"Parallel","Branches":[],"End":true,
          "Retry":[{"ErrorEquals":["E"],"JitterStrategy":"HALF"}])",
       schema, "Value should be one of the following: [NONE, FULL]",
       "/States/S/Retry[0]/JitterStrategy"},
      {R"("Type":"Parallel","Branches":[],"End":true,
          "Retry":[{"ErrorEquals":["E"],"MaxDelaySeconds":31622401}])",
       schema, "Maximum value is 31622400", "/States/S/Retry[0]/MaxDelaySeconds"},
      {R"("Type":"Choice","Choices":[])", schema, "Value cannot be empty", "/States/S/Choices"},
      {R"("Type":"Choice","Choices":[{"Next":"S","And":[{"Variable":"$.a","IsNull":true,
          "Next":"S"}]}])",
       schema, "Field 'Next' is not supported", "/States/S/Choices[0]/And[0]"},
      {R"("Type":"Choice","Choices":[{"Next":"S","Variable":"a","IsNull":true}])", schema,
       "Value is not a Reference Path: Reference path didn't start with '$'",
       "/States/S/Choices[0]/Variable"},
      {R"("Type":"Choice","Choices":[{"Next":"S","Not":{},"Variable":"$.a","IsNull":true}])",
       schema,
       "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]",
       "/States/S/Choices[0]"},
  };
  for (const Case& one : cases) {
    const auto found = validate(one_state(one.fields), MachineType::Standard);
    ASSERT_FALSE(found.empty()) << one.fields;
    EXPECT_EQ(found[0],
              (Diagnostic{.code = one.code, .message = one.message, .location = one.location}))
        << one.fields << "\n"
        << found[0].message << " at " << found[0].location;
  }
}

TEST(Validate, KnowsMapsThatRunFarAway) {
  const auto map = [](std::string_view config, std::string_view more = "") {
    return one_state(fmt::format(
        R"("Type":"Map","End":true,{}"ItemProcessor":{{"ProcessorConfig":{{{}}},"StartAt":"I",
           "States":{{"I":{{"Type":"Pass","End":true}}}}}})",
        more, config));
  };
  EXPECT_EQ(only(map(R"("Mode":"DISTRIBUTED")")),
            (Diagnostic{.message = "These fields are required: [ExecutionType]",
                        .location = "/States/S/ItemProcessor/ProcessorConfig"}));
  EXPECT_EQ(only(map(R"("Mode":"INLINE","ExecutionType":"EXPRESS")")).message,
            "Field 'ExecutionType' is not supported");
  EXPECT_EQ(only(map(R"("Mode":"DISTRIBUTED","ExecutionType":"FAST")")).message,
            "Value should be one of the following: [STANDARD, EXPRESS]");
  EXPECT_EQ(
      only(map(R"("Mode":"DISTRIBUTED","ExecutionType":"STANDARD")"), MachineType::Express).message,
      "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state "
      "machines");
  const std::string good = R"("Mode":"DISTRIBUTED","ExecutionType":"STANDARD")";
  EXPECT_EQ(
      only(map(good, R"("ItemReader":{"Resource":"arn:aws:states:::s3:headObject"},)")).message,
      "The field 'Resource' does not match any of the allowed values");
  EXPECT_EQ(only(map(good, R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
                              "ReaderConfig":{"InputType":"CSV"}},)"))
                .message,
            "The field 'CSVHeaderLocation' is required");
}

// docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html, -itembatcher, and
// -resultwriter.
TEST(Validate, KnowsWhatMapsReadAndWrite) {
  const auto map = [](std::string_view more,
                      std::string_view config =
                          R"("Mode":"DISTRIBUTED","ExecutionType":"STANDARD")") {
    return one_state(fmt::format(
        R"("Type":"Map","End":true,{},"ItemProcessor":{{"ProcessorConfig":{{{}}},"StartAt":"I",
           "States":{{"I":{{"Type":"Pass","End":true}}}}}})",
        more, config));
  };
  const auto reader = [&](std::string_view config) {
    return map(fmt::format(R"("ItemReader":{{"Resource":"arn:aws:states:::s3:listObjectsV2",
        "Parameters":{{"Bucket":"b"}},"ReaderConfig":{}}})",
                           config));
  };
  EXPECT_EQ(only(reader(R"({"InputType":"XML"})")).message,
            "Value should be one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST]");
  EXPECT_EQ(only(reader(R"({"Transformation":"FLATTEN","InputType":"JSON"})")).location,
            "/States/S/ItemReader/ReaderConfig/Transformation");
  EXPECT_EQ(only(reader(R"({"Transformation":"LOAD_AND_FLATTEN"})")).message,
            "These fields are required: [InputType]");
  EXPECT_EQ(only(reader(R"({"ManifestType":"S3_INVENTORY","InputType":"CSV",
                            "CSVHeaderLocation":"FIRST_ROW"})"))
                .message,
            "Field 'InputType' is not supported");
  EXPECT_EQ(only(reader(R"({"InputType":"CSV","CSVHeaderLocation":"NONE"})")).message,
            "Value should be one of the following: [FIRST_ROW, GIVEN]");
  EXPECT_EQ(only(map(R"("ItemBatcher":{"BatchInput":{"a":1}})")).location, "/States/S/ItemBatcher");
  EXPECT_EQ(only(map(R"("ResultWriter":{"WriterConfig":{"Transformation":"ALL"}})")).message,
            "Value should be one of the following: [NONE, COMPACT, FLATTEN]");
  EXPECT_EQ(only(map(R"("ResultWriter":{"Resource":"arn:aws:states:::s3:getObject"})")).message,
            "The field 'Resource' does not match any of the allowed values");
  EXPECT_TRUE(validate(map(R"("ResultWriter":{})"), MachineType::Standard).empty());
  EXPECT_EQ(
      only(map(R"("ItemBatcher":{"MaxItemsPerBatch":1})", R"("Mode":"INLINE")")),
      (Diagnostic{.message = "Field 'ItemBatcher' is not supported", .location = "/States/S"}));
}

TEST(Validate, RefusesAStateNameGivenTwice) {
  const auto found = only(one_state(R"("Type":"Parallel","End":true,"Branches":[{"StartAt":"S",
      "States":{"S":{"Type":"Pass","End":true}}}])"));
  EXPECT_EQ(found.code, "DUPLICATE_STATE_NAME");
  EXPECT_EQ(found.message, "Duplicate State name: S");
  EXPECT_EQ(found.location, "/States/S/Branches[0]/States/S");
}

TEST(Validate, KnowsEveryIntegration) {
  const auto task = [](std::string_view resource) {
    return one_state(fmt::format(
        R"("Type":"Task","Resource":"arn:aws:states:::{}","Parameters":{{"FunctionName":"f",
           "JobName":"j","TableName":"t","Key":1,"TaskDefinition":"d","Message":"m","QueueUrl":"u",
           "MessageBody":"b","StateMachineArn":"a","Entries":[]}},"End":true)",
        resource));
  };
  for (const char* good :
       {"lambda:invoke", "lambda:invoke.waitForTaskToken", "glue:startJobRun.sync",
        "ecs:runTask.sync", "ecs:runTask.waitForTaskToken", "states:startExecution.sync:2",
        "batch:submitJob.sync", "dynamodb:updateItem", "eks:runJob.sync", "http:invoke",
        "aws-sdk:ec2:describeInstances", "aws-sdk:sqs:sendMessage.waitForTaskToken",
        "elasticmapreduce:addStep.sync", "emr-serverless:startJobRun.sync"})
    EXPECT_EQ(all(task(good)), "good") << good;
  for (const char* bad :
       {"lambda:invoke.sync", "sqs:sendMessage.sync", "glue:startJobRun.waitForTaskToken",
        "ecs:runTask.sync:2", "dynamodb:query", "s3:getObject", "kinesis:putRecord", "ecs:stopTask",
        "aws-sdk:s3:getObject.sync", "sqs"})
    EXPECT_EQ(only(task(bad)).location, "/States/S/Resource") << bad;
  EXPECT_EQ(validate(task("aws-sdk:sqs:sendLetter"), MachineType::Standard,
                     [](const TaskResource&) { return Answer::NoSuchOperation; })
                .at(0)
                .location,
            "/States/S/Resource");
}

TEST(JsonText, TellsWhatJacksonTells) {
  const std::pair<const char*, const char*> cases[] = {
      // Recorded: test_invalid_start_execution_input.
      {"{'a': 1}",
       "Unexpected character (''' (code 39)): was expecting double-quote to start field name"},
      {R"({"a" 1})",
       "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and "
       "value"},
      {"[1 2]",
       "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"},
      {"[01]", "Invalid numeric value: Leading zeroes not allowed"},
      {R"(["a)", "Unexpected end-of-input: was expecting closing quote for a string value"},
  };
  for (const auto& [text, message] : cases) {
    const auto problem = json_problem(text);
    ASSERT_TRUE(problem) << text;
    EXPECT_EQ(problem->message, message);
  }
  EXPECT_FALSE(json_problem(R"( {"a":[1,2.5e3,"\u00e9",true,null],"b":{}} )"));
}

TEST(JsonText, FindsLocations) {
  const std::string text =
      "{\n  \"States\": {\n    \"A/b\": {\"Choices\": [1, {\"Next\": 2}]}\n  }\n}";
  const auto found = find_location(text, "/States/A/b/Choices[1]/Next");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->line, 3U);
  EXPECT_EQ(text.substr(found->offset, found->length), "\"Next\"");
  EXPECT_EQ(find_location(text, "/States/A/b/Choices[0]")->length, 1U);
  EXPECT_FALSE(find_location(text, "/States/C"));
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
