#include <gtest/gtest.h>

#include "services/states/fixture.h"
#include "services/states/item_reader.h"
#include "services/states/result_writer.h"

namespace kiban::services::states {
namespace {

std::string map_machine(const std::string& fields, const std::string& type = "STANDARD",
                        const std::string& states = R"({"I":{"Type":"Pass","End":true}})") {
  return R"({"StartAt":"M","States":{"M":{"Type":"Map","Label":"L",)" + fields +
         R"("ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":")" + type +
         R"("},"StartAt":"I","States":)" + states + R"(},"End":true}}})";
}

constexpr const char* waits = R"({"I":{"Type":"Wait","Seconds":10,"End":true}})";

class MapRuns : public States {
 protected:
  json::object run_of(const std::string& execution) {
    const auto list = call("states", "ListMapRuns", {{"executionArn", execution}});
    EXPECT_EQ(list.at("mapRuns").as_array().size(), 1U);
    return call("states", "DescribeMapRun",
                {{"mapRunArn", list.at("mapRuns").at(0).at("mapRunArn")}});
  }
  json::array children(const json::object& run, json::object more = {}) {
    more["mapRunArn"] = run.at("mapRunArn");
    return call("states", "ListExecutions", std::move(more)).at("executions").as_array();
  }
  void put(const std::string& key, const std::string& bytes) {
    call("s3", "PutObject",
         {{"Bucket", "bkt"},
          {"Key", key},
          {"Body", {{"Digest", blobs_->put(bytes).value()}, {"Size", bytes.size()}}}});
  }
  std::string read(const std::string& key) {
    const auto object = call("s3", "GetObject", {{"Bucket", "bkt"}, {"Key", key}});
    return blobs_->read(text(object.at("Body").as_object(), "Digest")).value();
  }
};

TEST_F(MapRuns, EachItemIsAnExecutionOfItsOwn) {
  const std::string execution =
      start(make("m", map_machine(R"("ItemsPath":"$.l",)")), R"({"l":["a","b","c"]})");
  EXPECT_EQ(text(describe(execution), "output"), R"(["a","b","c"])");
  EXPECT_EQ(types(execution),
            "ExecutionStarted MapStateEntered MapStateStarted MapRunStarted MapRunSucceeded "
            "MapStateSucceeded MapStateExited ExecutionSucceeded");
  const json::object run = run_of(execution);
  EXPECT_EQ(text(run, "status"), "SUCCEEDED");
  EXPECT_EQ(run.at("itemCounts").at("succeeded"), 3);
  EXPECT_EQ(run.at("executionCounts").at("total"), 3);
  const json::array listed = children(run);
  ASSERT_EQ(listed.size(), 3U);
  const std::string child(listed[0].at("executionArn").as_string());
  EXPECT_NE(child.find(":execution:m/L:"), std::string::npos);
  EXPECT_EQ(text(describe(child), "mapRunArn"), text(run, "mapRunArn"));
  EXPECT_EQ(types(child), "ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded");
  // They are not the machine's own.
  const auto own = call("states", "ListExecutions",
                        {{"stateMachineArn", describe(execution).at("stateMachineArn")}});
  EXPECT_EQ(own.at("executions").as_array().size(), 1U);
}

TEST_F(MapRuns, ManyChildrenSurviveARestart) {
  std::string items = "[0";
  for (int i = 1; i < 250; ++i) items += "," + std::to_string(i);
  items += ']';
  const std::string execution = start(make("m", map_machine("", "STANDARD", waits)), items);
  EXPECT_EQ(text(describe(execution), "status"), "RUNNING");
  restart();
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "output"), items);
  EXPECT_EQ(run_of(execution).at("executionCounts").at("succeeded"), 250);
}

TEST_F(MapRuns, ConcurrencyIsBoundedAndMayBeRaised) {
  const std::string execution =
      start(make("m", map_machine(R"("MaxConcurrency":2,)", "STANDARD", waits)), "[1,2,3,4,5,6]");
  json::object run = run_of(execution);
  EXPECT_EQ(run.at("executionCounts").at("running"), 2);
  EXPECT_EQ(run.at("executionCounts").at("pending"), 4);
  EXPECT_EQ(children(run, {{"statusFilter", "RUNNING"}}).size(), 2U);
  call("states", "UpdateMapRun", {{"mapRunArn", run.at("mapRunArn")}, {"maxConcurrency", 5}});
  run = run_of(execution);
  EXPECT_EQ(run.at("maxConcurrency"), 5);
  EXPECT_EQ(run.at("executionCounts").at("running"), 5);
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  EXPECT_EQ(try_call("states", "UpdateMapRun",
                     {{"mapRunArn", run.at("mapRunArn")}, {"maxConcurrency", 1}})
                .error()
                .name,
            "ValidationException");
}

