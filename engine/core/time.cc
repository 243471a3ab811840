#include "core/time.h"

#include <fmt/format.h>

#include <cmath>

namespace kiban {
namespace {

// Reads exactly `digits` decimal digits at `text[at]`; -1 when there are none.
int read_digits(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::unexpected<Error> bad_time(std::string_view text) {
  return fail("ValidationException",
              fmt::format("'{}' is not an RFC 3339 time such as 2026-11-24T02:00:00Z", text));
}

}  // namespace

std::string format_iso8601(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<Timestamp> parse_iso8601(std::string_view text) {
  const int year = read_digits(text, 0, 4);
  const int month = read_digits(text, 5, 2);
  const int day = read_digits(text, 8, 2);
  const int hour = read_digits(text, 11, 2);
  const int minute = read_digits(text, 14, 2);
  const int second = read_digits(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0 || text[4] != '-' ||
      text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':') {
    return bad_time(text);
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return bad_time(text);
  Timestamp result = std::chrono::sys_days{date} + std::chrono::hours{hour} +
                     std::chrono::minutes{minute} + std::chrono::seconds{second};
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    int scale = 100;
    std::size_t digits = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
      result += std::chrono::milliseconds{(text[at] - '0') * scale};
      scale /= 10;
    }
    if (digits == 0) return bad_time(text);
  }
  const std::string_view zone = text.substr(at);
  if (zone == "Z" || zone == "z") return result;
  const int zone_hours = read_digits(zone, 1, 2);
  const int zone_minutes = read_digits(zone, 4, 2);
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || zone_hours < 0 ||
      zone_hours > 23 || zone_minutes < 0 || zone_minutes > 59) {
    return bad_time(text);
  }
  const auto offset = std::chrono::hours{zone_hours} + std::chrono::minutes{zone_minutes};
  return zone[0] == '+' ? result - offset : result + offset;
}

double epoch_seconds(Timestamp time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1000.0;
}

Timestamp from_epoch_seconds(double seconds) {
  return Timestamp{std::chrono::milliseconds{std::llround(seconds * 1000.0)}};
}

}  // namespace kiban
