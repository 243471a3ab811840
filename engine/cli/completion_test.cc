#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace kiban::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Words offered for the last of `words`, without their help.
std::vector<std::string> offered(const std::vector<std::string>& words) {
  CLI::App app{"", "kiban"};
  std::string text;
  std::vector<std::string> texts;
  bool flag = false;
  CLI::App* serve = app.add_subcommand("serve", "Serve");
  serve->add_option("--auth", text, "How")->check(CLI::IsMember({"sigv4", "any"}));
  serve->add_option("--data", text, "Where");
  serve->add_flag("--ephemeral", flag, "Keep nothing");
  CLI::App* start = app.add_subcommand("start", "Start\nand more");
  start->add_option("STATE_MACHINE", text, "Name");
  start->add_option("--data", text, "Where");
  CLI::App* asl = app.add_subcommand("asl", "Definitions");
  asl->add_subcommand("validate", "Say")->add_option("FILE", texts, "Files");
  app.add_subcommand("__complete", "")->group("");
  const auto find = [](Names names, const ClientOptions& options) -> std::vector<std::string> {
    if (names != Names::StateMachines || options.data == "/gone") return {};
    return {"nightly", "noon", "weekly"};
  };
  std::vector<std::string> found = complete(app, words, find);
  for (std::string& each : found) each.resize(std::min(each.find('\t'), each.size()));
  return found;
}

TEST(Completion, OffersCommands) {
  EXPECT_THAT(offered({""}), ElementsAre("serve", "start", "asl"));
  EXPECT_THAT(offered({"st"}), ElementsAre("start"));
  EXPECT_THAT(offered({"asl", "v"}), ElementsAre("validate"));
}

TEST(Completion, OffersOptionsThatWereNotGiven) {
  EXPECT_THAT(offered({"serve", "--"}), ElementsAre("--help", "--auth", "--data", "--ephemeral"));
  EXPECT_THAT(offered({"serve", "--ephemeral", "--auth", "any", "--"}),
              ElementsAre("--help", "--data"));
  EXPECT_THAT(offered({"serve", "--e"}), ElementsAre("--ephemeral"));
}

TEST(Completion, OffersValues) {
  EXPECT_THAT(offered({"serve", "--auth", ""}), ElementsAre("sigv4", "any"));
  EXPECT_THAT(offered({"serve", "--auth", "=", "a"}), ElementsAre("any"));
  EXPECT_THAT(offered({"serve", "--data", ""}), ElementsAre(":directories"));
  EXPECT_THAT(offered({"asl", "validate", "one", "tw"}), ElementsAre(":files"));
}

TEST(Completion, OffersWhatTheServerKnows) {
  EXPECT_THAT(offered({"start", "n"}), ElementsAre("nightly", "noon"));
  EXPECT_THAT(offered({"start", "--data", "/gone", "n"}), IsEmpty());
  // The one argument was given: options are left.
  EXPECT_THAT(offered({"start", "noon", ""}), ElementsAre("--help", "--data"));
}

}  // namespace
}  // namespace kiban::cli
