#include "lambda/log_lines.h"

#include <algorithm>

#include "core/utf8.h"

namespace kiban::lambda {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

LogEvent make_event(std::string_view line, std::int64_t now) {
  std::string message{line};
  while (!message.empty() && message.back() == '\r') message.pop_back();
  std::ranges::replace(message, '\r', '\n');
  return {.timestamp = now, .message = to_utf8(message)};
}

// Where a line that is too long is cut: before a character.
std::size_t cut_of(std::string_view line) {
  std::size_t cut = event_bytes_max;
  while (cut > event_bytes_max - 4 && continues_character(line[cut])) --cut;
  return cut;
}

}  // namespace

std::vector<LogEvent> LogLines::feed(std::string_view bytes, std::int64_t now) {
  std::vector<LogEvent> events;
  rest_.append(bytes);
  std::string_view left = rest_;
  for (;;) {
    const std::size_t end = left.find('\n');
    std::size_t length = end == std::string_view::npos ? left.size() : end;
    const bool cut = length > event_bytes_max;
    if (cut) length = cut_of(left);
    if (end == std::string_view::npos && !cut) break;
    LogEvent event = make_event(left.substr(0, length), now);
    if (!event.message.empty()) events.push_back(std::move(event));
    left.remove_prefix(cut ? length : length + 1);
  }
  rest_ = std::string(left);
  return events;
}

std::vector<LogEvent> LogLines::finish(std::int64_t now) {
  std::vector<LogEvent> events;
  LogEvent event = make_event(rest_, now);
  if (!event.message.empty()) events.push_back(std::move(event));
  rest_.clear();
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
