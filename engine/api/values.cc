#include "api/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "api/codec.h"
#include "core/time.h"

namespace kiban::api {
namespace {

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed",
                                                      "Thu", "Fri", "Sat"};

std::unexpected<Error> bad(std::string_view what, std::string_view text) {
  return fail("SerializationException", fmt::format("'{}' is not {}", text, what));
}

template <typename T>
bool read_all(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

// Tue, 24 Nov 2026 02:55:09 GMT (RFC 7231's IMF-fixdate); the week day is not looked at.
Result<json::value> read_rfc822(std::string_view text) {
  int day = 0;
  int year = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::size_t month = months.size();
  if (text.size() == 29 && text[3] == ',' && text.ends_with(" GMT")) {
    for (std::size_t i = 0; i < months.size(); ++i) {
      if (text.substr(8, 3) == months[i]) month = i;
    }
  }
  if (month == months.size() || !read_all(text.substr(5, 2), day) ||
      !read_all(text.substr(12, 4), year) || !read_all(text.substr(17, 2), hour) ||
      !read_all(text.substr(20, 2), minute) || !read_all(text.substr(23, 2), second)) {
    return bad("a date such as 'Tue, 24 Nov 2026 02:55:09 GMT'", text);
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month + 1)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return bad("a date that exists", text);
  const Timestamp time = std::chrono::sys_days{date} + std::chrono::hours{hour} +
                         std::chrono::minutes{minute} + std::chrono::seconds{second};
  return json::value(epoch_seconds(time));
}

std::string print_rfc822(Timestamp time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - days)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     weekdays[std::chrono::weekday{days}.c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<json::value> read_double(std::string_view text) {
  if (text == "NaN") return json::value(std::nan(""));
  if (text == "Infinity") return json::value(HUGE_VAL);
  if (text == "-Infinity") return json::value(-HUGE_VAL);
  double number = 0;
  if (!read_all(text, number)) return bad("a number", text);
  return json::value(number);
}

std::string print_number(const json::value& value) {
  if (!value.is_double()) return print_json(value);
  const double number = value.get_double();
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return print_json(value);
}

}  // namespace

double number_of(const json::value& value) {
  if (value.is_double()) return value.get_double();
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  return 0;
}

TimestampFormat timestamp_format(const Service& service, const Member& member,
                                 TimestampFormat fallback) {
  if (member.timestamp_format != TimestampFormat::Default) return member.timestamp_format;
  const TimestampFormat of_shape = service.shape(member).timestamp_format;
  return of_shape != TimestampFormat::Default ? of_shape : fallback;
}

Result<json::value> read_timestamp(std::string_view text, TimestampFormat format) {
  if (format == TimestampFormat::Rfc822) return read_rfc822(text);
  double seconds = 0;
  if (format == TimestampFormat::Epoch) {
    if (!read_all(text, seconds)) return bad("a number of seconds since 1970", text);
    return json::value(seconds);
  }
  const auto time = parse_iso8601(text);
  if (time) return json::value(epoch_seconds(*time));
  // A date alone is midnight, and query services take seconds since 1970 too.
  const auto midnight = parse_iso8601(fmt::format("{}T00:00:00Z", text));
  if (midnight) return json::value(epoch_seconds(*midnight));
  if (read_all(text, seconds)) return json::value(seconds);
  return bad("a timestamp such as 2026-11-24T02:00:00Z", text);
}

std::string print_timestamp(double seconds, TimestampFormat format) {
  const Timestamp time = from_epoch_seconds(seconds);
  if (format == TimestampFormat::Rfc822) return print_rfc822(time);
  if (format == TimestampFormat::Epoch) return print_json(json::value(seconds));
  return format_iso8601(time);
}

Result<json::value> read_scalar(const Service& service, const Member& member, std::string_view text,
                                TimestampFormat fallback) {
  switch (service.shape(member).kind) {
    case Kind::Integer:
    case Kind::Long: {
      std::int64_t number = 0;
      if (!read_all(text, number)) return bad("an integer", text);
      return json::value(number);
    }
    case Kind::Float:
    case Kind::Double:
      return read_double(text);
    case Kind::Boolean:
      if (text == "true" || text == "True" || text == "1") return json::value(true);
      if (text == "false" || text == "False" || text == "0") return json::value(false);
      return bad("true or false", text);
    case Kind::Timestamp:
      return read_timestamp(text, timestamp_format(service, member, fallback));
    case Kind::Blob:
      if (!decode_base64(text)) return bad("base64", text);
      return json::value(text);
    default:
      return json::value(text);
  }
}

std::string print_scalar(const Service& service, const Member& member, const json::value& value,
                         TimestampFormat fallback) {
  if (service.shape(member).kind == Kind::Timestamp && value.is_number()) {
    return print_timestamp(number_of(value), timestamp_format(service, member, fallback));
  }
  if (value.is_string()) return to_string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  return print_number(value);
}

// Carriage returns must be references, or a reader takes them for line ends. What XML 1.0 cannot
// hold at all (other control characters) AWS writes as a reference too, and clients accept it.
std::string escape_xml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
          out += fmt::format("&#x{:X};", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out;
}

}  // namespace kiban::api