TEST_F(MapRuns, TooManyFailuresEndTheRunAndItsOtherChildren) {
  const std::string states = R"({"I":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":0,
      "Next":"F"}],"Default":"W"},"F":{"Type":"Fail","Error":"E"},
      "W":{"Type":"Wait","Seconds":10,"End":true}})";
  const std::string machine =
      make("m", map_machine(R"("ToleratedFailureCount":1,)", "STANDARD", states));
  const std::string bad = start(machine, "[0,1,0,2]");
  EXPECT_EQ(text(describe(bad), "error"), "States.ExceedToleratedFailureThreshold");
  const json::object run = run_of(bad);
  EXPECT_EQ(text(run, "status"), "FAILED");
  EXPECT_EQ(children(run, {{"statusFilter", "FAILED"}}).size(), 2U);
  EXPECT_EQ(children(run, {{"statusFilter", "RUNNING"}}).size(), 0U);
  const std::string good = start(machine, "[0,1]");
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(good), "output"), "[1]");
}

TEST_F(MapRuns, ARedriveGoesOnWithTheChildrenThatDidNotSucceed) {
  // An item fails as long as there is no queue of its name.
  const std::string states = R"({"I":{"Type":"Task","Resource":
      "arn:aws:states:::aws-sdk:sqs:getQueueUrl","Parameters":{"QueueName.$":"$"},
      "ResultPath":null,"End":true}})";
  for (const char* type : {"STANDARD", "EXPRESS"}) {
    const std::string late = std::string("late-") + type;
    call("sqs", "CreateQueue", {{"QueueName", "there"}});
    const std::string execution =
        start(make(std::string("m-") + type, map_machine(R"("MaxConcurrency":1,)", type, states)),
              R"(["there",")" + late + R"(","there"])");
    EXPECT_EQ(text(describe(execution), "error"), "States.ExceedToleratedFailureThreshold");
    EXPECT_EQ(text(describe(execution), "redriveStatus"), "REDRIVABLE");
    EXPECT_EQ(run_of(execution).at("executionCounts").at("succeeded"), 1);
    call("sqs", "CreateQueue", {{"QueueName", late}});
    restart();
    call("states", "RedriveExecution", {{"executionArn", execution}});
    const json::object described = describe(execution);
    EXPECT_EQ(text(described, "status"), "SUCCEEDED") << text(described, "cause");
    EXPECT_EQ(text(described, "output"), R"(["there",")" + late + R"(","there"])");
    EXPECT_EQ(types(execution),
              "ExecutionStarted MapStateEntered MapStateStarted MapRunStarted MapRunFailed "
              "MapStateFailed ExecutionFailed ExecutionRedriven MapRunRedriven MapRunSucceeded "
              "MapStateSucceeded MapStateExited ExecutionSucceeded");
    const json::object run = run_of(execution);
    EXPECT_EQ(text(run, "status"), "SUCCEEDED");
    EXPECT_EQ(run.at("redriveCount"), 1);
    EXPECT_EQ(run.at("executionCounts").at("succeeded"), 3);
    if (std::string_view(type) == "EXPRESS") continue;
    EXPECT_EQ(children(run).size(), 3U);  // The one that failed was redriven, not replaced.
    EXPECT_EQ(children(run, {{"redriveFilter", "REDRIVEN"}}).size(), 1U);
  }
}

TEST_F(MapRuns, ARedriveBeginsChildrenThatAFailureCameBefore) {
  std::string items = "[\"late\"";
  for (int i = 1; i < 150; ++i) items += ",\"there\"";
  items += ']';
  const std::string states = R"({"I":{"Type":"Task","Resource":
      "arn:aws:states:::aws-sdk:sqs:getQueueUrl","Parameters":{"QueueName.$":"$"},
      "ResultPath":null,"End":true}})";
  call("sqs", "CreateQueue", {{"QueueName", "there"}});
  const std::string execution = start(make("m", map_machine("", "STANDARD", states)), items);
  EXPECT_EQ(text(describe(execution), "status"), "FAILED");
  now_ = kernel_->run_until_idle(now_, now_ + 1s);
  EXPECT_EQ(children(run_of(execution)).size(), 100U);
  call("sqs", "CreateQueue", {{"QueueName", "late"}});
  call("states", "RedriveExecution", {{"executionArn", execution}});
  now_ = kernel_->run_until_idle(now_, now_ + 1s);
  EXPECT_EQ(text(describe(execution), "output"), items);
  EXPECT_EQ(run_of(execution).at("executionCounts").at("succeeded"), 150);
}

