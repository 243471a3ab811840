// Items of large objects, which the performer reads, and results of many children.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

constexpr int lines = 40'000;

std::string machine_of(const std::string& fields) {
  return R"({"StartAt":"M","States":{"M":{"Type":"Map","Label":"L",)" + fields +
         R"("ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
         "StartAt":"P","States":{"P":{"Type":"Pass","Result":1,"End":true}}},"End":true}}})";
}

class ItemReading : public States {
 protected:
  ItemReading() {
    call("s3", "CreateBucket",
         {{"Bucket", "data"},
          {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
    std::string bytes;
    for (int i = 0; i < lines; ++i) bytes += fmt::format("{{\"line\":{:06}}}\n", 100'000 + i);
    put("lines", bytes);
  }
  void put(std::string_view key, const std::string& bytes) {
    call("s3", "PutObject",
         {{"Bucket", "data"},
          {"Key", key},
          {"Body", {{"Digest", blobs_->put(bytes).value()}, {"Size", bytes.size()}}}});
  }
  std::string get(const std::string& key) {
    const auto object = call("s3", "GetObject", {{"Bucket", "data"}, {"Key", key}});
    return read_bulk([&](std::string_view digest) { return blobs_->read(digest); },
                     object.at("Body").as_object())
        .value();
  }
  json::object run_of(const std::string& execution) {
    const auto list = call("states", "ListMapRuns", {{"executionArn", execution}});
    return call("states", "DescribeMapRun",
                {{"mapRunArn", list.at("mapRuns").at(0).at("mapRunArn")}});
  }
  std::size_t rows_of(std::string_view kind) {
    return store_->scan(fmt::format("states/ap-northeast-1/{}/", kind), {}, SIZE_MAX).size();
  }
  // The inputs of the children, in the order of their items.
  std::vector<json::object> inputs_of(const std::string& execution) {
    const std::string path = execution.substr(execution.find(":execution:") + 11);
    std::string prefix = "states/ap-northeast-1/child/" + path;
    std::ranges::replace(prefix, ':', '/');
    std::vector<json::object> inputs;
    for (const store::Row& row : store_->scan(prefix + "/", {}, SIZE_MAX))
      inputs.push_back(parse_json(text(describe(row.value), "input")).value().as_object());
    return inputs;
  }
  void expect_all_lines(const std::string& execution) {
    EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED") << print_json(describe(execution));
    int next = 0;
    for (const json::object& input : inputs_of(execution))
      for (const json::value& item : input.at("Items").as_array())
        ASSERT_EQ(item.at("line"), 100'000 + next++);
    EXPECT_EQ(next, lines);
    EXPECT_EQ(run_of(execution).at("itemCounts").at("succeeded"), lines);
    EXPECT_EQ(rows_of("reading"), 0U);
    EXPECT_EQ(rows_of("part"), 0U);
  }

  // 3,000 items a batch: not a multiple of what a piece holds.
  const std::string batches_ = machine_of(
      R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":
      "JSONL"},"Parameters":{"Bucket":"data","Key":"lines"}},
      "ItemBatcher":{"MaxItemsPerBatch":3000},)");
};

TEST_F(ItemReading, ALargeObjectIsReadByThePerformerInPieces) {
  const std::string execution = start(make("m", batches_));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(sink_.performed, 1);
  expect_all_lines(execution);
  EXPECT_EQ(inputs_of(execution).size(), 14U);
}

// The performer dies after each number of pieces, and begins anew with the next kernel.
TEST_F(ItemReading, GoesOnAfterARestartWithoutTakingAPieceTwice) {
  const std::string machine = make("m", batches_);
  for (const std::size_t told : {0U, 1U, 5U, 39U}) {
    sink_.pieces_max = told;
    const std::string execution = start(machine);
    now_ = kernel_->run_until_idle(now_, now_ + 1min);
    EXPECT_EQ(text(describe(execution), "status"), "RUNNING") << told;
    sink_.pieces_max = SIZE_MAX;
    restart();
    now_ = kernel_->run_until_idle(now_, now_ + 1min);
    expect_all_lines(execution);
  }
}

TEST_F(ItemReading, EndsWithMaxItemsAndIndexesGoOnOverPieces) {
  const std::string execution = start(make(
      "m",
      machine_of(
          R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":
      "JSONL","MaxItems":2500},"Parameters":{"Bucket":"data","Key":"lines"}},
      "ItemSelector":{"i.$":"$$.Map.Item.Index","from.$":"$$.Map.Item.Source",
      "line.$":"$$.Map.Item.Value.line"},"ItemBatcher":{"MaxItemsPerBatch":700},)")));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  int next = 0;
  for (const json::object& input : inputs_of(execution)) {
    for (const json::value& item : input.at("Items").as_array()) {
      ASSERT_EQ(item,
                (json::value{{"i", next}, {"from", "S3://data/lines"}, {"line", 100'000 + next}}));
      ++next;
    }
  }
  EXPECT_EQ(next, 2'500);
  EXPECT_EQ(rows_of("reading"), 0U);
}

TEST_F(ItemReading, WhatCannotBeReadFailsTheState) {
  put("bad", std::string(300'000, '{'));
  const std::string execution = start(make(
      "m",
      machine_of(
          R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":
      "JSON"},"Parameters":{"Bucket":"data","Key":"bad"}},)")));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "error"), "States.ItemReaderFailed");
  EXPECT_EQ(rows_of("reading"), 0U);
}

TEST_F(ItemReading, AnExecutionThatIsStoppedReadsNoMore) {
  sink_.pieces_max = 1;
  const std::string execution = start(make("m", batches_));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  call("states", "StopExecution", {{"executionArn", execution}});
  sink_.pieces_max = SIZE_MAX;
  restart();
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "ABORTED");
  for (const auto* kind : {"reading", "part", "live"}) EXPECT_EQ(rows_of(kind), 0U) << kind;
}

// One command begins children until their inputs have a megabyte; the others wait in rows.
TEST_F(ItemReading, ChildrenWithLargeInputsBeginOverSeveralCommands) {
  std::string bytes;
  for (int i = 0; i < 30; ++i) bytes += "\"" + std::string(200'000, 'x') + "\"\n";
  put("large", bytes);
  const std::string execution = start(make(
      "m",
      machine_of(
          R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":
      "JSONL"},"Parameters":{"Bucket":"data","Key":"large"}},)")));
  std::size_t waited = 0;
  for (std::uint64_t i = 0; i < 100 && text(describe(execution), "status") == "RUNNING"; ++i) {
    ASSERT_TRUE(kernel_->run_batch(now_, Seed{i}));
    waited = std::max(waited, rows_of("begin"));
  }
  EXPECT_GT(waited, 0U);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  EXPECT_EQ(run_of(execution).at("itemCounts").at("succeeded"), 30);
}

// More objects than one command reads.
TEST_F(ItemReading, ListsAndLoadsManyObjectsOverSeveralCommands) {
  for (int i = 0; i < 150; ++i) put(fmt::format("many/{:03}", i), fmt::format("[{},-1]", i));
  const std::string execution = start(make(
      "m",
      machine_of(
          R"("ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{"InputType":
      "JSON","Transformation":"LOAD_AND_FLATTEN"},"Parameters":{"Bucket":"data","Prefix":"many/"}},
      "ItemBatcher":{"MaxItemsPerBatch":200},)")));
  restart();
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  json::array items;
  for (const json::object& input : inputs_of(execution))
    for (const json::value& item : input.at("Items").as_array()) items.push_back(item);
  ASSERT_EQ(items.size(), 300U);
  for (std::size_t i = 0; i < 150; ++i) EXPECT_EQ(items[2 * i], static_cast<std::int64_t>(i));
}

TEST_F(ItemReading, ResultsOfManyChildrenAreWrittenInSlices) {
  std::string items = "[0";
  for (int i = 1; i < 450; ++i) items += fmt::format(",{}", i);
  items += ']';
  const std::string writer = R"("ResultWriter":{"Resource":"arn:aws:states:::s3:putObject",
      "Parameters":{"Bucket":"data","Prefix":"out"},"WriterConfig":{"Transformation":"COMPACT",
      "OutputType":"JSON"}},)";
  const std::string execution = start(make("m", machine_of(writer)), items);
  // A kernel for each batch: the export goes on where it was.
  for (int i = 0; i < 20 && text(describe(execution), "status") == "RUNNING"; ++i) {
    restart();
    ASSERT_TRUE(kernel_->run_batch(now_, Seed{static_cast<std::uint64_t>(i)}));
  }
  const json::object done = describe(execution);
  ASSERT_EQ(text(done, "status"), "SUCCEEDED") << print_json(done);
  const json::object output = parse_json(text(done, "output")).value().as_object();
  const json::object manifest =
      parse_json(get(text(output.at("ResultWriterDetails").as_object(), "Key")))
          .value()
          .as_object();
  std::size_t written = 0;
  for (const json::value& file : manifest.at("ResultFiles").at("SUCCEEDED").as_array()) {
    const std::string bytes = get(text(file.as_object(), "Key"));
    EXPECT_EQ(file.at("Size"), bytes.size());
    written += parse_json(bytes).value().as_array().size();
  }
  EXPECT_EQ(written, 450U);
  EXPECT_EQ(rows_of("writing"), 0U);
}

}  // namespace
}  // namespace kiban::services::states
