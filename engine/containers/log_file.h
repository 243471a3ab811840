// The log that conmon writes (k8s-file): "2026-11-24T02:55:09.140985959+00:00 stdout F text".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kiban::containers {

struct LogLine {
  std::int64_t timestamp{0};  // Milliseconds since 1970.
  std::string message{};
  // Where the line ended in the file. Grows from line to line, and is the same whenever the file is
  // read again.
  std::uint64_t position{0};
  bool operator==(const LogLine&) const = default;
};

// Splits the file's content into lines, piece by piece.
class LogParser {
 public:
  // The first piece begins at this offset, which an earlier resume() returned.
  explicit LogParser(std::uint64_t offset = 0) : offset_(offset) {}

  // Whole lines; partial ones ("P") are joined with what follows on the same stream. Empty lines
  // are dropped, as CloudWatch Logs takes no empty message.
  std::vector<LogLine> feed(std::string_view bytes);
  // The remaining lines of a complete file.
  std::vector<LogLine> finish();

  std::uint64_t offset() const { return offset_ + rest_.size(); }  // Of the next piece.
  // From where a later parser must begin to see all lines that this one has not given out.
  std::uint64_t resume() const;

 private:
  struct Open {
    std::uint64_t begin{0};
    LogLine line{};
  };
  void take(std::string_view line, std::vector<LogLine>& lines);

  std::uint64_t offset_;                             // Of `rest_`.
  std::string rest_{};                               // Of a line without its end.
  std::map<std::string, Open, std::less<>> open_{};  // By stream.
};

}  // namespace kiban::containers
