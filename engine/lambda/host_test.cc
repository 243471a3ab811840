// Real functions: with the Python and the Node.js of this host, as processes and in sandboxes.
#include "lambda/host.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "containers/driver.h"
#include "containers/image_fixture.h"
#include "lambda/lambda_fixture.h"

namespace kiban::lambda {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

// What one effect has reported.
class Reports {
 public:
  runtime::Report report() {
    return [this](const services::Outcome& outcome) {
      const std::lock_guard lock{mutex_};
      if (const json::array* lines = find_array(outcome.payload, "Logs"))
        for (const json::value& line : *lines) log_ += text(line.as_object(), "Message") + "\n";
      if (!outcome.final) return;
      final_ = outcome.payload;
      changed_.notify_all();
    };
  }
  const json::object& wait() {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, 30s, [this] { return final_.has_value(); }));
    static const json::object none;
    return final_ ? *final_ : none;
  }
  bool done() {
    const std::lock_guard lock{mutex_};
    return final_.has_value();
  }
  std::string log() {
    const std::lock_guard lock{mutex_};
    return log_;
  }

 private:
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::optional<json::object> final_{};
  std::string log_{};
};

struct Function {
  std::string runtime{"python3.11"};
  std::string handler{"app.handler"};
  std::vector<ZipEntry> files{};
  json::object config{};  // Beyond what is said above.
  std::string version{"$LATEST"};
};

Function python(std::string code, json::object config = {}) {
  return {.files = {{"app.py", std::move(code)}}, .config = std::move(config)};
}

enum class Way { Process, Container };

class LambdaHost : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (!fs::exists("build/lambda-python/python3.11/awslambdaric"))
      GTEST_SKIP() << "FUNCTIONS ARE NOT TESTED: no build/lambda-python/python3.11, which "
                      "tools/setup installs where there is a python3.11";
    std::string made = "/tmp/kiban-lambda.XXXXXX";
    folder_ = ::mkdtemp(made.data());
    blobs_ = store::make_memory_blobs();
    if (GetParam() == Way::Process) {
      start({}, make_process_launcher(folder_ + "/processes", "http://127.0.0.1:1"));
      return;
    }
    std::string missing;
    for (const std::string& one : containers::missing_here()) missing += " " + one;
    if (!missing.empty())
      GTEST_SKIP() << "FUNCTIONS IN SANDBOXES ARE NOT TESTED: missing" << missing;
    auto bridge = containers::Bridge::create(4566);
    ASSERT_TRUE(bridge) << bridge.error().cause;
    bridge_ = *std::move(bridge);
    auto driver = containers::Driver::create({.directory = folder_ + "/tasks"}, *bridge_, *blobs_);
    ASSERT_TRUE(driver) << driver.error().cause;
    driver_ = *std::move(driver);
    start({}, make_container_launcher(*driver_, containers::functions_folder(folder_ + "/tasks"),
                                      "http://169.254.170.2:4566"));
  }
  void TearDown() override {
    host_.reset();
    driver_.reset();
    bridge_.reset();
    if (!folder_.empty()) (void)containers::erase_tasks(folder_ + "/tasks");
    fs::remove_all(folder_);
  }
  void start(PoolLimits limits, std::unique_ptr<Launcher> launcher) {
    const std::string support = fs::absolute("build/lambda-python").string();
    host_ = Host::create({.directory = folder_ + "/lambda", .support = support, .limits = limits},
                         std::move(launcher), *blobs_);
  }

  json::object payload_of(const Function& function, const std::string& request_id,
                          const std::string& event) {
    json::object config{{"Runtime", function.runtime},
                        {"Handler", function.handler},
                        {"PackageType", "Zip"},
                        {"MemorySize", 256},
                        {"Timeout", 10},
                        {"LogGroup", "/aws/lambda/f"},
                        {"CodeDigest", *blobs_->put(make_zip(folder_, function.files))}};
    config["RevisionId"] = config["CodeDigest"];
    for (const auto& [name, value] : function.config) config[name] = value;
    return {{"FunctionArn",
             "arn:aws:lambda:ap-northeast-1:000000000000:function:f:" + function.version},
            {"FunctionName", "f"},
            {"Version", function.version},
            {"InvokedFunctionArn", "arn:aws:lambda:ap-northeast-1:000000000000:function:f"},
            {"RequestId", request_id},
            {"Payload", event},
            {"Credentials", {{"AccessKeyId", "ASIA1"}, {"SecretAccessKey", "s"}, {"Token", "t"}}},
            {"Config", std::move(config)}};
  }
  void begin(Reports& reports, const Function& function, const std::string& request_id = "r-1",
             const std::string& event = "{}") {
    host_->perform({.service = "lambda",
                    .kind = "lambda.invoke",
                    .id = request_id,
                    .payload = payload_of(function, request_id, event)},
                   reports.report());
  }
  // The outcome of an invocation from its begin to its end.
  json::object invoke(const Function& function, const std::string& event = "{}",
                      const std::string& request_id = "r-1") {
    reports_ = std::make_unique<Reports>();
    begin(*reports_, function, request_id, event);
    return reports_->wait();
  }
  std::string log() { return reports_->log(); }

  std::string folder_{};
  std::unique_ptr<store::Blobs> blobs_{};
  std::unique_ptr<containers::Bridge> bridge_{};
  std::unique_ptr<containers::Driver> driver_{};
  std::unique_ptr<Host> host_{};
  std::unique_ptr<Reports> reports_{};
};