TEST_F(MapRuns, ARetriedStateHasARunATry) {
  const std::string states = R"({"I":{"Type":"Fail","Error":"E"}})";
  const std::string retry =
      R"("Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":2}],)";
  const std::string execution = start(make("m", map_machine(retry, "STANDARD", states)), "[1,2]");
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "FAILED");
  const auto list = call("states", "ListMapRuns", {{"executionArn", execution}});
  ASSERT_EQ(list.at("mapRuns").as_array().size(), 3U);
  for (const json::value& run : list.at("mapRuns").as_array()) {
    const auto described = call("states", "DescribeMapRun", {{"mapRunArn", run.at("mapRunArn")}});
    EXPECT_EQ(text(described, "status"), "FAILED");
    EXPECT_EQ(children(described).size(), 2U);
  }
}

TEST_F(MapRuns, StoppingTheParentStopsTheChildren) {
  const std::string execution = start(make("m", map_machine("", "STANDARD", waits)), "[1,2]");
  call("states", "StopExecution", {{"executionArn", execution}});
  const json::object run = run_of(execution);
  EXPECT_EQ(text(run, "status"), "ABORTED");
  EXPECT_EQ(run.at("executionCounts").at("aborted"), 2);
  EXPECT_EQ(children(run, {{"statusFilter", "ABORTED"}}).size(), 2U);
}

