#include "lambda/log_lines.h"

#include <algorithm>
#include <utility>

#include "core/utf8.h"

namespace kiban::lambda {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

constexpr std::string_view frame_mark{"\xA5\x5A\0", 3};
constexpr std::size_t frame_header_bytes = 16;
constexpr std::uint64_t frame_bytes_max = std::uint64_t{8} << 20;  // Longer texts are not frames.

// Where a line that is too long is cut: before a character.
std::size_t cut_of(std::string_view line) {
  std::size_t cut = event_bytes_max;
  while (cut > event_bytes_max - 4 && continues_character(line[cut])) --cut;
  return cut;
}

void add_events(std::string_view text, std::int64_t time, std::vector<LogEvent>& events) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  while (!text.empty()) {
    const std::size_t length = text.size() > event_bytes_max ? cut_of(text) : text.size();
    std::string message{text.substr(0, length)};
    std::ranges::replace(message, '\r', '\n');
    events.push_back({.timestamp = time, .message = to_utf8(message)});
    text.remove_prefix(length);
  }
}

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(at, size))
    value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

// Where a frame begins or may begin, when more comes.
std::size_t find_mark(std::string_view bytes) {
  const std::size_t whole = bytes.find(frame_mark);
  if (whole != std::string_view::npos) return whole;
  for (const std::size_t length : {2UL, 1UL})
    if (bytes.ends_with(frame_mark.substr(0, length))) return bytes.size() - length;
  return bytes.size();
}

}  // namespace

std::vector<LogEvent> LogLines::feed(std::string_view bytes, std::int64_t now) {
  std::vector<LogEvent> events;
  rest_.append(bytes);
  std::string_view left = rest_;
  for (;;) {
    const std::size_t mark = find_mark(left);
    take_text(left.substr(0, mark), now, events);
    left.remove_prefix(mark);
    if (left.size() < frame_header_bytes) break;
    const std::uint64_t length = number_at(left, 4, 4);
    if (length > frame_bytes_max) {
      take_text(left.substr(0, 1), now, events);
      left.remove_prefix(1);
      continue;
    }
    if (left.size() < frame_header_bytes + length) break;
    add_events(left.substr(frame_header_bytes, length),
               static_cast<std::int64_t>(number_at(left, 8, 8) / 1000), events);
    left.remove_prefix(frame_header_bytes + length);
  }
  rest_ = std::string(left);
  return events;
}

void LogLines::take_text(std::string_view text, std::int64_t now, std::vector<LogEvent>& events) {
  for (;;) {
    const std::size_t end = text.find('\n');
    line_.append(text.substr(0, end));
    if (end != std::string_view::npos || line_.size() > 2 * event_bytes_max) {
      add_events(line_, now, events);
      line_.clear();
    }
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::vector<LogEvent> LogLines::finish(std::int64_t now) {
  std::vector<LogEvent> events;
  line_.append(std::exchange(rest_, {}));
  add_events(std::exchange(line_, {}), now, events);
  return events;
}

std::string tail_of(const std::vector<LogEvent>& events) {
  std::string all;
  std::size_t first = events.size();
  for (std::size_t bytes = 0; first > 0 && bytes < tail_bytes_max;)
    bytes += events[--first].message.size() + 1;
  for (; first < events.size(); ++first) all += events[first].message + "\n";
  if (all.size() <= tail_bytes_max) return all;
  std::size_t begin = all.size() - tail_bytes_max;
  while (begin < all.size() && continues_character(all[begin])) ++begin;
  return all.substr(begin);
}

json::array json_of(const std::vector<LogEvent>& events) {
  json::array out;
  for (const LogEvent& event : events)
    out.push_back({{"Timestamp", event.timestamp}, {"Message", event.message}});
  return out;
}

}  // namespace kiban::lambda