INSTANTIATE_TEST_SUITE_P(As, LambdaHost, testing::Values(Way::Process, Way::Container),
                         [](const auto& way) {
                           return way.param == Way::Process ? "Process" : "Container";
                         });

TEST_P(LambdaHost, RunsAPythonFunctionAndKeepsItWarm) {
  const Function function = python(
      "import os\n"
      "count = 0\n"
      "def handler(event, context):\n"
      "  global count\n"
      "  count += 1\n"
      "  print('hello', event['name'])\n"
      "  return [count, os.environ['AWS_LAMBDA_FUNCTION_NAME'], os.environ['COLOUR'],\n"
      "          context.aws_request_id, os.environ['AWS_SESSION_TOKEN'], os.getcwd() ==\n"
      "          os.environ['LAMBDA_TASK_ROOT'], context.get_remaining_time_in_millis() > 5000]\n",
      {{"Environment", {{"COLOUR", "blue"}}}});
  const json::object cold = invoke(function, R"({"name": "Ada"})");
  EXPECT_EQ(text(cold, "Payload"), R"([1, "f", "blue", "r-1", "t", true, true])") << log();
  EXPECT_FALSE(cold.contains("FunctionError"));
  EXPECT_TRUE(cold.contains("InitMs"));
  EXPECT_GT(number(cold, "MaxMemoryMB"), 0);
  EXPECT_THAT(text(cold, "LogStream"), MatchesRegex(".*/\\[\\$LATEST\\][0-9a-f]+"));
  EXPECT_THAT(log(), MatchesRegex("INIT_START Runtime Version: python:3.11.*\n"
                                  "START RequestId: r-1 Version: \\$LATEST\nhello Ada\n"
                                  "END RequestId: r-1\nREPORT RequestId: r-1\tDuration: .*"
                                  "Init Duration: .*\n"));
  EXPECT_EQ(text(cold, "LogTail"), log().substr(log().find("START RequestId")));
  const json::object warm = invoke(function, R"({"name": "Bo"})", "r-2");
  EXPECT_THAT(text(warm, "Payload"), HasSubstr("[2, "));
  EXPECT_FALSE(warm.contains("InitMs"));
  EXPECT_EQ(text(warm, "LogStream"), text(cold, "LogStream"));
  EXPECT_THAT(log(), AllOf(HasSubstr("START RequestId: r-2"), Not(HasSubstr("r-1"))));
}

TEST_P(LambdaHost, ContinuesAFrozenEnvironment) {
  const Function function = python(
      "import threading, time\n"
      "ticks = 0\n"
      "def tick():\n"
      "  global ticks\n"
      "  while True:\n"
      "    time.sleep(0.01)\n"
      "    ticks += 1\n"
      "threading.Thread(target=tick, daemon=True).start()\n"
      "def handler(event, context):\n"
      "  return ticks\n");
  (void)invoke(function);
  std::this_thread::sleep_for(1200ms);
  const json::object later = invoke(function, "{}", "r-2");
  EXPECT_FALSE(later.contains("InitMs"));
  EXPECT_LT(std::stoi("0" + text(later, "Payload")), 90);  // Not the 120 of a process that ran on.
}

