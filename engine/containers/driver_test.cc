#include "containers/driver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>

#include "containers/container.h"
#include "containers/files.h"
#include "containers/image_fixture.h"
#include "containers/layer.h"
#include "containers/netlink.h"
#include "containers/program.h"
#include "containers/seccomp.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// The reports of a task.
class Heard {
 public:
  std::atomic<bool> commits{true};  // False: a kernel that dies before its next commit.
  runtime::Report report() {
    return [this](const services::Outcome& outcome, const std::function<void()>& committed) {
      const std::lock_guard lock{mutex_};
      if (committed && commits)
        committed();
      else if (committed)
        waiting_.push_back(committed);
      if (const json::array* lines = find_array(outcome.payload, "Logs")) {
        for (const json::value& line : *lines)
          lines_.push_back(to_string(line.at("Message").as_string()));
      }
      if (const json::object* usage = find_object(outcome.payload, "Usage")) usage_ = *usage;
      if (const json::array* health = find_array(outcome.payload, "Health"))
        health_ = to_string(health->at(0).at("Status").as_string());
      if (outcome.payload.contains("Status")) states_.push_back(outcome.payload);
      ended_ = ended_ || outcome.final;
      changed_.notify_all();
    };
  }
  void commit_waiting() {
    const std::lock_guard lock{mutex_};
    commits = true;
    for (const auto& committed : std::exchange(waiting_, {})) committed();
  }
  bool wait_for_state(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 30s, [&] { return states_.size() >= count; });
  }
  bool wait_for_line(const std::string& line) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 30s,
                             [&] { return std::ranges::find(lines_, line) != lines_.end(); });
  }
  bool wait_for_health(const std::string& wanted) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 30s, [&] { return health_ == wanted; });
  }
  // The last report, once the task has ended.
  json::object end() {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, 60s, [this] { return ended_; })) << "it did not end";
    return states_.empty() ? json::object{} : states_.back();
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock{mutex_};
    return lines_;
  }
  json::object usage() {
    const std::lock_guard lock{mutex_};
    return usage_;
  }
  std::size_t states() {
    const std::lock_guard lock{mutex_};
    return states_.size();
  }
  json::object state(std::size_t index) {
    const std::lock_guard lock{mutex_};
    return states_.at(index);
  }

 private:
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::vector<std::string> lines_{};
  std::vector<std::function<void()>> waiting_{};
  std::vector<json::object> states_{};
  json::object usage_{};
  std::string health_{};
  bool ended_{false};
};

json::object only_container(const json::object& state) {
  if (!state.contains("Containers")) return {{"ExitCode", print_json(state)}};
  return state.at("Containers").as_array().at(0).as_object();
}

