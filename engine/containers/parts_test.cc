// The parts that need no container: the log's format, the runtime configuration, manifests, files.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "containers/image.h"
#include "containers/image_file.h"
#include "containers/log_file.h"
#include "containers/network.h"
#include "containers/program.h"
#include "containers/runtime_config.h"
#include "containers/seccomp.h"
#include "containers/user_namespace.h"

namespace kiban::containers {
namespace {

using testing::ElementsAre;

std::vector<std::string> messages(const std::vector<LogLine>& lines) {
  std::vector<std::string> out;
  out.reserve(lines.size());
  for (const LogLine& line : lines) out.push_back(line.message);
  return out;
}

TEST(LogParser, JoinsPartialLinesOfEachStream) {
  LogParser parser;
  const std::string text =
      "2026-11-24T02:55:09.140985959+00:00 stdout P par\n"
      "2026-11-24T02:55:09.240985959+00:00 stderr F other\n"
      "2026-11-24T02:55:09.340985959+00:00 stdout F tial\n"
      "2026-11-24T02:55:09.440985959+00:00 stdout F \n"
      "2026-11-24T02:55:10.000000000+00:00 stdout P left";
  const std::vector<LogLine> lines = parser.feed(text);
  EXPECT_THAT(messages(lines), ElementsAre("other", "partial"));
  EXPECT_EQ(lines[1].timestamp, 1'795'488'909'140);
  EXPECT_LT(lines[0].position, lines[1].position);
  EXPECT_EQ(parser.offset(), text.size());
  EXPECT_THAT(messages(parser.feed("over\n")), ElementsAre());
  EXPECT_THAT(messages(parser.finish()), ElementsAre("leftover"));
}

TEST(LogParser, GivesTheSamePositionsHoweverItIsCut) {
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += "2026-11-24T02:55:09.140985959+00:00 " + std::string(i % 3 == 0 ? "stderr" : "stdout") +
            (i % 4 == 1 ? " P " : " F ") + std::to_string(i) + "\n";
  LogParser whole;
  std::vector<LogLine> expected = whole.feed(text);
  const std::vector<LogLine> rest = whole.finish();
  expected.insert(expected.end(), rest.begin(), rest.end());
  for (std::size_t cut = 0; cut <= text.size(); cut += 7) {
    LogParser first;
    std::vector<LogLine> found = first.feed(std::string_view(text).substr(0, cut));
    const std::uint64_t known = found.empty() ? 0 : found.back().position;
    LogParser second{first.resume()};  // After a restart: some lines come again.
    std::vector<LogLine> again = second.feed(std::string_view(text).substr(first.resume()));
    const std::vector<LogLine> tail = second.finish();
    again.insert(again.end(), tail.begin(), tail.end());
    for (const LogLine& line : again)
      if (line.position > known) found.push_back(line);
    EXPECT_EQ(found, expected) << "cut at " << cut;
  }
}

json::object config_of(const json::object& image, const json::object& container) {
  const auto config =
      runtime_config(image, container,
                     {.passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
                      .group = "root:x:0:\napp:x:1001:\nmore:x:7:app\n",
                      .hostname = "h",
                      .environment = {{"A", "engine"}, {"B", "engine"}}});
  EXPECT_TRUE(config) << config.error().cause;
  return config.value_or(json::object{});
}

TEST(RuntimeConfig, ComposesTheCommandAsEcsDoes) {
  const json::object image{{"Entrypoint", {"entry"}}, {"Cmd", {"cmd"}}};
  const auto args = [&](const json::object& container) {
    return config_of(image, container).at("process").at("args");
  };
  EXPECT_EQ(args({}), json::value({"entry", "cmd"}));
  EXPECT_EQ(args({{"Command", {"own"}}}), json::value({"entry", "own"}));
  EXPECT_EQ(args({{"EntryPoint", {"own"}}}), json::value(json::array{"own"}));
  EXPECT_EQ(args({{"EntryPoint", {"own"}}, {"Command", {"x"}}}), json::value({"own", "x"}));
}

TEST(RuntimeConfig, ResolvesUsersByNameAndNumber) {
  const auto user = [](const char* wanted) {
    json::object found =
        config_of({{"Cmd", {"x"}}}, {{"User", wanted}}).at("process").at("user").as_object();
    EXPECT_EQ(found.at("umask"), 0022);
    found.erase("umask");
    return json::value(std::move(found));
  };
  EXPECT_EQ(user(""), json::value({{"uid", 0}, {"gid", 0}}));
  EXPECT_EQ(user("app"), json::value({{"uid", 1000}, {"gid", 1001}, {"additionalGids", {7}}}));
  EXPECT_EQ(user("1000"), json::value({{"uid", 1000}, {"gid", 1001}, {"additionalGids", {7}}}));
  EXPECT_EQ(user("5:more"), json::value({{"uid", 5}, {"gid", 7}}));
  const auto unknown = runtime_config({{"Cmd", {"x"}}}, {{"User", "who"}}, {});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().cause, testing::HasSubstr("who"));
}

TEST(RuntimeConfig, LetsTheNearestSettingWin) {
  const auto env = config_of({{"Cmd", {"x"}}, {"Env", {"A=image", "C=image"}}},
                             {{"Environment", {{"B", "definition"}}}})
                       .at("process")
                       .at("env");
  const auto has = [&](const char* pair) {
    return std::ranges::find(env.as_array(), json::value(pair)) != env.as_array().end();
  };
  EXPECT_TRUE(has("A=engine") && has("B=definition") && has("C=image")) << env;
}

TEST(RuntimeConfig, BoundsMemoryAndFiles) {
  const auto config = [](json::object container) {
    container["Command"] = json::array{"x"};
    return config_of({}, container);
  };
  const auto limits = [&](json::object container) {
    return config(std::move(container)).at("linux").at("resources").as_object();
  };
  EXPECT_EQ(limits({{"Memory", 128}}).at("memory").at("limit"), 128 * 1024 * 1024);
  EXPECT_EQ(limits({{"Cpu", 256}}).at("cpu").at("shares"), 256);
  EXPECT_FALSE(limits({}).contains("memory"));
  const json::array files{{{"name", "nofile"}, {"softLimit", 64}, {"hardLimit", 128}}};
  EXPECT_EQ(config({{"Ulimits", files}}).at("process").at("rlimits"),
            json::value(json::array{{{"type", "RLIMIT_NOFILE"}, {"soft", 64}, {"hard", 128}}}));
}

std::vector<std::string> bounding(const json::object& container) {
  json::object all = container;
  all["Command"] = json::array{"x"};
  const json::object config = config_of({}, all);
  return json::value_to<std::vector<std::string>>(
      config.at("process").at("capabilities").at("bounding"));
}

TEST(RuntimeConfig, GivesNoMoreCapabilitiesThanAskedFor) {
  using testing::Contains;
  using testing::Not;
  EXPECT_THAT(bounding({}), Not(Contains("CAP_NET_RAW")));
  EXPECT_THAT(bounding({}), Contains("CAP_CHOWN"));
  const auto with = [](const json::object& change) {
    return bounding({{"LinuxParameters", {{"capabilities", change}}}});
  };
  EXPECT_THAT(with({{"add", {"NET_RAW"}}}), Contains("CAP_NET_RAW"));
  EXPECT_THAT(with({{"drop", {"CHOWN"}}}), Not(Contains("CAP_CHOWN")));
  EXPECT_THAT(with({{"drop", {"ALL"}}, {"add", {"SYS_PTRACE"}}}),
              testing::ElementsAre("CAP_SYS_PTRACE"));
}

TEST(RuntimeConfig, ClosesTheWaysToMorePrivileges) {
  const json::object config = config_of({{"Cmd", {"x"}}}, {});
  EXPECT_EQ(config.at("process").at("noNewPrivileges"), true);
  bool cgroup = false;
  for (const json::value& one : config.at("linux").at("namespaces").as_array())
    cgroup = cgroup || one.at("type") == "cgroup";
  EXPECT_TRUE(cgroup);
  // Backing files of loop devices.
  EXPECT_THAT(print_json(config.at("linux").at("maskedPaths")),
              testing::HasSubstr("/sys/devices/virtual/block"));
}

TEST(RuntimeConfig, PutsAnInitBeforeTheCommand) {
  const json::object container{{"Command", {"x"}},
                               {"LinuxParameters", {{"initProcessEnabled", true}}}};
  const auto config = runtime_config({}, container, {.init = {.source = "/usr/bin/tini-static"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->at("process").at("args"), json::value({"/dev/init", "--", "x"}));
  const auto without = runtime_config({}, container, {});
  ASSERT_FALSE(without);
  EXPECT_THAT(without.error().cause, testing::HasSubstr("tini"));
}

TEST(RuntimeConfig, JoinsAUserNamespaceAndKeepsTheFlagsOfReadOnlyMounts) {
  Surroundings surroundings{
      .user_namespace = UserNamespace{.path = "/proc/7/fd/8", .first_id = 1'912'602'624},
      .init = {.source = "/sbin/init", .flags = {"nodev"}},
      .mounts = {{.source = "/a", .destination = "/b", .read_only = true, .flags = {"nosuid"}},
                 {.source = "/c", .destination = "/d", .flags = {"nosuid"}}}};
  const json::object with_init{{"Command", {"x"}},
                               {"LinuxParameters", {{"initProcessEnabled", true}}}};
  const auto config = runtime_config({}, with_init, surroundings);
  ASSERT_TRUE(config) << config.error().cause;
  const json::object& settings = config->at("linux").as_object();
  EXPECT_EQ(settings.at("namespaces").as_array().back(),
            json::value({{"type", "user"}, {"path", "/proc/7/fd/8"}}));
  const json::value mapping =
      json::array{json::object{{"containerID", 0}, {"hostID", 1'912'602'624}, {"size", 65'536}}};
  EXPECT_EQ(settings.at("uidMappings"), mapping);
  EXPECT_EQ(settings.at("gidMappings"), mapping);
  std::map<std::string, json::value> options;
  for (const json::value& mount : config->at("mounts").as_array())
    if (const json::value* found = find(mount.as_object(), "options"))
      options[text(mount.as_object(), "destination")] = *found;
  EXPECT_EQ(options["/b"], json::value({"rbind", "rprivate", "ro", "nosuid"}));
  EXPECT_EQ(options["/d"], json::value({"rbind", "rprivate"}));
  EXPECT_EQ(options["/dev/init"], json::value({"bind", "nosuid", "ro", "nodev"}));
  const auto beyond = runtime_config({}, {{"Command", {"x"}}, {"User", "65536"}}, surroundings);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().name, "ClientException");
  surroundings.user_namespace.reset();
  EXPECT_TRUE(runtime_config({}, {{"Command", {"x"}}, {"User", "65536"}}, surroundings));
}

TEST(IdRanges, BelongToOneTaskUntilItEnds) {
  IdRanges ranges;
  const auto first = ranges.take("a");
  ASSERT_TRUE(first);
  EXPECT_EQ(*first % ids_per_task, 0);
  const auto second = ranges.take("a");  // Of another server, with the same id.
  ASSERT_TRUE(second);
  EXPECT_NE(*first, *second);
  ranges.release(*first);
  EXPECT_EQ(ranges.take("a"), first);
  ranges.release(*first);
  ranges.keep(*first);  // By a task that is adopted.
  EXPECT_NE(ranges.take("a"), first);
  int count = 2;
  while (ranges.take(std::to_string(count))) ++count;
  EXPECT_GT(count, 3000);
}

TEST(UserNamespace, OwnsTheNetworkThatIsMadeForIt) {
  if (::geteuid() != 0 || !user_namespaces_missing("/tmp").empty())
    GTEST_SKIP() << "no user namespaces here: " << user_namespaces_missing("/tmp");
  const auto network = make_owned_network(1'912'602'624);
  ASSERT_TRUE(network) << network.error().cause;
  EXPECT_TRUE(owner_of_network(fmt::format("/proc/self/fd/{}", network->number())));
  EXPECT_FALSE(owner_of_network("/proc/self/ns/net"));
  EXPECT_FALSE(owner_of_network("/proc/self/ns/none"));
  EXPECT_NE(user_namespaces_missing("/proc"), "");  // Knows no idmapped mounts.
}

// The profile's action for a call without conditions on arguments.
std::string action_of(const json::object& seccomp, std::string_view call) {
  for (const json::value& rule : seccomp.at("syscalls").as_array()) {
    const json::array& names = rule.at("names").as_array();
    if (std::ranges::find(names, json::value(call)) != names.end() &&
        !rule.as_object().contains("args"))
      return to_string(rule.at("action").as_string());
  }
  return to_string(seccomp.at("defaultAction").as_string());
}

TEST(Seccomp, AppliesTheRulesOfThisMachineAndItsCapabilities) {
  const auto profile = parse_json(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
    "syscalls": [
      {"names": ["read", "unshare", "keyctl", "clone", "clone3"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["s390_only"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
      {"names": ["kcmp"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_PTRACE"]}},
      {"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
       "excludes": {"caps": ["CAP_SYS_PTRACE"]}}]})");
  ASSERT_TRUE(profile);
  const auto plain = seccomp_config(profile->as_object(), {"CAP_CHOWN"});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->at("defaultErrnoRet"), 38);
  EXPECT_EQ(plain->at("architectures").as_array().size(), 1U);
  EXPECT_EQ(action_of(*plain, "read"), "SCMP_ACT_ALLOW");
  for (const auto* call : {"unshare", "keyctl", "clone3", "mount", "s390_only", "kcmp"})
    EXPECT_EQ(action_of(*plain, call), "SCMP_ACT_ERRNO") << call;
  const auto tracing = seccomp_config(profile->as_object(), {"CAP_SYS_PTRACE"});
  ASSERT_TRUE(tracing);
  EXPECT_EQ(action_of(*tracing, "kcmp"), "SCMP_ACT_ALLOW");
  EXPECT_FALSE(seccomp_config({}, {}));
  EXPECT_FALSE(load_seccomp_profile("/nowhere"));
}

TEST(ImageFile, IsReadInsideOfTheRoot) {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / fmt::format("kiban-image-{}", ::getpid());
  fs::create_directories(root / "etc");
  std::ofstream{root / "etc/shadow"} << "inside";
  const auto read = [&](const char* name) { return read_image_file(root, name); };
  fs::create_symlink("/etc/shadow", root / "etc/passwd");
  EXPECT_EQ(read("/etc/passwd").value_or("?"), "inside");
  fs::create_symlink("../../../../../etc/shadow", root / "etc/up");
  EXPECT_EQ(read("/etc/up").value_or("?"), "inside");
  fs::create_symlink("/etc/hostname", root / "etc/dangling");
  EXPECT_EQ(read("/etc/dangling").value_or("?"), "");
  EXPECT_EQ(read("/none").value_or("?"), "");
  ASSERT_EQ(::mkfifo((root / "etc/fifo").c_str(), 0600), 0);
  EXPECT_FALSE(read("/etc/fifo"));  // And does not block.
  EXPECT_FALSE(read("/etc"));
  if (::mknod((root / "etc/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)) == 0)
    EXPECT_FALSE(read("/etc/zero"));
  fs::create_symlink("/dev/zero", root / "etc/outside");
  EXPECT_EQ(read("/etc/outside").value_or("?"), "");
  fs::create_symlink("/etc/loop", root / "etc/loop");
  EXPECT_FALSE(read("/etc/loop"));
  std::ofstream{root / "etc/big"} << std::string((1 << 20) + 1, 'x');
  EXPECT_FALSE(read("/etc/big"));
  fs::remove_all(root);
}

TEST(Names, ArePartsOfPathsOnlyIfEcsAllowsThem) {
  for (const auto* good : {"a", "A-b_9", "hosts"}) EXPECT_TRUE(is_valid_name(good)) << good;
  for (const auto* bad : {"", ".", "..", "a/b", "../a", "a,b", "a:b", "a\\b", "a b", "\u00e9"})
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  EXPECT_TRUE(is_valid_name(std::string(255, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(256, 'a')));
}

TEST(Program, IsKilledWhenItsDeadlineIsOver) {
  const auto late = run_program({"/bin/sleep", "60"}, {}, std::chrono::seconds{1});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().name, "ProgramFailed");
}

TEST(Network, LeavesOutNameServersThatATaskCannotReach) {
  const std::string upstream = "nameserver 10.0.0.2\n";
  EXPECT_EQ(name_servers("search x\nnameserver 10.9.9.9\n", upstream),
            "search x\nnameserver 10.9.9.9\n");
  EXPECT_EQ(name_servers("nameserver 127.0.0.1\nnameserver 10.9.9.9\n", upstream),
            "nameserver 10.9.9.9\n");
  // systemd-resolved's own file has those behind its stub.
  EXPECT_EQ(name_servers("nameserver 127.0.0.53\nsearch x\n", upstream), upstream);
  EXPECT_EQ(name_servers("nameserver ::1\n", ""), "");
}

TEST(Manifest, TurnsDockersIntoOcis) {
  const auto good = oci_manifest(
      R"({"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"digest":"d"},
          "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip"}]})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->at("layers").as_array()[0].at("mediaType"),
            "application/vnd.oci.image.layer.v1.tar+gzip");
  for (const auto* bad : {"", "[]", "{}", R"({"manifests":[]})",
                          R"({"config":{},"layers":[{"mediaType":"application/octet-stream"}]})"}) {
    const auto refused = oci_manifest(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().name, "CannotPullContainerError");
  }
}

}  // namespace
}  // namespace kiban::containers