TEST_P(LambdaHost, ReportsTheErrorsOfAHandler) {
  const json::object failed =
      invoke(python("def handler(event, context):\n  raise ValueError('no')\n"));
  EXPECT_EQ(text(failed, "FunctionError"), "Unhandled");
  EXPECT_THAT(text(failed, "Payload"), AllOf(HasSubstr(R"("errorMessage": "no")"),
                                             HasSubstr(R"("errorType": "ValueError")")));
  EXPECT_THAT(log(), HasSubstr("[ERROR] ValueError: no\nTraceback"));
}

TEST_P(LambdaHost, KeepsTheLinesOfALogRecordTogether) {
  const Function function = python(
      "import logging\nlogging.getLogger().setLevel('INFO')\n"
      "def handler(event, context):\n"
      "  print('first')\n  logging.info('a\\nb')\n  print('last')\n");
  const json::object outcome = invoke(function);
  std::vector<std::string> messages;
  for (const json::value& line : outcome.at("Logs").as_array())
    messages.push_back(text(line.as_object(), "Message"));
  ASSERT_EQ(messages.size(), 7U) << log();  // INIT_START, START, these three, END, REPORT.
  EXPECT_EQ(messages[2], "first");
  EXPECT_THAT(messages[3], MatchesRegex("\\[INFO\\]\t.*Z\tr-1\ta\nb"));
  EXPECT_EQ(messages[4], "last");
}

TEST_P(LambdaHost, ReportsWhatFailsBeforeTheHandler) {
  const json::object import = invoke(python("import nowhere\n"));
  EXPECT_EQ(text(import, "FunctionError"), "Unhandled");
  EXPECT_THAT(text(import, "Payload"), HasSubstr("Runtime.ImportModuleError"));
  EXPECT_THAT(log(), HasSubstr("Status: error\tError Type: Runtime.ImportModuleError"));
  Function missing = python("x = 1\n");
  missing.handler = "app.other";
  EXPECT_THAT(text(invoke(missing), "Payload"), HasSubstr("Runtime.HandlerNotFound"));
}

TEST_P(LambdaHost, EndsWhatExits) {
  const json::object exited =
      invoke(python("import os\ndef handler(event, context):\n  os._exit(3)\n"));
  EXPECT_EQ(
      text(exited, "Payload"),
      R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: Runtime exited with error: exit status 3"})");
  EXPECT_THAT(log(), HasSubstr("Status: error\tError Type: Runtime.ExitError"));
  EXPECT_EQ(text(exited, "FunctionError"), "Unhandled");
}

TEST_P(LambdaHost, KillsAtTheTimeout) {
  const Function function =
      python("import time\ndef handler(event, context):\n  time.sleep(event)\n  return 'late'\n",
             {{"Timeout", 1}});
  const json::object late = invoke(function, "20");
  EXPECT_EQ(
      text(late, "Payload"),
      R"({"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 1.00 seconds"})");
  EXPECT_TRUE(flag(late, "TimedOut"));
  EXPECT_THAT(log(), AllOf(HasSubstr("r-1 Task timed out after 1.00 seconds"),
                           HasSubstr("Duration: 1000.00 ms")));
  const json::object again = invoke(function, "0", "r-2");
  EXPECT_EQ(text(again, "Payload"), R"("late")");
  EXPECT_TRUE(again.contains("InitMs"));
}

TEST_P(LambdaHost, RunsInvocationsSideBySide) {
  const Function function = python(
      "import os, time\ndef handler(event, context):\n  time.sleep(0.5)\n  return "
      "os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n");
  std::array<Reports, 3> all;
  for (std::size_t i = 0; i < all.size(); ++i) begin(all[i], function, fmt::format("r-{}", i));
  std::set<std::string> streams;
  for (Reports& reports : all) streams.insert(text(reports.wait(), "Payload"));
  EXPECT_EQ(streams.size(), 3U);
}

TEST_P(LambdaHost, ReplacesEnvironmentsWhenTheRevisionChanges) {
  const auto code = [](int number) {
    return python(fmt::format("def handler(event, context):\n  return {}\n", number));
  };
  EXPECT_EQ(text(invoke(code(1)), "Payload"), "1");
  EXPECT_EQ(text(invoke(code(2)), "Payload"), "2");
}