TEST_F(MapRuns, ReadsItemsFromS3AndWritesResultsThere) {
  call("s3", "CreateBucket",
       {{"Bucket", "bkt"},
        {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
  put("in.csv", "n,s\n1,x\n2,\"y,z\"\n");
  const std::string execution =
      start(make("m", map_machine(R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
      "ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},
      "Parameters":{"Bucket":"bkt","Key":"in.csv"}},
      "ItemBatcher":{"MaxItemsPerBatch":1},
      "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject",
      "Parameters":{"Bucket":"bkt","Prefix":"out"}},)")));
  const json::object described = describe(execution);
  ASSERT_EQ(text(described, "status"), "SUCCEEDED") << text(described, "cause");
  const auto output = parse_json(text(described, "output"));
  const std::string key(output->at("ResultWriterDetails").at("Key").as_string());
  EXPECT_TRUE(key.starts_with("out/")) << key;
  const auto manifest = parse_json(read(key));
  EXPECT_EQ(manifest->at("DestinationBucket"), "bkt");
  EXPECT_TRUE(manifest->at("ResultFiles").at("FAILED").as_array().empty());
  const auto results = parse_json(
      read(std::string(manifest->at("ResultFiles").at("SUCCEEDED").at(0).at("Key").as_string())));
  ASSERT_EQ(results->as_array().size(), 2U);
  EXPECT_EQ(results->at(1).at("Output"), R"({"Items":[{"n":"2","s":"y,z"}]})");
  EXPECT_EQ(results->at(1).at("Status"), "SUCCEEDED");

  const std::string listing = start(make("list", map_machine(R"("ItemReader":{"Resource":
      "arn:aws:states:::s3:listObjectsV2","Parameters":{"Bucket":"bkt","Prefix":"in"}},
      "ItemSelector":{"k.$":"$$.Map.Item.Value.Key"},)")));
  EXPECT_EQ(text(describe(listing), "output"), R"([{"k":"in.csv"}])");

  const std::string missing = start(make("none", map_machine(R"("ItemReader":{"Resource":
      "arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},
      "Parameters":{"Bucket":"bkt","Key":"none"}},)")));
  EXPECT_EQ(text(describe(missing), "error"), "States.ItemReaderFailed");
}

TEST_F(MapRuns, ExpressChildrenLeaveNoTrace) {
  const std::string execution = start(make("m", map_machine("", "EXPRESS")), R"([1,2])");
  EXPECT_EQ(text(describe(execution), "output"), "[1,2]");
  const json::object run = run_of(execution);
  EXPECT_TRUE(children(run).empty());
  for (const store::Row& row : store_->scan("states/", {}, SIZE_MAX))
    EXPECT_EQ(row.key.find("/execution/m~L"), std::string::npos) << row.key;
}

TEST(ItemReader, ReadsABoundedNumberOfValues) {
  const auto cause = [](std::string_view bytes, const json::object& config) {
    const auto read = parse_items(bytes, config);
    return read ? "" : read.error().cause;
  };
  constexpr std::size_t many = 10'000'001;
  const std::string refused = "kiban reads at most 10000000 values of an object";
  EXPECT_EQ(cause("[" + std::string(many, ',') + "]", {{"InputType", "JSON"}}), refused);
  EXPECT_EQ(cause(std::string(many, '\n'), {{"InputType", "JSONL"}}), refused);
  EXPECT_EQ(cause(std::string(many, ','), {{"InputType", "CSV"}}), refused);
  // Columns that rows leave out count too.
  std::string rows(4'000, ',');
  for (int i = 0; i < 3'000; ++i) rows += "\n1";
  EXPECT_EQ(cause(rows, {{"InputType", "CSV"}}), refused);
}

TEST(ItemReader, ReadsEachInputType) {
  const auto items = [](std::string_view bytes, const json::object& config) {
    const auto read = parse_items(bytes, config);
    return read ? print_json(*read) : read.error().cause;
  };
  EXPECT_EQ(items("{\"a\":1}\n\n[2]\n", {{"InputType", "JSONL"}}), R"([{"a":1},[2]])");
  EXPECT_EQ(items("a|b\n\"x|\"\"y\"\"\"|\r\n\n", {{"InputType", "CSV"}, {"CSVDelimiter", "PIPE"}}),
            R"([{"a":"x|\"y\"","b":""}])");
  EXPECT_EQ(items("1,2,3\n",
                  {{"InputType", "CSV"}, {"CSVHeaderLocation", "GIVEN"}, {"CSVHeaders", {"one"}}}),
            R"([{"one":"1"}])");
  // Bytes do not pass for a number of core/exact_json.h.
  EXPECT_EQ(items("a\n\xff"
                  "123\n",
                  {{"InputType", "CSV"}}),
            "[{\"a\":\"\xef\xbf\xbd"
            "123\"}]");
  // docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html
  EXPECT_EQ(items(R"(p,q
D:\\Data\\x.bin,1
D:\Data,a\,b
{""k"":1},"say ""hi"" \"now\""
)",
                  {{"InputType", "CSV"}}),
            R"([{"p":"D:\\Data\\x.bin","q":"1"},{"p":"D:Data","q":"a,b"},)"
            R"({"p":"{\"k\":1}","q":"say \"hi\" \"now\""}])");
  EXPECT_EQ(items(R"({"a":{"b":[1]}})", {{"InputType", "JSON"}, {"ItemsPointer", "/a/b"}}), "[1]");
  EXPECT_EQ(items("0", {{"InputType", "JSON"}}), "Attempting to map over non-iterable node.");
  EXPECT_EQ(items("\"a", {{"InputType", "CSV"}}), "A quoted field of the CSV does not end");
  for (const auto& [name, sign] :
       {std::pair{"COMMA", ","}, {"SEMICOLON", ";"}, {"SPACE", " "}, {"TAB", "\t"}, {"PIPE", "|"}})
    EXPECT_EQ(
        items(fmt::format("a{0}b\n1{0}2\n", sign), {{"InputType", "CSV"}, {"CSVDelimiter", name}}),
        R"([{"a":"1","b":"2"}])")
        << name;
  EXPECT_TRUE(items("x", {{"InputType", "PARQUET"}}).find("PARQUET") != std::string::npos);
  EXPECT_TRUE(items("{\n", {{"InputType", "JSONL"}}).starts_with("Line 1 is no JSON"));
}

// printf 'a,b\n1,2\n' | gzip -n
const std::string gzipped(
    "\037\213\010\000\000\000\000\000\002\003\113\324\111\342\062\324\061\342\002\000\173\007\227"
    "\012\010\000\000\000",
    28);

TEST(ItemReader, TakesCompressionOff) {
  EXPECT_EQ(unpack("plain"), "plain");
  EXPECT_EQ(unpack(gzipped), "a,b\n1,2\n");
  EXPECT_EQ(unpack(gzipped + gzipped), "a,b\n1,2\na,b\n1,2\n");
  EXPECT_EQ(unpack(gzipped.substr(0, gzipped.size() - 1)).error().name, "States.ItemReaderFailed");
  EXPECT_EQ(unpack(gzipped + "x").error().name, "States.ItemReaderFailed");
  std::string broken = gzipped;
  broken[12] = static_cast<char>(broken[12] ^ 0x55);
  EXPECT_FALSE(unpack(broken));
  // printf 'a,b\n1,2\n' | zstd
  const std::string frame("\050\265\057\375\040\010\101\000\000\141\054\142\012\061\054\062\012",
                          17);
  EXPECT_EQ(unpack(frame), "a,b\n1,2\n");
  EXPECT_EQ(unpack(frame + frame), "a,b\n1,2\na,b\n1,2\n");
  EXPECT_EQ(unpack(frame.substr(0, 12)).error().name, "States.ItemReaderFailed");
  EXPECT_EQ(unpack(frame + "x").error().name, "States.ItemReaderFailed");
}

TEST_F(MapRuns, ReadsManifestsAndWhatIsListed) {
  call("s3", "CreateBucket",
       {{"Bucket", "data"},
        {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
  const auto put = [&](std::string_view key, const std::string& bytes) {
    call("s3", "PutObject",
         {{"Bucket", "data"},
          {"Key", key},
          {"Body", {{"Digest", blobs_->put(bytes).value()}, {"Size", bytes.size()}}}});
  };
  put("in/1.csv.gz", gzipped);
  put("in/2.csv", "a,b\n3,4\n");
  put("athena.csv", "s3://data/in/1.csv.gz\ns3://data/in/2.csv\n");
  put("inventory.json",
      R"({"destinationBucket":"arn:aws:s3:::data","fileFormat":"CSV","fileSchema":"Bucket, Key",
          "files":[{"key":"in/1.csv.gz"},{"key":"in/2.csv"}]})");
  put("bad.csv", "http://data/x\n");
  put("in/", "");  // A folder, as S3's console makes them.
  int machines = 0;
  const auto read = [&](std::string_view action, const json::object& parameters,
                        const json::object& config) {
    const std::string machine =
        fmt::format(R"({{"StartAt":"M","States":{{"M":{{"Type":"Map","ItemReader":{{
            "Resource":"arn:aws:states:::s3:{}","Parameters":{},"ReaderConfig":{}}},
            "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
            "StartAt":"P","States":{{"P":{{"Type":"Pass","End":true}}}}}},"End":true}}}}}})",
                    action, print_json(parameters), print_json(config));
    const json::object done = describe(start(make(fmt::format("r{}", ++machines), machine)));
    return done.contains("output") ? text(done, "output") : text(done, "error");
  };
  const auto get = [](std::string_view key) {
    return json::object{{"Bucket", "data"}, {"Key", key}};
  };
  const json::object csv{{"InputType", "CSV"}, {"CSVHeaderLocation", "FIRST_ROW"}};
  const auto with = [](json::object config, std::string_view name, const json::value& value) {
    config[name] = value;
    return config;
  };
  const std::string both = R"([{"a":"1","b":"2"},{"a":"3","b":"4"}])";
  EXPECT_EQ(read("getObject", get("in/1.csv.gz"), csv), R"([{"a":"1","b":"2"}])");
  EXPECT_EQ(read("getObject", get("athena.csv"), with(csv, "ManifestType", "ATHENA_DATA")), both);
  EXPECT_EQ(read("getObject", get("bad.csv"), with(csv, "ManifestType", "ATHENA_DATA")),
            "States.ItemReaderFailed");
  EXPECT_EQ(read("listObjectsV2", {{"Bucket", "data"}, {"Prefix", "in/"}},
                 with(csv, "Transformation", "LOAD_AND_FLATTEN")),
            both);
  EXPECT_EQ(read("listObjectsV2", {{"Bucket", "data"}, {"Prefix", "in/"}},
                 with(with(csv, "Transformation", "LOAD_AND_FLATTEN"), "MaxItems", 1)),
            R"([{"a":"1","b":"2"}])");
  const std::string inventory =
      read("getObject", get("inventory.json"), {{"InputType", "MANIFEST"}});
  EXPECT_TRUE(inventory.ends_with(R"({"Bucket":"3","Key":"4"}])")) << inventory;
  EXPECT_EQ(read("getObject", get("inventory.json"), {{"ManifestType", "S3_INVENTORY"}}),
            inventory);
}

}  // namespace
}  // namespace kiban::services::states
