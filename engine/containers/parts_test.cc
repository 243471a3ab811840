// The parts that touch nothing: the log's format, the runtime configuration, manifests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containers/image.h"
#include "containers/log_file.h"
#include "containers/network.h"
#include "containers/runtime_config.h"

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
    return config_of({{"Cmd", {"x"}}}, {{"User", wanted}}).at("process").at("user");
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