TEST_P(LambdaHost, FindsLayers) {
  Function function = python("import extra\ndef handler(event, context):\n  return extra.value\n");
  function.config["Layers"] = {
      {{"Digest", *blobs_->put(make_zip(folder_, {{"python/extra.py", "value = 41\n"}}))}},
      {{"Digest", *blobs_->put(make_zip(folder_, {{"python/extra.py", "value = 42\n"}}))}}};
  EXPECT_EQ(text(invoke(function), "Payload"), "42") << log();
}

TEST_P(LambdaHost, RefusesAResponseThatIsTooLarge) {
  const json::object failed =
      invoke(python("def handler(event, context):\n  return 'x' * 6291600\n"));
  EXPECT_EQ(text(failed, "FunctionError"), "Unhandled");
  EXPECT_THAT(text(failed, "Payload"), HasSubstr("Function.ResponseSizeTooLarge"));
  EXPECT_EQ(
      text(invoke(python("def handler(event, context):\n  return 'x' * 6291554\n")), "Payload")
          .size(),
      6'291'556U);
}

TEST_P(LambdaHost, RunsANodeFunction) {
  const std::string node = containers::find_program("node");
  if (node.empty() || !containers::run({node, "--version"}).starts_with("v20."))
    GTEST_SKIP() << "no Node.js 20";
  const Function promise{
      .runtime = "nodejs20.x",
      .handler = "src/index.handler",
      .files = {{"src/index.mjs",
                 "export const handler = async (event, context) => {\n"
                 "  console.log('got', event);\n"
                 "  if (event.fail) throw new RangeError('bad');\n"
                 "  return { id: context.awsRequestId, sum: event.a + event.b };\n};\n"}}};
  const json::object sum = invoke(promise, R"({"a": 1, "b": 2})");
  EXPECT_EQ(text(sum, "Payload"), R"({"id":"r-1","sum":3})") << log();
  EXPECT_THAT(log(), HasSubstr("\tr-1\tINFO\tgot { a: 1, b: 2 }\n"));
  const json::object failed = invoke(promise, R"({"fail": true})");
  EXPECT_EQ(text(failed, "FunctionError"), "Unhandled");
  EXPECT_THAT(
      text(failed, "Payload"),
      HasSubstr(R"({"errorType":"RangeError","errorMessage":"bad","trace":["RangeError: bad")"));
  const Function callback{.runtime = "nodejs20.x",
                          .handler = "index.handler",
                          .files = {{"index.js",
                                     "const called = require('beside');\n"
                                     "exports.handler = (event, context, callback) => {\n"
                                     "  setTimeout(() => console.log('waited for'), 50);\n"
                                     "  callback(null, called);\n};\n"},
                                    {"beside.js", "module.exports = 'called';\n"}}};
  EXPECT_EQ(text(invoke(callback), "Payload"), R"("called")");
  EXPECT_THAT(log(), HasSubstr("waited for"));
  Function missing = promise;
  missing.handler = "nowhere.handler";
  EXPECT_THAT(text(invoke(missing), "Payload"), HasSubstr("Runtime.ImportModuleError"));
}

// A runtime of the function's own, in the words of the Runtime API.
constexpr const char* shell_bootstrap = R"(#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while :; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "$api/invocation/next") || exit 1
  id=$(grep -i Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '\r\n' | cut -d' ' -f2)
  curl -sS -o /dev/null -d "{\"handler\":\"$_HANDLER\",\"event\":$event}" "$api/invocation/$id/response"
done
)";

