#include "containers/log_file.h"

#include <algorithm>

#include "core/time.h"
#include "runtime/task_log.h"

namespace kiban::containers {
namespace {

std::int64_t milliseconds(std::string_view time) {
  const auto parsed = parse_iso8601(time);
  return parsed ? parsed->time_since_epoch().count() : 0;
}

// The pieces of a long line have positions of their own, within it.
void emit(const LogLine& line, std::vector<LogLine>& lines) {
  std::size_t left =
      (line.message.size() + runtime::log_line_bytes_max - 1) / runtime::log_line_bytes_max;
  for (std::size_t at = 0; at < line.message.size(); at += runtime::log_line_bytes_max)
    lines.push_back({.timestamp = line.timestamp,
                     .message = line.message.substr(at, runtime::log_line_bytes_max),
                     .position = line.position - --left});
}

}  // namespace

std::vector<LogLine> LogParser::feed(std::string_view bytes) {
  std::vector<LogLine> lines;
  rest_ += bytes;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = rest_.substr(at, end - at);
    offset_ += line.size() + 1;
    take(line, lines);
  }
  rest_.erase(0, at);
  return lines;
}

void LogParser::take(std::string_view line, std::vector<LogLine>& lines) {
  const std::size_t time = line.find(' ');
  const std::size_t stream = time == line.npos ? line.npos : line.find(' ', time + 1);
  const std::size_t tag = stream == line.npos ? line.npos : line.find(' ', stream + 1);
  if (tag == line.npos) return;  // Not conmon's.
  const std::string_view name = line.substr(time + 1, stream - time - 1);
  auto open = open_.find(name);
  if (open == open_.end())
    open = open_
               .emplace(name, Open{.begin = offset_ - line.size() - 1,
                                   .line = {.timestamp = milliseconds(line.substr(0, time))}})
               .first;
  LogLine& whole = open->second.line;
  whole.message += line.substr(tag + 1);
  whole.position = offset_;
  if (line.substr(stream + 1, tag - stream - 1) == "P" &&
      whole.message.size() < runtime::log_line_bytes_max)
    return;
  emit(whole, lines);
  open_.erase(open);
}

std::vector<LogLine> LogParser::finish() {
  std::vector<LogLine> lines;
  std::uint64_t behind = offset_;
  for (auto& [stream, open] : open_) {
    open.line.position = ++behind;  // Later than the lines that overtook it.
    emit(open.line, lines);
  }
  open_.clear();
  return lines;
}

std::uint64_t LogParser::resume() const {
  std::uint64_t begin = offset_;
  for (const auto& [stream, open] : open_) begin = std::min(begin, open.begin);
  return begin;
}

}  // namespace kiban::containers
