// Makes log events of what a function writes to its standard output and error. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace kiban::lambda {

struct LogEvent {
  std::int64_t timestamp{0};  // Milliseconds since 1970.
  std::string message{};
  bool operator==(const LogEvent&) const = default;
};

// CloudWatch takes 1 MiB for an event since 2025; a report to the kernel stays smaller.
constexpr std::size_t event_bytes_max = std::size_t{256} * 1024;
// What Invoke returns of an invocation's log: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
constexpr std::size_t tail_bytes_max = 4096;

class LogLines {
 public:
  // Whole lines, each an event; a longer one than event_bytes_max is cut into several. A carriage
  // return inside a line becomes a line feed: runtimes write several lines of one event so. Bytes
  // that are not UTF-8 become U+FFFD; empty lines are dropped, as CloudWatch takes none.
  //
  // Frames of AWS's runtime clients among them are events too, with all their lines and a time of
  // their own: type (A5 5A 00 and a byte for level and format), length (4 bytes), microseconds
  // since 1970 (8 bytes), message; numbers with the highest byte first.
  // https://github.com/aws/aws-lambda-python-runtime-interface-client (FramedTelemetryLogSink)
  std::vector<LogEvent> feed(std::string_view bytes, std::int64_t now);
  // The remaining text without a line end.
  std::vector<LogEvent> finish(std::int64_t now);

 private:
  void take_text(std::string_view text, std::int64_t now, std::vector<LogEvent>& events);

  std::string rest_{};  // Not read yet: the begin of a frame.
  std::string line_{};  // Without an end.
};

// The last tail_bytes_max bytes of the events' lines, cut at a character.
std::string tail_of(const std::vector<LogEvent>& events);
// As outcomes carry them: [{"Timestamp", "Message"}].
json::array json_of(const std::vector<LogEvent>& events);

}  // namespace kiban::lambda