TEST_P(LambdaHost, RunsABootstrap) {
  if (::access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "no curl for the bootstrap";
  const Function function{.runtime = "provided.al2023",
                          .handler = "any",
                          .files = {{"bootstrap", shell_bootstrap, 0100755}}};
  EXPECT_EQ(text(invoke(function, "7"), "Payload"), R"({"handler":"any","event":7})") << log();
  EXPECT_THAT(text(invoke({.runtime = "provided.al2023", .files = {{"other", ""}}}), "Payload"),
              HasSubstr("Runtime.InvalidEntrypoint"));
}

TEST_P(LambdaHost, SaysWhichRuntimesItLacks) {
  for (const auto* runtime : {"ruby3.3", "java21"}) {
    const json::object refused = invoke({.runtime = runtime, .files = {{"a", ""}}});
    ASSERT_TRUE(refused.contains("Error"));
    EXPECT_EQ(text(refused.at("Error").as_object(), "Code"), "InvalidRuntimeException");
    EXPECT_THAT(text(refused.at("Error").as_object(), "Message"), HasSubstr(runtime));
  }
}

TEST_P(LambdaHost, WarmsAndRetires) {
  const Function function = python(
      "import os\ndef handler(event, context):\n"
      "  return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n");
  Reports warmed;
  json::object payload = payload_of(function, "", "");
  payload["Count"] = 2;
  host_->perform({.service = "lambda", .kind = "lambda.warm", .id = "w", .payload = payload},
                 warmed.report());
  EXPECT_EQ(number(warmed.wait(), "Ready"), 2);
  const json::object outcome = invoke(function);
  EXPECT_EQ(text(outcome, "Payload"), R"("provisioned-concurrency")");
  EXPECT_FALSE(outcome.contains("InitMs"));
  Reports retired;
  host_->perform(
      {.service = "lambda",
       .kind = "lambda.retire",
       .id = "x",
       .payload = {{"FunctionArn", "arn:aws:lambda:ap-northeast-1:000000000000:function:f"}}},
      retired.report());
  (void)retired.wait();
  EXPECT_EQ(text(invoke(function), "Payload"), R"("on-demand")");
}

TEST_P(LambdaHost, RefusesAbandonedInvocations) {
  Reports told;
  host_->perform({.service = "lambda",
                  .kind = "lambda.abandon",
                  .id = "abandon",
                  .payload = {{"RequestIds", {"r-1"}}}},
                 told.report());
  (void)told.wait();
  EXPECT_TRUE(invoke(python("def handler(event, context):\n  return 1\n")).contains("Error"));
}

TEST_P(LambdaHost, KeepsFunctionsInTheirSandbox) {
  if (GetParam() == Way::Process) GTEST_SKIP() << "a process has no sandbox";
  const Function function = python(
      "import os\n"
      "def refused(work):\n"
      "  try:\n"
      "    work()\n"
      "    return False\n"
      "  except OSError:\n"
      "    return True\n"
      "def handler(event, context):\n"
      "  open('/tmp/x', 'w').write('kept')\n"
      "  return [refused(lambda: open('/var/task/x', 'w')), refused(lambda: open('/etc/x', 'w')),\n"
      "          refused(lambda: os.listdir('/work')), os.getuid(), len(os.listdir('/proc')) > 0,\n"
      "          [line.split()[1] for line in open('/proc/self/status') if 'NoNewPrivs' in line],\n"
      "          [line.split()[1] for line in open('/proc/self/status') if 'CapEff' in line],\n"
      "          refused(lambda: open('/tmp/large', 'wb').write(b'x' * (80 << 20)))]\n",
      {{"MemorySize", 1024}, {"EphemeralStorage", 64}});
  EXPECT_EQ(text(invoke(function), "Payload"),
            R"([true, true, true, 993, true, ["1"], ["0000000000000000"], true])")
      << log();
}

// The Runtime API by bash alone.
constexpr const char* bash_runtime = R"(
exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\n\r\n' >&3
while IFS= read -r line <&3; do
  line=${line%$'\r'}
  [ -n "$line" ] || break
  case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
done
answer="\"$FROM $(id -u)\""
exec 4<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n%s' \
  "$id" ${#answer} "$answer" >&4
sleep 60
)";

TEST_P(LambdaHost, RunsAnImage) {
  Function function;
  function.config = {{"PackageType", "Image"}};
  if (GetParam() == Way::Process) {
    EXPECT_THAT(text(invoke(function).at("Error").as_object(), "Message"),
                HasSubstr("--tasks containers"));
    return;
  }
  const containers::TestImage image = containers::make_image(*blobs_, folder_);
  function.config["Image"] = {{"Manifest", image.manifest},
                              {"Digest", image.digest},
                              {"EntryPoint", {"/bin/bash", "-c"}},
                              {"Command", {bash_runtime}}};
  EXPECT_EQ(text(invoke(function), "Payload"), R"("image 993")") << log();
}

TEST_P(LambdaHost, RemovesWhatAKilledServerLeft) {
  if (GetParam() == Way::Process) GTEST_SKIP() << "a process ends with the thread that started it";
  (void)invoke(python("def handler(event, context):\n  return 1\n"));
  const std::string functions = containers::functions_folder(folder_ + "/tasks");
  ASSERT_FALSE(fs::is_empty(functions));
  // The second launcher finds the folders of a killed server.
  const auto launcher = make_container_launcher(*driver_, functions, "");
  launcher->sweep()();
  EXPECT_TRUE(fs::is_empty(functions));
}

