#include "runtime/task_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace kiban::runtime {
namespace {

namespace fs = std::filesystem;

TEST(TaskLog, NotesWhatWasReportedAndKeepsWhatWasNot) {
  const fs::path directory = fs::temp_directory_path() / fmt::format("kiban-log-{}", ::getpid());
  fs::create_directories(directory);
  std::ofstream{directory / "log"} << "reported\nnot yet\n";
  release_log(directory, 9);
  std::string offset;
  std::ifstream{directory / "offset"} >> offset;
  EXPECT_EQ(offset, "9");
  std::ifstream log{directory / "log"};
  const std::string content{std::istreambuf_iterator<char>{log}, {}};
  ASSERT_EQ(content.size(), 17U);  // Offsets stay what they are.
  EXPECT_EQ(content.substr(9), "not yet\n");
  fs::remove_all(directory);
}

TEST(TaskLog, ReleasesNothingThatCannotBeNoted) { release_log("/nonexistent/kiban", 9); }

}  // namespace
}  // namespace kiban::runtime