class Containers : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::vector<std::string> missing = missing_here();
    if (!missing.empty()) return;
    // A network of our own, so that no kiban of this host is in the way.
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    ::signal(SIGPIPE, SIG_IGN);
    base = fs::temp_directory_path() / fmt::format("kiban-containers-{}", ::getpid());
    fs::create_directories(base);
    blobs = store::make_memory_blobs();
    image = make_image(*blobs, base);
  }
  static void TearDownTestSuite() {
    if (!base.empty()) fs::remove_all(base);
  }
  void SetUp() override {
    std::string missing;
    for (const std::string& one : missing_here()) missing += " " + one;
    if (!missing.empty()) GTEST_SKIP() << "REAL CONTAINERS ARE NOT TESTED: missing" << missing;
    begin();
  }
  void TearDown() override {
    if (driver_) driver_->end_tasks();
    driver_.reset();
    bridge_.reset();
  }
  void begin() {
    auto bridge = Bridge::create(4566);
    ASSERT_TRUE(bridge) << bridge.error().cause;
    bridge_ = *std::move(bridge);
    auto driver = Driver::create({.directory = base + "/state",
                                  .endpoint = "http://169.254.170.2:4566",
                                  .usage_interval = 1s},
                                 *bridge_, *blobs);
    ASSERT_TRUE(driver) << driver.error().cause;
    driver_ = *std::move(driver);
  }
  static json::object container(const std::string& script, const json::object& more = {}) {
    json::object plan{{"Name", "app"},
                      {"ImageManifest", image.manifest},
                      {"ImageDigest", image.digest},
                      {"EntryPoint", {"/bin/sh", "-c"}},
                      {"Command", {script}},
                      {"Essential", true},
                      {"StopTimeout", 5}};
    for (const auto& [name, value] : more) plan[name] = value;
    return plan;
  }
  json::object payload(json::array containers, const json::object& more = {}) {
    json::object task{{"TaskArn", fmt::format("arn:aws:ecs:r:0:task/dev/{:012x}{:020}",
                                              std::uint64_t(::getpid()) * 1000 + ++tasks, 0)},
                      {"Region", "ap-northeast-1"},
                      {"Containers", std::move(containers)}};
    for (const auto& [name, value] : more) task[name] = value;
    return task;
  }
  static std::string id_of(const json::object& task) {
    const std::string arn = to_string(task.at("TaskArn").as_string());
    return arn.substr(arn.rfind('/') + 1);
  }
  // Everything of it is gone except for its result.
  static void expect_nothing_left(const json::object& task) {
    const std::string id = id_of(task);
    const std::vector<std::string> traces{
        fmt::format("{}/state/tasks/{}/0", base, id), "/run/netns/kiban-" + id,
        "/sys/fs/cgroup/memory/kiban/" + id, "/sys/fs/cgroup/pids/kiban/" + id};
    // The task is removed after its end was reported.
    for (const std::string& trace : traces) {
      for (int i = 0; i < 200 && fs::exists(trace); ++i) ::usleep(10'000);
      EXPECT_FALSE(fs::exists(trace)) << trace;
    }
    EXPECT_EQ(read_file("/proc/self/mounts").find(id), std::string::npos);
  }
  json::object run_script(const std::string& script, const json::object& more = {}) {
    const json::object task = payload({container(script, more)});
    driver_->run(task, heard_.report());
    json::object end = heard_.end();
    expect_nothing_left(task);
    return end;
  }

  static inline std::string base{};
  static inline std::unique_ptr<store::Blobs> blobs{};
  static inline TestImage image{};
  static inline std::uint64_t tasks{0};
  std::unique_ptr<Bridge> bridge_{};
  std::unique_ptr<Driver> driver_{};
  Heard heard_{};
};

TEST_F(Containers, TellsOutputAndExitCode) {
  const json::object end = run_script("echo one; echo; echo two >&2; printf three; exit 3");
  EXPECT_EQ(end.at("Status"), "STOPPED");
  EXPECT_EQ(only_container(end).at("ExitCode"), 3);
  EXPECT_THAT(heard_.lines(), testing::UnorderedElementsAre("one", "two", "three"));
  ASSERT_EQ(heard_.states(), 2U);
  EXPECT_EQ(heard_.state(0).at("Status"), "RUNNING");
}

