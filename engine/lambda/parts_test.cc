// The parts that start no process: texts, lines, zips, the Runtime API's calls, the plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lambda/archive.h"
#include "lambda/code.h"
#include "lambda/environment.h"
#include "lambda/lambda_fixture.h"
#include "lambda/lines.h"
#include "lambda/log_lines.h"
#include "lambda/plan.h"
#include "lambda/runtime_call.h"

namespace kiban::lambda {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Timestamp at(std::string_view text) { return parse_iso8601(text).value(); }

std::vector<std::string> messages(const std::vector<LogEvent>& events) {
  std::vector<std::string> out;
  for (const LogEvent& event : events) out.push_back(event.message);
  return out;
}

TEST(Lines, ReadAsAwsPrintsThem) {
  const Plan plan{.version = "7"};
  const Timestamp now = at("2026-11-30T17:00:00.123Z");
  EXPECT_EQ(start_line(plan, "id", now), "START RequestId: id Version: 7");
  EXPECT_EQ(end_line(plan, "id"), "END RequestId: id");
  EXPECT_EQ(
      report_line(
          plan, "id",
          {.duration_ms = 1.234, .init_ms = 98.5, .memory_mb = 128, .memory_mb_max_used = 36}, now),
      "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 100 ms\tMemory Size: 128 "
      "MB\tMax Memory Used: 36 MB\tInit Duration: 98.50 ms\t");
  EXPECT_EQ(
      report_line(
          plan, "id",
          {.duration_ms = 3000, .memory_mb = 128, .memory_mb_max_used = 30, .status = "timeout"},
          now),
      "REPORT RequestId: id\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: "
      "128 MB\tMax Memory Used: 30 MB\tStatus: timeout\t");
  EXPECT_EQ(timeout_line("id", std::chrono::seconds{3}, now),
            "2026-11-30T17:00:00.123Z id Task timed out after 3.00 seconds");
  EXPECT_EQ(stream_name("$LATEST", "ab12", now), "2026/11/30/[$LATEST]ab12");
}

TEST(Lines, AreDocumentsInTheJsonFormat) {
  const Plan plan{.version = "7", .log_format = LogFormat::Json};
  const Timestamp now = at("2026-11-30T17:00:00.123Z");
  EXPECT_EQ(end_line(plan, "id"), "");
  const auto report = parse_json(report_line(plan, "id", {.duration_ms = 2}, now));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->at("type"), "platform.report");
  EXPECT_EQ(report->at("record").at("metrics").at("billedDurationMs"), 2);
}

TEST(Lines, SayHowAProcessEnded) {
  EXPECT_EQ(exit_message(0), "Runtime exited without providing a reason");
  EXPECT_EQ(exit_message(1), "Runtime exited with error: exit status 1");
  EXPECT_EQ(exit_message(137), "Runtime exited with error: signal: killed");
}

TEST(LogLines, CutsBytesIntoEvents) {
  LogLines lines;
  EXPECT_THAT(messages(lines.feed("one\ntwo\rmore\r\n\nth", 5)), ElementsAre("one", "two\nmore"));
  EXPECT_THAT(lines.feed("ree\n", 6), ElementsAre(LogEvent{.timestamp = 6, .message = "three"}));
  EXPECT_THAT(messages(lines.feed("\xff\n", 7)), ElementsAre("\xEF\xBF\xBD"));
  EXPECT_THAT(messages(lines.finish(8)), ElementsAre());
  (void)lines.feed("left", 9);
  EXPECT_THAT(messages(lines.finish(9)), ElementsAre("left"));
}

TEST(LogLines, ReadsFramesHoweverTheyAreCut) {
  const std::string frame{"\xA5\x5A\0\x03\0\0\0\x08\0\0\0\0\0\x0F\x42\x40one\ntwo\n", 24};
  const std::string all = "before \xC3\xA5" + frame + "after\n" + frame;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    LogLines lines;
    std::vector<LogEvent> events = lines.feed(all.substr(0, cut), 7);
    for (LogEvent& event : lines.feed(all.substr(cut), 7)) events.push_back(std::move(event));
    EXPECT_THAT(events, ElementsAre(LogEvent{1000, "one\ntwo"},
                                    LogEvent{7,
                                             "before \xC3\xA5"
                                             "after"},
                                    LogEvent{1000, "one\ntwo"}))
        << cut;
  }
  LogLines lines;  // What claims to be endless is text.
  (void)lines.feed(std::string("\xA5\x5A\0\x03\xFF\xFF\xFF\xFF", 8) + std::string(8, 'x'), 7);
  EXPECT_EQ(lines.feed("\n", 7).size(), 1U);
}

