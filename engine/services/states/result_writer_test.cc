#include <gtest/gtest.h>

#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

class ResultWriter : public States {
 protected:
  ResultWriter() {
    call("s3", "CreateBucket",
         {{"Bucket", "out"},
          {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
  }

  // A Map whose items fail where they are 0.
  std::string machine(const std::string& name, std::string_view writer, std::string_view more = "",
                      std::string_view states = fails_at_zero) {
    return make(name, fmt::format(R"({{"StartAt":"M","States":{{"M":{{"Type":"Map","Label":"L",
        "ResultWriter":{},{}"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED",
        "ExecutionType":"STANDARD"}},"StartAt":"C","States":{}}},"End":true}}}}}})",
                                  writer, more, states));
  }
  static constexpr std::string_view fails_at_zero = R"({"C":{"Type":"Choice","Choices":[{
      "Variable":"$","NumericEquals":0,"Next":"F"}],"Default":"P"},
      "F":{"Type":"Fail","Error":"E","Cause":"zero"},"P":{"Type":"Pass","End":true}})";

  std::string read(const std::string& key) {
    const auto object = call("s3", "GetObject", {{"Bucket", "out"}, {"Key", key}});
    return blobs_->read(text(object.at("Body").as_object(), "Digest")).value();
  }
  std::vector<std::string> keys() {
    std::vector<std::string> out;
    const auto listed = call("s3", "ListObjectsV2", {{"Bucket", "out"}});
    for (const json::value& object : listed.at("Contents").as_array())
      out.emplace_back(object.at("Key").as_string());
    return out;
  }
  json::value file(std::string_view name) {
    for (const std::string& key : keys())
      if (key.ends_with(name)) return parse_json(read(key)).value();
    return nullptr;
  }
};

constexpr const char* to_bucket = R"({"Resource":"arn:aws:states:::s3:putObject",
    "Parameters":{"Bucket":"out","Prefix":"p"}})";

TEST_F(ResultWriter, TellsOfEachChild) {
  const std::string execution =
      start(machine("m", to_bucket, R"("ToleratedFailureCount":1,)"), "[1,0]");
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  const json::value good = file("SUCCEEDED_0.json").at(0);
  std::string members;
  for (const auto& member : good.as_object()) members += std::string(member.key()) + " ";
  EXPECT_EQ(members,
            "ExecutionArn Input InputDetails Name Output OutputDetails RedriveCount RedriveStatus "
            "RedriveStatusReason StartDate StateMachineArn Status StopDate ");
  EXPECT_EQ(good.at("RedriveStatusReason"), "Execution is SUCCEEDED and cannot be redriven");
  EXPECT_EQ(good.at("Input"), "1");
  const json::value bad = file("FAILED_0.json").at(0);
  EXPECT_EQ(bad.at("Cause"), "zero");
  EXPECT_EQ(bad.at("Error"), "E");
  EXPECT_EQ(bad.at("Status"), "FAILED");
  EXPECT_EQ(file("manifest.json").at("ResultFiles").at("PENDING").as_array().size(), 0U);
}

TEST_F(ResultWriter, WritesWhatARunThatFailedLeft) {
  const std::string execution =
      start(machine("m", to_bucket, R"("MaxConcurrency":1,)"), "[1,0,2,3]");
  EXPECT_EQ(text(describe(execution), "error"), "States.ExceedToleratedFailureThreshold");
  EXPECT_EQ(file("SUCCEEDED_0.json").as_array().size(), 1U);
  EXPECT_EQ(file("FAILED_0.json").as_array().size(), 1U);
  const json::value pending = file("PENDING_0.json");
  ASSERT_EQ(pending.as_array().size(), 2U);
  EXPECT_EQ(pending.at(0).at("Input"), "2");
  EXPECT_EQ(pending.at(1).at("Status"), "PENDING");
  const json::value manifest = file("manifest.json");
  EXPECT_EQ(manifest.at("DestinationBucket"), "out");
  for (const char* name : {"FAILED", "PENDING", "SUCCEEDED"})
    EXPECT_EQ(manifest.at("ResultFiles").at(name).as_array().size(), 1U) << name;
  const auto runs = call("states", "ListMapRuns", {{"executionArn", execution}});
  const auto run =
      call("states", "DescribeMapRun", {{"mapRunArn", runs.at("mapRuns").at(0).at("mapRunArn")}});
  EXPECT_EQ(run.at("executionCounts").at("resultsWritten"), 2);
  // A redrive takes up the two that waited; the failed one fails again.
  call("states", "RedriveExecution", {{"executionArn", execution}});
  EXPECT_EQ(text(describe(execution), "error"), "States.ExceedToleratedFailureThreshold");
}

TEST_F(ResultWriter, TransformsOutputs) {
  const std::string pass = R"({"C":{"Type":"Pass","End":true}})";
  const auto output = [&](const std::string& name, std::string_view config) {
    return text(
        describe(start(machine(name, fmt::format(R"({{"WriterConfig":{}}})", config), "", pass),
                       "[[1,2],[3],4]")),
        "output");
  };
  EXPECT_EQ(output("c", R"({"Transformation":"COMPACT","OutputType":"JSON"})"), "[[1,2],[3],4]");
  EXPECT_EQ(output("f", R"({"Transformation":"FLATTEN","OutputType":"JSON"})"), "[1,2,3,4]");
  const auto none = parse_json(output("n", R"({"Transformation":"NONE","OutputType":"JSON"})"));
  EXPECT_EQ(none->at(0).at("Output"), "[1,2]");
  start(machine("l", R"({"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSONL"},
      "Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out"}})",
                "", pass),
        "[[1,2],[3],4]");
  bool found = false;
  for (const std::string& key : keys()) {
    if (!key.ends_with("/SUCCEEDED_0.json")) continue;
    found = true;
    EXPECT_EQ(read(key), "1\n2\n3\n4\n");
  }
  EXPECT_TRUE(found);
}

TEST_F(ResultWriter, FailsWhereItCannotWrite) {
  const auto error = [&](const std::string& name, std::string_view parameters) {
    return text(describe(start(machine(name, fmt::format(R"({{"Resource":
        "arn:aws:states:::s3:putObject","Parameters":{}}})",
                                                         parameters)),
                               "[1]")),
                "error");
  };
  EXPECT_EQ(error("none", R"({"Bucket":"nowhere"})"), "States.ResultWriterFailed");
  EXPECT_EQ(error("no-bucket", R"({"Prefix":"p"})"), "States.ResultWriterFailed");
  EXPECT_EQ(error("owner", R"({"Bucket":"out","ExpectedBucketOwner":"999999999999"})"),
            "States.ResultWriterFailed");
  EXPECT_EQ(error("mine", R"({"Bucket":"out","ExpectedBucketOwner":"000000000000"})"), "");
}

}  // namespace
}  // namespace kiban::services::states