TEST_F(Containers, LosesNoLineOfALongLog) {
  run_script("for i in {1..20000}; do echo line $i; done");
  const std::vector<std::string> lines = heard_.lines();
  ASSERT_EQ(lines.size(), 20'000U);
  for (std::size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(lines[i], fmt::format("line {}", i + 1));
}

TEST_F(Containers, JoinsLongLines) {
  run_script("printf -v x '%100000s' end; echo \"$x\"");
  ASSERT_EQ(heard_.lines().size(), 1U);
  EXPECT_EQ(heard_.lines()[0].size(), 100'000U);
}

TEST_F(Containers, GivesImageAndDefinitionTheirSay) {
  run_script("echo $FROM $SECRET $AWS_ENDPOINT_URL; id -u; id -g; cd; pwd; echo $PWD",
             {{"User", "app"}, {"Environment", {{"SECRET", "s3cr3t"}}}});
  EXPECT_THAT(heard_.lines(), ElementsAre("image s3cr3t http://169.254.170.2:4566", "1000", "1001",
                                          "/tmp", "/tmp"));
}

TEST_F(Containers, KeepsARootFileSystemReadOnly) {
  run_script("echo x >/file || echo refused", {{"ReadonlyRootFilesystem", true}});
  EXPECT_THAT(heard_.lines(), testing::Contains("refused"));
}

TEST_F(Containers, EndsWhatTakesTooMuchMemory) {
  const json::object end = run_script("exec tail /dev/zero", {{"Memory", 64}});
  EXPECT_EQ(only_container(end).at("ExitCode"), 137);
  EXPECT_EQ(only_container(end).at("Reason"),
            "OutOfMemoryError: Container killed due to memory usage");
  EXPECT_FALSE(fs::exists("oom"));  // conmon's note stays with the container.
}

TEST_F(Containers, BoundsAllOfATaskTogether) {
  json::object side = container("sleep 30", {{"Essential", false}, {"StopTimeout", 0}});
  side["Name"] = "side";
  const json::object task =
      payload({container("exec tail /dev/zero"), side}, {{"Cpu", "512"}, {"Memory", "64"}});
  driver_->run(task, heard_.report());
  const json::object end = heard_.end();
  EXPECT_EQ(only_container(end).at("ExitCode"), 137);
  EXPECT_EQ(only_container(end).at("Reason"),
            "OutOfMemoryError: Container killed due to memory usage");
  expect_nothing_left(task);
}

TEST_F(Containers, LimitsOpenFiles) {
  run_script("ulimit -Sn; ulimit -Hn",
             {{"Ulimits", {{{"name", "nofile"}, {"softLimit", 64}, {"hardLimit", 128}}}}});
  EXPECT_THAT(heard_.lines(), ElementsAre("64", "128"));
}

TEST_F(Containers, TellsWhereMetadataIs) {
  run_script("echo $ECS_CONTAINER_METADATA_URI_V4 $AWS_EXECUTION_ENV ${ECS_AGENT_URI-none}",
             {{"MetadataId", "id-0"}});
  EXPECT_THAT(heard_.lines(),
              ElementsAre("http://169.254.170.2:4566/v4/id-0 AWS_ECS_FARGATE none"));
}

TEST_F(Containers, SaysWhyItCannotStart) {
  const json::object end =
      run_script("", {{"EntryPoint", {"/bin/none"}}, {"Command", json::array{}}});
  const json::object error = end.at("Error").as_object();
  EXPECT_EQ(error.at("StopCode"), "TaskFailedToStart");
  EXPECT_THAT(std::string(error.at("Reason").as_string()),
              testing::AllOf(HasSubstr("CannotStartContainerError: "), HasSubstr("/bin/none")));
}

TEST_F(Containers, SaysThatAnImageIsBroken) {
  const json::object end = run_script(
      "true", {{"ImageManifest", "{}"}, {"ImageDigest", "sha256:" + std::string(64, 'a')}});
  EXPECT_THAT(std::string(end.at("Error").at("Reason").as_string()),
              HasSubstr("CannotPullContainerError: "));
}

TEST_F(Containers, PassesOnThatThereIsNoImage) {
  const json::object end = run_script("true", {{"ImageError", "x: not found"}});
  EXPECT_EQ(end.at("Error").at("Reason"), "CannotPullContainerError: x: not found");
}

// Two networks may hold the same address; on this host only one task can have it.
TEST_F(Containers, AnAddressIsGivenOnce) {
  Heard other;
  const json::object network{{"Network", {{"PrivateIpAddress", "10.0.1.7"}}}};
  driver_->run(payload({container("sleep 0.5")}, network), heard_.report());
  ASSERT_TRUE(heard_.wait_for_state(1));
  driver_->run(payload({container("true")}, network), other.report());
  ASSERT_TRUE(other.wait_for_state(1));
  EXPECT_EQ(heard_.state(0).at("Address"), "10.0.1.7");
  EXPECT_THAT(std::string(other.state(0).at("Address").as_string()),
              testing::StartsWith("169.254.172."));
  other.end();
  heard_.end();
}

TEST_F(Containers, TellsWhatAServiceUses) {
  const json::object task =
      payload({container("for i in {1..25}; do for j in {1..9999}; do :; done; sleep 0.1; done")},
              {{"Group", "service:web"}});
  driver_->run(task, heard_.report());
  heard_.end();
  ASSERT_TRUE(heard_.usage().contains("CpuUnits"));
  EXPECT_GT(heard_.usage().at("CpuUnits").to_number<double>(), 10);
  EXPECT_LT(heard_.usage().at("CpuUnits").to_number<double>(), 2 * 1024);
  EXPECT_GT(heard_.usage().at("MemoryMiB").to_number<double>(), 0);
}

TEST_F(Containers, StopsByTerminationFirst) {
  const json::object task = payload(
      {container("trap 'echo bye; exit 7' TERM; echo ready; while true; do sleep 0.1; done")});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("ready"));
  driver_->stop(to_string(task.at("TaskArn").as_string()));
  EXPECT_EQ(only_container(heard_.end()).at("ExitCode"), 7);
  EXPECT_THAT(heard_.lines(), ElementsAre("ready", "bye"));
}

TEST_F(Containers, KillsWhatDoesNotListen) {
  const json::object task = payload({container(
      "trap '' TERM; echo ready; while true; do sleep 0.1; done", {{"StopTimeout", 1}})});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("ready"));
  driver_->stop(to_string(task.at("TaskArn").as_string()));
  EXPECT_EQ(only_container(heard_.end()).at("ExitCode"), 137);
}

TEST_F(Containers, AnEssentialOneTakesTheOthersWithIt) {
  json::object side = container("trap 'exit 0' TERM; while true; do sleep 0.1; done");
  side["Name"] = "side";
  driver_->run(payload({container("sleep 0.2; exit 4"), side}), heard_.report());
  const json::array ended = heard_.end().at("Containers").as_array();
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[0].at("ExitCode"), 4);
  EXPECT_EQ(ended[1].at("ExitCode"), 0);
}

