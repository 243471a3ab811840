#include "runtime/task_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace kiban::runtime {
namespace {

namespace fs = std::filesystem;

TEST(TaskLog, IsReadInBoundedPieces) {
  const fs::path log = fs::temp_directory_path() / fmt::format("kiban-lines-{}", ::getpid());
  std::ofstream{log} << "one\n\n" << std::string(3'000'000, 'x') << "\nlast";
  std::uint64_t offset = 0;
  std::vector<std::string> lines;
  for (int reads = 0; reads < 50; ++reads) {
    const auto piece = read_lines(log, offset, 1'000, Written::More);
    std::size_t bytes = 0;
    for (const WrittenLine& line : piece) {
      bytes += line.text.size();
      EXPECT_LE(line.end, offset);
      lines.push_back(line.text);
    }
    EXPECT_LE(bytes, 1'000 + log_line_bytes_max);
    if (piece.empty()) break;
  }
  ASSERT_EQ(lines.size(), 13U);  // 3,000,000 bytes are 12 events.
  EXPECT_EQ(lines.front(), "one");
  EXPECT_EQ(lines[1].size(), log_line_bytes_max);
  const auto rest = read_lines(log, offset, 1'000, Written::All);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].text, "last");
  EXPECT_EQ(offset, fs::file_size(log));
  fs::remove(log);
}

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
  ASSERT_EQ(content.size(), 17U);  // Offsets do not change.
  EXPECT_EQ(content.substr(9), "not yet\n");
  fs::remove_all(directory);
}

TEST(TaskLog, ReleasesNothingThatCannotBeNoted) { release_log("/nonexistent/kiban", 9); }

}  // namespace
}  // namespace kiban::runtime
