#include <fmt/format.h>
#include <gtest/gtest.h>

#include "asl/virtual_run.h"

namespace kiban::asl {
namespace {

std::string map_of(std::string_view fields, std::string_view mode = "DISTRIBUTED") {
  return fmt::format(R"({{"StartAt":"M","States":{{"M":{{"Type":"Map",{}"ItemProcessor":{{
      "ProcessorConfig":{{"Mode":"{}"{}}},"StartAt":"I","States":{{"I":{{"Type":"Pass","End":true}}
      }}}},"End":true}}}}}})",
                     fields, mode, mode == "DISTRIBUTED" ? R"(,"ExecutionType":"STANDARD")" : "");
}

VirtualRun ran(const std::string& definition, std::string_view input,
               std::vector<ItemSource> sources = {}, std::string_view read = "") {
  auto program = compile(definition, MachineType::Standard);
  EXPECT_TRUE(program) << program.error().cause;
  VirtualRun run(*program, {.machine_arn = "arn:aws:states:r:1:stateMachine:m",
                            .input = Payload::from_text(std::string(input))});
  if (!read.empty()) {
    run.items = Payload::from_text(std::string(read));
    run.sources = std::move(sources);
  }
  run.run(true);
  return run;
}

std::string outcome(const VirtualRun& run) {
  if (!run.finished) return "unfinished";
  if (run.finished->output) return run.finished->output->text();
  return fmt::format("{}: {}", run.finished->error.value_or(""), run.finished->cause.value_or(""));
}

constexpr const char* reader =
    R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b",
       "Key":"k"}},)";
constexpr const char* all_of_the_item =
    R"("ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value",
       "s.$":"$$.Map.Item.Source"},)";

// docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
TEST(DistributedMap, TheContextNamesTheSourceOfAnItem) {
  const std::string own = R"([{"i":0,"v":"a","s":"STATE_DATA"},{"i":1,"v":"b","s":"STATE_DATA"}])";
  EXPECT_EQ(outcome(ran(map_of(all_of_the_item, "INLINE"), R"(["a","b"])")), own);
  EXPECT_EQ(outcome(ran(map_of(all_of_the_item), R"(["a","b"])")), own);
  EXPECT_EQ(outcome(ran(map_of(std::string(reader) + all_of_the_item), "{}",
                        {{.items = 1, .uri = "S3://b/k"}, {}, {.items = 2, .uri = "S3://b/l"}},
                        R"(["a","b","c"])")),
            R"([{"i":0,"v":"a","s":"S3://b/k"},{"i":1,"v":"b","s":"S3://b/l"},)"
            R"({"i":2,"v":"c","s":"S3://b/l"}])");
}

// docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html: the key-value pairs of
// an object.
TEST(DistributedMap, TakesAnObjectsPairs) {
  const std::string pairs = R"([{"Key":"x","Value":1},{"Key":"y","Value":[2]}])";
  EXPECT_EQ(outcome(ran(map_of(""), R"({"x":1,"y":[2]})")), pairs);
  EXPECT_EQ(outcome(ran(map_of(R"("ItemsPath":"$.o",)"), R"({"o":{"x":1,"y":[2]}})")), pairs);
  EXPECT_EQ(outcome(ran(map_of(reader), "{}", {}, R"({"x":1,"y":[2]})")), pairs);
  EXPECT_EQ(outcome(ran(map_of(R"("QueryLanguage":"JSONata",)"), R"({"x":1,"y":[2]})")), pairs);
  EXPECT_EQ(outcome(ran(map_of(R"("ItemSelector":{"k.$":"$$.Map.Item.Key","v.$":
                                 "$$.Map.Item.Value"},)"),
                        R"({"x":1,"y":[2]})")),
            R"([{"k":"x","v":1},{"k":"y","v":[2]}])");
  EXPECT_EQ(outcome(ran(map_of("", "INLINE"), R"({"x":1})")).substr(0, 14), "States.Runtime");
}

// docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
TEST(DistributedMap, BatchesAreNoLargerThanTheirInputMayBe) {
  // {"Items":["aaaa","aaaa"]} has 25 bytes.
  const auto batched = [](std::string_view batcher) {
    return outcome(
        ran(map_of(fmt::format(R"("ItemBatcher":{},)", batcher)), R"(["aaaa","aaaa","aaaa"])"));
  };
  EXPECT_EQ(batched(R"({"MaxInputBytesPerBatch":25})"),
            R"([{"Items":["aaaa","aaaa"]},{"Items":["aaaa"]}])");
  EXPECT_EQ(batched(R"({"MaxInputBytesPerBatch":24})"),
            R"([{"Items":["aaaa"]},{"Items":["aaaa"]},{"Items":["aaaa"]}])");
  EXPECT_EQ(batched(R"({"MaxInputBytesPerBatch":60,"MaxItemsPerBatch":2})"),
            R"([{"Items":["aaaa","aaaa"]},{"Items":["aaaa"]}])");
  // BatchInput counts: {"BatchInput":{"f":1},"Items":["aaaa"]} has 39.
  EXPECT_EQ(batched(R"({"MaxInputBytesPerBatch":45,"BatchInput":{"f":1}})"),
            R"([{"BatchInput":{"f":1},"Items":["aaaa"]},{"BatchInput":{"f":1},"Items":["aaaa"]},)"
            R"({"BatchInput":{"f":1},"Items":["aaaa"]}])");
}

TEST(DistributedMap, AChildsInputIsAtMost256KiB) {
  const std::string big = "\"" + std::string(200'000, 'x') + "\"";
  const std::string twice = R"("ItemSelector":{"a.$":"$$.Map.Item.Value","b.$":
                               "$$.Map.Item.Value"},)";
  EXPECT_TRUE(outcome(ran(map_of(twice), "[" + big + "]")).starts_with("States.DataLimitExceeded"));
  // An item may exceed the limit of an input when ItemSelector selects a part of it.
  const std::string item = R"([{"big":")" + std::string(300'000, 'x') + R"(","small":1}])";
  EXPECT_TRUE(outcome(ran(map_of(reader), "{}", {}, item)).starts_with("States.DataLimitExceeded"));
  const std::string part =
      std::string(reader) + R"("ItemSelector":{"s.$":"$$.Map.Item.Value.small"},)";
  EXPECT_EQ(outcome(ran(map_of(part), "{}", {}, item)), R"([{"s":1}])");
  const std::string huge = "[\"" + std::string(8UL * 1024 * 1024, 'x') + "\"]";
  EXPECT_TRUE(outcome(ran(map_of(part), "{}", {}, huge)).starts_with("States.ItemReaderFailed"));
}

// github.com/aws/aws-cdk/pull/33831: saved, and fails when it runs.
TEST(DistributedMap, AnEmptyResultWriterFails) {
  EXPECT_TRUE(outcome(ran(map_of(R"("ResultWriter":{},)"), "[1]"))
                  .starts_with("States.ResultWriterFailed"));
}

// A redrive continues the iteration whose ItemSelector failed, and the others.
TEST(InlineMap, ARedrivePreparesAFailedItemAgain) {
  const std::string definition = R"({"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,
      "ItemsPath":"$.l","ItemSelector":{"v.$":"$$.Map.Item.Value.v"},"ItemProcessor":{
      "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true}}})";
  auto program = compile(definition, MachineType::Standard);
  ASSERT_TRUE(program);
  VirtualRun run(*program, {.input = Payload::from_text(R"({"l":[{"v":1},{"w":2},{"v":3}]})")});
  run.run(true);
  EXPECT_EQ(run.finished->error, "States.Runtime");
  run.feed(Redrive{}, true);
  // The item is as it was, and fails again: it is not lost.
  EXPECT_EQ(run.execution().status(), Status::Failed);
  EXPECT_EQ(run.finished->error, "States.Runtime");
  int started = 0;
  for (const HistoryEvent& event : run.events)
    if (event.type == EventType::MapIterationStarted && event.fields.at("index") == 1) ++started;
  EXPECT_EQ(started, 2);
}

}  // namespace
}  // namespace kiban::asl