TEST_F(Containers, OneWaitsForTheSuccessOfAnother) {
  const json::array shared{{{"sourceVolume", "data"}, {"containerPath", "/data"}}};
  json::object first = container("sleep 0.3; echo prepared >/data/file",
                                 {{"Essential", false}, {"MountPoints", shared}});
  first["Name"] = "first";
  const json::object second = container(
      "cat /data/file", {{"MountPoints", shared},
                         {"DependsOn", {{{"containerName", "first"}, {"condition", "SUCCESS"}}}}});
  driver_->run(payload({second, first}), heard_.report());
  EXPECT_EQ(only_container(heard_.end()).at("ExitCode"), 0);
  EXPECT_THAT(heard_.lines(), ElementsAre("prepared"));
}

TEST_F(Containers, OneNeverStartsAfterTheFailureOfAnother) {
  json::object first = container("exit 3", {{"Essential", false}});
  first["Name"] = "first";
  const json::object second =
      container("true", {{"DependsOn", {{{"containerName", "first"}, {"condition", "SUCCESS"}}}}});
  driver_->run(payload({second, first}), heard_.report());
  const json::object end = heard_.end();
  EXPECT_EQ(end.at("Error").at("Reason"),
            "CannotStartContainerError: dependency first of container app exited with 3");
  EXPECT_FALSE(only_container(end).contains("ExitCode"));
}

TEST_F(Containers, OneNeverStartsAfterAnotherThatIsNotHealthy) {
  json::object first =
      container("exit 0", {{"Essential", false}, {"HealthCheck", {{"command", {"CMD", "true"}}}}});
  first["Name"] = "first";
  const json::object second =
      container("true", {{"DependsOn", {{{"containerName", "first"}, {"condition", "HEALTHY"}}}}});
  driver_->run(payload({second, first}), heard_.report());
  EXPECT_EQ(heard_.end().at("Error").at("Reason"),
            "CannotStartContainerError: dependency first of container app exited with 0");
}

TEST_F(Containers, AHealthCheckIsTold) {
  // Good three times, then never again.
  constexpr const char* script =
      "n=$(cat /tmp/checks || echo 0); echo $((n + 1)) >/tmp/checks; test $n -lt 3";
  const json::object task = payload({container(
      "sleep 100",
      {{"StopTimeout", 0},
       {"HealthCheck", {{"command", {"CMD-SHELL", script}}, {"interval", 1}, {"retries", 1}}}})});
  driver_->run(task, heard_.report());
  EXPECT_TRUE(heard_.wait_for_health("HEALTHY"));
  EXPECT_TRUE(heard_.wait_for_health("UNHEALTHY"));
  driver_->stop(to_string(task.at("TaskArn").as_string()));
  heard_.end();
}

TEST_F(Containers, TasksHaveFilesAndAddressesOfTheirOwn) {
  Heard other;
  const std::string script =
      "ls /tmp; echo $HOSTNAME >/tmp/mine; sleep 0.5; cat /tmp/mine /etc/hostname; ls /tmp";
  const std::string first = "ip-10-0-1-5.ap-northeast-1.compute.internal";
  const std::string second = "ip-10-0-1-6.ap-northeast-1.compute.internal";
  driver_->run(payload({container(script)}, {{"Network", {{"PrivateIpAddress", "10.0.1.5"}}}}),
               heard_.report());
  driver_->run(payload({container(script)}, {{"Network", {{"PrivateIpAddress", "10.0.1.6"}}}}),
               other.report());
  EXPECT_EQ(only_container(heard_.end()).at("ExitCode"), 0) << heard_.end();
  EXPECT_EQ(only_container(other.end()).at("ExitCode"), 0) << other.end();
  EXPECT_THAT(heard_.lines(), ElementsAre(first, first, "mine"));
  EXPECT_THAT(other.lines(), ElementsAre(second, second, "mine"));
}

