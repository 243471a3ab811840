#include "schedule/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace kiban::schedule {
namespace {

// Our limit: about 27 years. AWS does not document its limit.
constexpr int rate_days_max = 9'999;

std::unexpected<Error> invalid(std::string cause) {
  return fail("InvalidSchedule", std::move(cause));
}

std::optional<int> digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = !text.empty() && text.front() != '-' && error == std::errc{} &&
                     end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

Result<Rate> parse_rate(std::string_view inside, Dialect dialect) {
  const auto space = inside.find(' ');
  const auto value = digits(inside.substr(0, space));
  if (!value || *value < 1 || space == std::string_view::npos) {
    return invalid("a rate is a positive number and a unit, as in rate(5 minutes)");
  }
  auto unit = inside.substr(space + 1);
  const bool plural = unit.ends_with('s');
  if (plural) unit.remove_suffix(1);
  Duration one{};
  if (unit == "minute") one = std::chrono::minutes(1);
  if (unit == "hour") one = std::chrono::hours(1);
  if (unit == "day") one = std::chrono::hours(24);
  if (one == Duration{}) return invalid("the unit is minute(s), hour(s) or day(s)");
  if (dialect == Dialect::Rule && plural == (*value == 1)) {
    return invalid(fmt::format("write {} {}{}", *value, unit, *value == 1 ? "" : "s"));
  }
  const auto period = one * *value;
  if (period > std::chrono::hours(24) * rate_days_max) {
    return invalid(fmt::format("the rate is longer than {} days", rate_days_max));
  }
  return Rate{.period = period};
}

Result<At> parse_at(std::string_view inside) {
  static constexpr std::string_view form = "0000-00-00T00:00:00";
  const auto fits = [](char given, char wanted) {
    return wanted == '0' ? given >= '0' && given <= '9' : given == wanted;
  };
  if (inside.size() != form.size() ||
      !std::equal(inside.begin(), inside.end(), form.begin(), fits)) {
    return invalid("write at(yyyy-mm-ddThh:mm:ss), without an offset");
  }
  const auto part = [inside](std::size_t from, std::size_t length) {
    return digits(inside.substr(from, length)).value_or(0);
  };
  const absl::CivilSecond time(part(0, 4), part(5, 2), part(8, 2), part(11, 2), part(14, 2),
                               part(17, 2));
  // Civil time normalises the 31st of June to the 1st of July.
  if (fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", time.year(), time.month(), time.day(),
                  time.hour(), time.minute(), time.second()) != inside) {
    return invalid("there is no such date or time");
  }
  return At{.time = time};
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text, Dialect dialect) {
  const auto refuse = [&](std::string_view reason) {
    return fail("ValidationException",
                dialect == Dialect::Rule
                    ? fmt::format("Parameter ScheduleExpression is not valid. Reason: {}", reason)
                    : fmt::format("Invalid Schedule Expression {}. Reason: {}", text, reason));
  };
  const auto open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) {
    return refuse("write rate(5 minutes) or cron(0 17 * * ? *)");
  }
  const auto word = text.substr(0, open);
  const auto inside = text.substr(open + 1, text.size() - open - 2);
  Expression expression;
  const auto take = [&](auto parsed) -> Result<Expression> {
    if (!parsed) return refuse(parsed.error().cause);
    expression.schedule_ = *std::move(parsed);
    return expression;
  };
  if (word == "rate") return take(parse_rate(inside, dialect));
  if (word == "cron") return take(Cron::parse(inside));
  if (word == "at" && dialect == Dialect::Scheduler) return take(parse_at(inside));
  return refuse(fmt::format("'{}' is neither rate nor cron{}", word,
                            dialect == Dialect::Scheduler ? " nor at" : ""));
}

std::optional<Timestamp> Expression::next(Timestamp after, const Zone& zone,
                                          Timestamp anchor) const {
  if (const auto* cron = std::get_if<Cron>(&schedule_)) return cron->next(after, zone);
  if (const auto* at = std::get_if<At>(&schedule_)) {
    const auto info = zone.absl_zone().At(at->time);
    const bool skipped = info.kind == absl::TimeZone::TimeInfo::SKIPPED;
    const Timestamp time(Duration(absl::ToUnixMillis(skipped ? info.trans : info.pre)));
    return time > after ? std::optional(time) : std::nullopt;
  }
  const auto period = std::get<Rate>(schedule_).period;
  if (after < anchor) return anchor + period;
  return anchor + period * ((after - anchor) / period + 1);
}

std::vector<Timestamp> Expression::next_few(Timestamp after, const Zone& zone, Timestamp anchor,
                                            std::size_t count) const {
  std::vector<Timestamp> times;
  while (times.size() < count) {
    const auto time = next(times.empty() ? after : times.back(), zone, anchor);
    if (!time) break;
    times.push_back(*time);
  }
  return times;
}

}  // namespace kiban::schedule
