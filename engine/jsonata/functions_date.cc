// docs.jsonata.org/date-time-functions, and $formatInteger, $parseInteger
#include "jsonata/dates.h"
#include "jsonata/functions.h"
#include "jsonata/integers.h"

namespace kiban::jsonata {
namespace {

Value failed(const Call& call, Error error) {
  call.run.error() = std::move(error);
  return Value::error();
}

double now_of(const Call& call) {
  return static_cast<double>(call.run.options.now.time_since_epoch().count());
}

Value print(const Call& call, double milliseconds, const Value& picture, const Value& zone) {
  auto printed = print_date(milliseconds, picture.is(Kind::String) ? picture.text() : iso_picture,
                            zone.is(Kind::String) ? zone.text() : std::string_view("0000"));
  if (!printed) return failed(call, printed.error());
  return call.run.text(std::move(*printed));
}

Value from_millis(const Call& call) {
  return call.has(0) ? print(call, call[0].number, call[1], call[2]) : Value();
}

Value now(const Call& call) { return print(call, now_of(call), call[0], call[1]); }

Value millis(const Call& call) { return Value::of(now_of(call)); }

Value to_millis(const Call& call) {
  if (!call.has(0)) return {};
  if (!call.has(1)) {
    const auto read = read_iso_date(call[0].text());
    return read ? Value::of(*read) : call.run.fail("D3110", 0, {}, call[0]);
  }
  const auto read = read_date(call[0].text(), call[1].text(), now_of(call));
  if (!read) return failed(call, read.error());
  return *read ? Value::of(**read) : Value();
}

Value format_integer(const Call& call) {
  if (!call.has(0)) return {};
  const auto format = parse_integer_format(call[1].is(Kind::String) ? call[1].text() : "");
  if (!format) return failed(call, format.error());
  auto printed = print_integer(call[0].number, *format);
  if (!printed) return failed(call, printed.error());
  return call.run.text(std::move(*printed));
}

Value parse_integer(const Call& call) {
  if (!call.has(0)) return {};
  const auto format = parse_integer_format(call[1].is(Kind::String) ? call[1].text() : "");
  if (!format) return failed(call, format.error());
  const auto read = read_integer(call[0].text(), *format);
  if (!read) return failed(call, read.error());
  return *read ? Value::of(**read) : Value();
}

}  // namespace

std::vector<Builtin> date_functions() {
  return {
      {"now", "<s?s?:s>", 2, now},
      {"millis", "<:n>", 0, millis},
      {"fromMillis", "<n-s?s?:s>", 3, from_millis},
      {"toMillis", "<s-s?:n>", 2, to_millis},
      {"formatInteger", "<n-s:s>", 2, format_integer},
      {"parseInteger", "<s-s:n>", 2, parse_integer},
  };
}

}  // namespace kiban::jsonata