TEST_P(LambdaHost, ReportsTheLinesOfALongInvocation) {
  const Function function = python(
      "import time\n"
      "def handler(event, context):\n"
      "  for number in range(200):\n"
      "    print('x' * 20000)\n"
      "  time.sleep(1.3)\n"
      "  print('last')\n");
  const json::object outcome = invoke(function);
  EXPECT_LT(find_array(outcome, "Logs")->size(), 10U);  // The others came before the end.
  const std::string all = log();
  EXPECT_EQ(std::ranges::count(all, '\n'), 205);
  EXPECT_THAT(text(outcome, "LogTail"), HasSubstr("last\nEND"));
}

TEST_P(LambdaHost, MakesRoomWhenTheMachineIsFull) {
  if (GetParam() == Way::Container) GTEST_SKIP() << "the same in both ways";
  host_.reset();
  start({.environments_max = 1}, make_process_launcher(folder_ + "/processes", ""));
  Function function = python("def handler(event, context):\n  return context.function_version\n");
  EXPECT_EQ(text(invoke(function), "Payload"), R"("$LATEST")");
  function.version = "7";
  EXPECT_EQ(text(invoke(function), "Payload"), R"("7")");
  std::array<Reports, 3> all;
  for (std::size_t i = 0; i < all.size(); ++i) begin(all[i], function, fmt::format("r-{}", i));
  for (Reports& reports : all) EXPECT_EQ(text(reports.wait(), "Payload"), R"("7")");
}

TEST_P(LambdaHost, EndsWhatNothingCalls) {
  if (GetParam() == Way::Container) GTEST_SKIP() << "the same in both ways";
  host_.reset();
  start({.freeze_after = 10ms, .idle_max = 150ms},
        make_process_launcher(folder_ + "/processes", ""));
  const Function function = python("def handler(event, context):\n  return 1\n");
  (void)invoke(function);
  ASSERT_FALSE(fs::is_empty(folder_ + "/processes"));
  for (int look = 0; look < 200 && !fs::is_empty(folder_ + "/processes"); ++look)
    std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(fs::is_empty(folder_ + "/processes"));
  EXPECT_TRUE(invoke(function).contains("InitMs"));
}

TEST_P(LambdaHost, ReadsAFolderInPlaceOfAZip) {
  const std::string code = folder_ + "/source";
  fs::create_directory(code);
  fs::permissions(folder_, fs::perms{0755});
  fs::permissions(code, fs::perms{0755});
  Function function;
  function.config = {{"CodeDir", code}};
  for (const int number : {1, 2}) {
    std::ofstream{code + "/app.py"} << "def handler(event, context):\n  return " << number << "\n";
    fs::permissions(code + "/app.py", fs::perms{0644});
    EXPECT_EQ(text(invoke(function), "Payload"), std::to_string(number));
  }
}

TEST_P(LambdaHost, EndsEnvironmentsWhoseCredentialsEnd) {
  if (GetParam() == Way::Container) GTEST_SKIP() << "the same in both ways";
  const Function function =
      python("import os\ndef handler(event, context):\n  return os.environ['AWS_ACCESS_KEY_ID']\n");
  for (const auto* key : {"ASIAFIRST", "ASIASECOND"}) {
    Reports reports;
    json::object payload = payload_of(function, "r-1", "{}");
    payload["Credentials"].as_object()["AccessKeyId"] = key;
    payload["Credentials"].as_object()["Expiration"] =
        format_iso8601(Now::read().wall + std::chrono::seconds{5});  // Less than the timeout.
    host_->perform({.kind = "lambda.invoke", .id = "r-1", .payload = payload}, reports.report());
    EXPECT_EQ(text(reports.wait(), "Payload"), fmt::format("\"{}\"", key));
  }
}

TEST_P(LambdaHost, EndsWhatTakesTooMuchMemory) {
  if (GetParam() == Way::Process) GTEST_SKIP() << "the memory of a process has no limit";
  const json::object ended =
      invoke(python("def handler(event, context):\n  return len(bytearray(b'x') * (400 << 20))\n"));
  EXPECT_THAT(text(ended, "Payload"),
              AllOf(HasSubstr("Runtime.OutOfMemory"), HasSubstr("signal: killed")));
}

}  // namespace
}  // namespace kiban::lambda