TEST(LogLines, BoundsAnEvent) {
  LogLines lines;
  std::string text;
  while (text.size() < 2 * event_bytes_max) text += "\xC3\xA4";  // ä
  std::string joined;
  for (const LogEvent& event : lines.feed(text + "\n", 0)) {
    EXPECT_LE(event.message.size(), event_bytes_max);
    joined += event.message;
  }
  EXPECT_EQ(joined, text);
}

TEST(LogLines, KeepsTheTailOfWhatInvokeReturns) {
  std::vector<LogEvent> events;
  for (int number = 0; number < 1000; ++number)
    events.push_back({.message = "line " + std::to_string(number)});
  const std::string tail = tail_of(events);
  EXPECT_EQ(tail.size(), tail_bytes_max);
  EXPECT_TRUE(tail.ends_with("line 998\nline 999\n"));
}

runtime::HttpRequest request(std::string method, std::string target) {
  return {.method = std::move(method), .target = std::move(target)};
}

int refused_with(const Call& call) {
  const auto* refused = std::get_if<RefusedCall>(&call);
  return refused ? refused->reply.status : 0;
}

// Its invocation would report them; until there is one the newest are kept.
TEST(LogLines, OfAnEnvironmentThatFloodsItsLogBeforeItsInvocationAreReadAtTheSamePace) {
  const Now now = Now::read();
  Environment environment(std::make_shared<const Plan>(), "id", Kept::OnDemand, now);
  std::string lines;
  while (lines.size() < 500'000) lines += "y\n";
  for (int round = 0; round < 8; ++round) {
    const auto written = ::write(environment.output_of_process(), lines.data(), lines.size());
    ASSERT_EQ(written, static_cast<ssize_t>(lines.size()));
    environment.read_output(now);
  }
  std::size_t reported = 0;
  environment.fail_initialisation(
      {.plan = std::make_shared<const Plan>(),
       .request_id = "r",
       .report =
           [&](const services::Outcome& outcome, const std::function<void()>&) {
             reported += find_array(outcome.payload, "Logs")->size();
           }},
      {}, now);
  EXPECT_GT(reported, 10'000U);
  EXPECT_LT(reported, 400'000U);  // Of two million.
  EXPECT_LT(std::chrono::steady_clock::now() - now.steady, std::chrono::minutes{1});
}

TEST(RuntimeCall, KnowsTheRuntimeApi) {
  EXPECT_TRUE(std::holds_alternative<NextCall>(
      parse_call(request("GET", "/2018-06-01/runtime/invocation/next"))));
  EXPECT_TRUE(std::holds_alternative<InitErrorCall>(
      parse_call(request("POST", "/2018-06-01/runtime/init/error"))));
  const Call call = parse_call(request("POST", "/2018-06-01/runtime/invocation/a-b/error"));
  const auto* response = std::get_if<ResponseCall>(&call);
  ASSERT_NE(response, nullptr);
  EXPECT_EQ(response->request_id, "a-b");
  EXPECT_TRUE(response->error);
}

TEST(RuntimeCall, RefusesTheRestByName) {
  const Call extension = parse_call(request("POST", "/2020-01-01/extension/register"));
  EXPECT_EQ(refused_with(extension), 501);
  EXPECT_THAT(std::get<RefusedCall>(extension).reply.body, HasSubstr("Extensions API"));
  EXPECT_THAT(std::get<RefusedCall>(parse_call(request("PUT", "/2022-07-01/telemetry"))).reply.body,
              HasSubstr("Telemetry API"));
  EXPECT_EQ(refused_with(parse_call(request("POST", "/2018-06-01/runtime/invocation/next"))), 405);
  EXPECT_EQ(refused_with(parse_call(request("POST", "/2018-06-01/runtime/invocation/a/b/c"))), 404);
  EXPECT_EQ(refused_with(parse_call(request("GET", "/"))), 404);
}

TEST(ParsePlan, NamesWhatIsMissing) {
  const json::object whole{{"FunctionArn", "arn:aws:lambda:eu-west-1:1:function:f:7"},
                           {"Config",
                            {{"Runtime", "python3.11"},
                             {"CodeDigest", "ab"},
                             {"Layers", {{{"Digest", "cd"}}}},
                             {"Timeout", 9}}}};
  const auto plan = parse_plan(whole);
  ASSERT_TRUE(plan) << plan.error().cause;
  EXPECT_EQ(plan->region(), "eu-west-1");
  EXPECT_EQ(plan->timeout, std::chrono::seconds{9});
  EXPECT_THAT(plan->layers, ElementsAre("cd"));
  json::object without = whole;
  without["Config"].as_object().erase("CodeDigest");
  EXPECT_THAT(parse_plan(without).error().cause, HasSubstr("CodeDigest"));
}

class Archive : public testing::Test {
 protected:
  Archive() {
    std::string made = "/tmp/kiban-archive.XXXXXX";
    folder_ = ::mkdtemp(made.data());
    target_ = folder_ + "/target";
    fs::create_directory(target_);
  }
  ~Archive() override { fs::remove_all(folder_); }
  Result<std::uint64_t> unpack(const std::vector<ZipEntry>& entries,
                               std::uint64_t bytes_max = unpacked_bytes_max) {
    return unpack_zip(make_zip(folder_, entries), target_, bytes_max);
  }
  std::string content(const std::string& path) const {
    std::ifstream in{target_ + "/" + path};
    return {std::istreambuf_iterator<char>(in), {}};
  }
  mode_t mode(const std::string& path) const {
    struct stat found{};
    EXPECT_EQ(::stat((target_ + "/" + path).c_str(), &found), 0);
    return found.st_mode & 07777;
  }
  std::string folder_{};
  std::string target_{};
};

TEST_F(Archive, UnpacksFilesFoldersAndLinks) {
  const auto bytes = unpack({{"a/b/app.py", "pass"},
                             {"bootstrap", "#!/bin/sh", 0100755},
                             {"empty/", "", 040755},
                             {"link", "a/b", 0120777}});
  ASSERT_TRUE(bytes) << bytes.error().cause;
  EXPECT_EQ(*bytes, 4U + 9U + 3U);
  EXPECT_EQ(content("a/b/app.py"), "pass");
  EXPECT_EQ(mode("a/b/app.py"), 0644U);
  EXPECT_EQ(mode("bootstrap"), 0755U);
  EXPECT_EQ(mode("a"), 0755U);
  EXPECT_TRUE(fs::is_directory(target_ + "/empty"));
  EXPECT_EQ(content("link/app.py"), "pass");
}

TEST_F(Archive, StaysInItsFolder) {
  for (const auto* path : {"../out", "a/../../out", "/out", "a/.."}) {
    const auto bytes = unpack({{path, "x"}});
    ASSERT_FALSE(bytes) << path;
    EXPECT_EQ(bytes.error().name, "InvalidZipFileException");
  }
  EXPECT_FALSE(fs::exists(folder_ + "/out"));
}

TEST_F(Archive, WritesNothingThroughALink) {
  fs::create_directory(folder_ + "/elsewhere");
  ASSERT_TRUE(unpack({{"way", "../elsewhere", 0120777}}));  // As a layer below may have left it.
  EXPECT_FALSE(unpack({{"way/file", "x"}}));
  EXPECT_TRUE(fs::is_empty(folder_ + "/elsewhere"));
  EXPECT_FALSE(unpack({{"other", folder_ + "/elsewhere", 0120777}, {"other/file", "x"}}));
  EXPECT_TRUE(fs::is_empty(folder_ + "/elsewhere"));
}

TEST_F(Archive, RefusesDevicesAndWhatIsTooLarge) {
  EXPECT_FALSE(unpack({{"device", "", 020666}}));
  const auto bytes = unpack({{"large", std::string(100'000, 'x')}}, 99'999);
  ASSERT_FALSE(bytes);
  EXPECT_THAT(bytes.error().cause, HasSubstr("Unzipped size"));
}

TEST_F(Archive, RefusesDamage) {
  const std::string zip = make_zip(folder_, {{"a", "some text that is compressed"}});
  constexpr std::size_t end_record_bytes = 22;  // Its last fields say nothing that is needed.
  for (std::size_t end = 0; end < zip.size() - end_record_bytes; ++end)
    EXPECT_FALSE(unpack_zip(zip.substr(0, end), target_)) << end;
  std::string changed = zip;
  changed[35] = static_cast<char>(changed[35] ^ 1);  // Within what is compressed.
  EXPECT_FALSE(unpack_zip(changed, target_));
}

TEST_F(Archive, LaysLayersOverEachOtherAndErasesThemWithTheLastUser) {
  const auto blobs = store::make_memory_blobs();
  const std::string first = *blobs->put(make_zip(folder_, {{"a", "1"}, {"b", "1"}}));
  const std::string second = *blobs->put(make_zip(folder_, {{"b", "2"}}));
  CodeCache cache{folder_ + "/code", *blobs};
  auto both = cache.get({first, second});
  ASSERT_TRUE(both) << both.error().cause;
  const std::string path = (*both)->path();
  EXPECT_EQ(*cache.get({first, second}), *both);
  std::ifstream in{path + "/b"};
  std::string text;
  in >> text;
  EXPECT_EQ(text, "2");
  both->reset();
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace kiban::lambda