// The bridge's address answers a task, and one task another, under the addresses they were given.
TEST_F(Containers, TasksReachTheEngineAndEachOther) {
  ASSERT_EQ(run({find_program("ip"), "link", "set", "lo", "up"}), "");
  Heard server;
  const std::string python = find_program("python3");
  if (python.empty()) GTEST_SKIP() << "no python3 to listen with";
  const std::string listen =
      "import socket,sys\ns=socket.create_server((sys.argv[1],8080))\n"
      "for _ in range(1):\n c,a=s.accept()\n c.sendall((a[0]+'\\n').encode())\n c.close()\n";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(python.c_str(), "python3", "-c", listen.c_str(), "169.254.170.2", nullptr);
    ::_exit(1);
  }
  run_script(
      "for i in {1..100}; do (exec 3<>/dev/tcp/169.254.170.2/8080; cat <&3) && break; sleep 0.05; "
      "done 2>/dev/null");
  int status = 0;
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  ASSERT_EQ(heard_.lines().size(), 1U);
  EXPECT_THAT(heard_.lines()[0], testing::StartsWith("169.254.172."));
}

// A host with an uplink: a second namespace plays the rest of the world, and has no route back.
class Outside : public Containers {
 protected:
  void SetUp() override {
    Containers::SetUp();
    if (IsSkipped()) return;
    if (find_program("nft").empty())
      GTEST_SKIP() << "the way out is nftables rules: apt-get install nftables";
    if (find_program("python3").empty()) GTEST_SKIP() << "no python3 to listen with";
    const std::string ip = find_program("ip");
    run({ip, "link", "set", "lo", "up"});
    run({ip, "netns", "add", world_});
    run({ip, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", world_});
    run({ip, "addr", "add", "198.51.100.1/24", "dev", "up0"});
    run({ip, "link", "set", "up0", "up"});
    run({ip, "route", "add", "default", "via", "198.51.100.2"});
    run({ip, "-n", world_, "addr", "add", "198.51.100.2/24", "dev", "eth0"});
    run({ip, "-n", world_, "link", "set", "eth0", "up"});
    const std::string listen =
        "import socket\ns=socket.create_server(('198.51.100.2',80))\n"
        "while True:\n c,a=s.accept()\n c.sendall((a[0]+'\\n').encode())\n c.close()\n";
    auto server = Child::start({find_program("nsenter"), "--net=/run/netns/" + world_,
                                find_program("python3"), "-c", listen});
    ASSERT_TRUE(server);
    server_.emplace(*std::move(server));
  }
  void TearDown() override {
    server_.reset();
    Containers::TearDown();
    if (find_program("ip").empty() || ::geteuid() != 0) return;
    (void)run_program({find_program("ip"), "link", "del", "up0"});
    (void)run_program({find_program("ip"), "netns", "del", world_});
  }
  static json::object caller(const char* repeats = "100") {
    return container(fmt::format(
        "for i in {{1..{}}}; do (exec 3<>/dev/tcp/198.51.100.2/80; cat <&3) && break; sleep 0.05; "
        "done 2>/dev/null",
        repeats));
  }
  std::string world_{fmt::format("kiban-world-{}", ::getpid())};
  std::optional<Child> server_{};
};

TEST_F(Outside, IsReachedUnderTheHostsAddress) {
  const json::object task = payload({caller()}, {{"Egress", true}});
  driver_->run(task, heard_.report());
  heard_.end();
  EXPECT_THAT(heard_.lines(), ElementsAre("198.51.100.1"));
  expect_nothing_left(task);
  const std::string rules = run({find_program("nft"), "list", "table", "ip", "kiban"});
  EXPECT_EQ(rules.find("elements"), std::string::npos) << rules;
  // It forwards for tasks alone.
  EXPECT_THAT(rules, HasSubstr("iifname \"up0\" drop"));
  driver_.reset();
  bridge_.reset();
  EXPECT_THAT(run({find_program("nft"), "list", "tables"}), testing::Not(HasSubstr("kiban")));
  EXPECT_FALSE(run_program({find_program("ip"), "link", "show", "kiban0"}));
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/conf/up0/forwarding"), "0\n");
}

TEST_F(Outside, IsReachedPastAFirewallThatDropsTheRest) {
  const std::string iptables = find_program("iptables");
  if (iptables.empty()) GTEST_SKIP() << "no iptables";
  run({iptables, "-P", "FORWARD", "DROP"});
  driver_->run(payload({caller()}, {{"Egress", true}}), heard_.report());
  heard_.end();
  EXPECT_THAT(heard_.lines(), ElementsAre("198.51.100.1"));
  driver_.reset();
  bridge_.reset();
  EXPECT_THAT(run({iptables, "-S", "FORWARD"}), testing::Not(HasSubstr("kiban0")));
  run({iptables, "-P", "FORWARD", "ACCEPT"});
}

TEST_F(Outside, IsOutOfReachWithoutEgress) {
  Heard other;
  const json::object open = payload({caller()}, {{"Egress", true}});
  driver_->run(open, other.report());
  other.end();
  ASSERT_EQ(other.lines().size(), 1U);  // So that nothing but the way out makes the difference.
  run({find_program("ip"), "-n", world_, "route", "add", "default", "via", "198.51.100.1"});
  driver_->run(payload({container("(exec 3<>/dev/tcp/198.51.100.2/80; cat <&3) & "
                                  "sleep 1; kill $!; echo over")}),
               heard_.report());
  heard_.end();
  EXPECT_THAT(heard_.lines(), ElementsAre("over"));
}

TEST_F(Containers, GoOnWhenTheEngineIsKilled) {
  driver_.reset();
  bridge_.reset();
  const json::object task = payload({container("echo begun; sleep 1; echo over; exit 5")});
  const pid_t child = ::fork();
  if (child == 0) {  // An engine that is killed once the container has said something.
    auto bridge = Bridge::create(4566);
    auto driver = Driver::create({.directory = base + "/state"}, **bridge, *blobs);
    Heard heard;
    heard.commits = false;
    (*driver)->run(task, heard.report());
    if (heard.wait_for_line("begun")) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  begin();
  driver_->run(task, heard_.report());
  const json::object end = heard_.end();
  EXPECT_EQ(only_container(end).at("ExitCode"), 5);
  EXPECT_THAT(heard_.lines(), ElementsAre("begun", "over"));  // Once each: it ran once.
  expect_nothing_left(task);
}

// The engine was killed while it made a task's network, or lost the mount of it.
TEST_F(Containers, HaveAWholeNetworkAfterOneThatWasHalfMade) {
  const std::string id =
      fmt::format("{:012x}{:020}", std::uint64_t(::getpid()) * 1000 + ++tasks, 0);
  const auto whole = bridge_->attach(id, "169.254.172.78", std::nullopt);
  ASSERT_TRUE(whole) << whole.error().cause;
  const auto inode = [&whole] {
    struct stat found{};
    EXPECT_EQ(::stat(whole->c_str(), &found), 0);
    return found.st_ino;
  };
  const ino_t before = inode();
  // A task that had the same address took its route along.
  EXPECT_TRUE(delete_route("169.254.172.78", "kiban0"));
  ASSERT_EQ(bridge_->attach(id, "169.254.172.78", std::nullopt), whole);
  EXPECT_EQ(inode(), before);
  EXPECT_TRUE(delete_route("169.254.172.78", "kiban0"));  // There is one.
  // The file, not mounted; and the link.
  const runtime::Descriptor held{::open(whole->c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::umount2(whole->c_str(), MNT_DETACH), 0);
  ASSERT_EQ(bridge_->attach(id, "169.254.172.78", std::nullopt), whole);
  struct statfs system{};
  ASSERT_EQ(::statfs(whole->c_str(), &system), 0);
  EXPECT_EQ(system.f_type, NSFS_MAGIC);
  EXPECT_NE(inode(), before);
  bridge_->detach(id, "169.254.172.78", Route::Remove);
  EXPECT_FALSE(fs::exists(*whole));
}

// The engine was killed after it had renamed the fifo, before anybody read it.
TEST_F(Containers, AreReleasedByTheNextEngine) {
  const Tools tools{.runc = find_program("runc"),
                    .conmon = find_program("conmon"),
                    .state = base + "/state/runc",
                    .seccomp = *load_seccomp_profile()};
  const std::string id =
      fmt::format("{:012x}{:020}", std::uint64_t(::getpid()) * 1000 + ++tasks, 0);
  const std::string directory = fmt::format("{}/state/tasks/{}", base, id);
  Images images{base + "/state/images", find_program("umoci"), *blobs};
  const auto unpacked = images.get(image.manifest, image.digest);
  ASSERT_TRUE(unpacked) << unpacked.error().cause;
  const auto network = bridge_->attach(id, "169.254.172.77", std::nullopt);
  ASSERT_TRUE(network) << network.error().cause;
  const json::object plan = container("exit 7");
  Container killed{tools, plan, id + "-0", directory + "/0"};
  const auto created = killed.create(*unpacked, {.network = *network, .hostname = "h"});
  ASSERT_TRUE(created) << created.error().cause;
  std::ofstream{directory + "/0/started"} << "SIGTERM";
  const std::string fifo = fmt::format("{}/{}-0/exec.fifo", tools.state, id);
  fs::rename(fifo, fifo + ".taken");

  Container next{tools, plan, id + "-0", directory + "/0"};
  const auto adopted = next.adopt();
  ASSERT_TRUE(adopted) << adopted.error().cause;
  EXPECT_TRUE(*adopted);
  if (next.monitor() >= 0) {  // Otherwise it has ended already.
    pollfd ended{.fd = next.monitor(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&ended, 1, 30'000), 1);
  }
  next.settle();
  EXPECT_EQ(next.exit_code(), 7);
  driver_->sweep();
}

TEST_F(Containers, HaveStorageOfTheSizeAskedFor) {
  if (!layers_missing().empty())  // Bounded storage needs root, mkfs.ext4 and loop devices.
    GTEST_SKIP() << "storage is not bounded here: " << layers_missing();
  Layers layers{base + "/templates"};
  // More at once than are kept ready, then one that was.
  for (const auto* name : {"a", "b", "c", "a"}) {
    const std::string directory = fmt::format("{}/stored-{}", base, name);
    const auto opened = layers.open(directory, 1024);
    ASSERT_TRUE(opened) << opened.error().cause;
    struct statvfs size{};
    ASSERT_EQ(::statvfs((directory + "/layer").c_str(), &size), 0);
    EXPECT_LT(size.f_blocks * size.f_frsize, std::uint64_t{1} << 30);
    EXPECT_GT(size.f_blocks * size.f_frsize, std::uint64_t{900} << 20);
    std::ofstream{directory + "/layer/" + name} << name;
    EXPECT_EQ(read_file(directory + "/layer/" + name), name);
    if (name == std::string("c")) ::usleep(500'000);  // Spare ones are made.
  }
  for (const auto* name : {"a", "b", "c"}) {
    close_layer(fmt::format("{}/stored-{}", base, name));
    EXPECT_FALSE(fs::exists(fmt::format("{}/stored-{}/layer", base, name)));
  }
}

TEST_F(Containers, TellTheEndAndTheLastLinesAgainUntilTheyAreCommitted) {
  const json::object task = payload({container("echo one; echo two; exit 5")});
  heard_.commits = false;
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_state(1));
  ::sleep(1);
  driver_.reset();
  bridge_.reset();
  begin();
  Heard again;
  driver_->run(task, again.report());
  EXPECT_EQ(only_container(again.end()).at("ExitCode"), 5);
  EXPECT_THAT(again.lines(),
              ElementsAre("one", "two"));  // The kernel recognizes repeated lines by Position.
  expect_nothing_left(task);
  const std::string directory = fmt::format("{}/state/tasks/{}", base, id_of(task));
  for (int i = 0; i < 200 && fs::exists(directory); ++i) ::usleep(10'000);
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(Containers, SendOneReportOfLinesAtATime) {
  heard_.commits = false;
  const json::object task =
      payload({container("for i in {1..200000}; do echo line number $i; done; sleep 100",
                         {{"Log", {{"Mode", "blocking"}, {"BufferBytes", 1'000'000}}}})});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("line number 1"));
  ::sleep(2);
  EXPECT_LT(heard_.lines().size(), 20'000U);  // The first report waits for its commit.
  // conmon is stopped, so the container waits for its output to be read.
  const std::string log = fmt::format("{}/state/tasks/{}/0/log", base, id_of(task));
  EXPECT_LT(fs::file_size(log), 9'000'000U);
  heard_.commit_waiting();
  ASSERT_TRUE(heard_.wait_for_line("line number 200000"));
  const std::vector<std::string> lines = heard_.lines();
  ASSERT_EQ(lines.size(), 200'000U);
}

TEST_F(Containers, AFullBufferLosesTheOldestLinesAndBlocksNobody) {
  heard_.commits = false;
  const json::object task =
      payload({container("for i in {1..200000}; do echo line number $i; done; "
                         "while true; do echo over; sleep 0.1; done",
                         {{"Log", {{"Mode", "non-blocking"}, {"BufferBytes", 1'000'000}}}})});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("line number 1"));
  ::sleep(4);
  heard_.commit_waiting();
  ASSERT_TRUE(heard_.wait_for_line("over"));
  EXPECT_LT(heard_.lines().size(), 60'000U);
  const std::string log = fmt::format("{}/state/tasks/{}/0/log", base, id_of(task));
  struct stat status{};
  ASSERT_EQ(::stat(log.c_str(), &status), 0);
  EXPECT_GT(status.st_size, 8'000'000);
  EXPECT_LT(status.st_blocks * 512, 3'000'000);  // Lines that were read or lost take no disk space.
}

TEST_F(Containers, EndWithTheEngineWhenToldTo) {
  const json::object task =
      payload({container("trap 'echo bye; exit 0' TERM; echo ready; "
                         "while true; do sleep 0.1; done")});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("ready"));
  driver_->end_tasks();
  EXPECT_EQ(heard_.end().at("Error").at("StopCode"), "TerminationNotice");
  EXPECT_THAT(heard_.lines(), ElementsAre("ready", "bye"));
  expect_nothing_left(task);
}

TEST_F(Containers, EndWithTheEngineThoughTheyWereAskedToEndBefore) {
  json::object plan = container("trap '' TERM; echo ready; while true; do sleep 0.1; done");
  plan["StopTimeout"] = 100;
  const json::object task = payload({std::move(plan)});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("ready"));
  driver_->stop(to_string(task.at("TaskArn").as_string()));
  driver_->end_tasks();
  EXPECT_EQ(only_container(heard_.end()).at("ExitCode"), 137);
  expect_nothing_left(task);
}

TEST_F(Containers, HaveLogsThatEndSomewhereWhenNobodyReadsThem) {
  const json::object task = payload({container("echo ready; sleep 1; echo more; sleep 100")});
  driver_->run(task, heard_.report());
  ASSERT_TRUE(heard_.wait_for_line("ready"));
  const std::string directory = fmt::format("{}/state/tasks/{}/0", base, id_of(task));
  const auto limit = [&] {
    const std::string words = read_file("/proc/" + read_file(directory + "/monitor") + "/limits");
    const std::string line = words.substr(words.find("Max file size"));
    return std::strtoull(line.c_str() + line.find_first_of("0123456789"), nullptr, 10);
  };
  const auto first = limit();
  EXPECT_GE(first, 256U << 20);
  EXPECT_LT(first, 300U << 20);
  ASSERT_TRUE(heard_.wait_for_line("more"));
  for (int i = 0; i < 200 && limit() == first; ++i) ::usleep(10'000);
  EXPECT_GT(limit(), first);  // The limit moves with the lines read.
}

TEST_F(Containers, SweepsWhatNobodyAsksForAgain) {
  driver_.reset();
  bridge_.reset();
  const json::object task = payload({container("echo begun; sleep 100")});
  const pid_t child = ::fork();
  if (child == 0) {
    auto bridge = Bridge::create(4566);
    auto driver = Driver::create({.directory = base + "/state"}, **bridge, *blobs);
    Heard heard;
    (*driver)->run(task, heard.report());
    if (heard.wait_for_line("begun")) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(fs::exists("/run/netns/kiban-" + id_of(task)));
  begin();
  driver_->sweep();
  expect_nothing_left(task);
}

TEST_F(Containers, TwoEnginesDoNotShareABridge) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(Bridge::create(4566) ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const auto second = Bridge::create(4566);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().name, "BridgeTaken");
  EXPECT_THAT(second.error().cause, HasSubstr(std::to_string(::getpid())));
}

}  // namespace
}  // namespace kiban::containers
