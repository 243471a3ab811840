#include "schedule/cron.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include "core/letters.h"

namespace kiban::schedule {
namespace {

constexpr std::array<std::string_view, 12> month_names = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names = {"SUN", "MON", "TUE", "WED",
                                                           "THU", "FRI", "SAT"};

enum class Steps : std::uint8_t { No, Yes };

struct Field {
  std::string_view name{};
  int first{0};
  int last{0};
  std::span<const std::string_view> names{};
  Steps steps{Steps::Yes};
};

constexpr Field minutes_field{.name = "minutes", .first = 0, .last = 59};
constexpr Field hours_field{.name = "hours", .first = 0, .last = 23};
constexpr Field month_day_field{.name = "day-of-month", .first = 1, .last = 31};
constexpr Field month_field{.name = "month", .first = 1, .last = 12, .names = month_names};
constexpr Field weekday_field{
    .name = "day-of-week", .first = 1, .last = 7, .names = weekday_names, .steps = Steps::No};
constexpr Field year_field{.name = "year", .first = year_first, .last = year_last};

std::unexpected<Error> invalid(std::string cause) { return fail("InvalidCron", std::move(cause)); }

std::unexpected<Error> wrong(const Field& field, std::string_view text) {
  return invalid(fmt::format(
      "'{}' is no value of {}, which takes {} to {}{}{}", text, field.name, field.first, field.last,
      field.names.empty() ? std::string()
                          : fmt::format(" or {}-{}", field.names.front(), field.names.back()),
      field.steps == Steps::No ? " and no step" : ""));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int> plain_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && text.front() != '-' ? std::optional(value) : std::nullopt;
}

Result<int> number(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (same_letters(text, field.names[i])) return field.first + static_cast<int>(i);
  }
  const auto value = plain_number(text);
  if (!value || *value < field.first || *value > field.last) return wrong(field, text);
  return *value;
}

// One element of a list: *, 5, 5-9, and these with /step.
template <std::size_t size>
Result<void> add_element(const Field& field, std::string_view text, std::bitset<size>& set) {
  const auto slash = text.find('/');
  const auto range = text.substr(0, slash);
  int step = 1;
  int first = field.first;
  int last = field.last;
  if (slash != std::string_view::npos) {
    const auto value = plain_number(text.substr(slash + 1));
    if (field.steps == Steps::No || !value || *value < 1 || *value > field.last) {
      return wrong(field, text);
    }
    step = *value;
  }
  if (range != "*") {
    const auto dash = range.find('-');
    KIBAN_TRY(first, number(field, range.substr(0, dash)));
    if (dash != std::string_view::npos) {
      KIBAN_TRY(last, number(field, range.substr(dash + 1)));
    } else if (slash == std::string_view::npos) {
      last = first;
    }
  }
  if (first > last) {
    return invalid(fmt::format("'{}' of {} runs backwards; write two ranges", text, field.name));
  }
  for (int value = first; value <= last; value += step) set.set(static_cast<std::size_t>(value));
  return {};
}

template <std::size_t size>
Result<void> parse_set(const Field& field, std::string_view text, std::bitset<size>& set) {
  for (const auto element : split(text, ',')) {
    KIBAN_TRY_VOID(add_element(field, element, set));
  }
  return {};
}

int last_day_of_month(absl::CivilDay day) {
  return (absl::CivilDay(absl::CivilMonth(day) + 1) - 1).day();
}

int weekday_of(absl::CivilDay day) {  // 1 is Sunday.
  return (static_cast<int>(absl::GetWeekday(day)) + 1) % 7 + 1;
}

// The Monday to Friday nearest to that day, within its month.
int nearest_workday(absl::CivilDay day, int wanted) {
  const int last = last_day_of_month(day);
  if (wanted > last) return 0;
  const int weekday = weekday_of(absl::CivilDay(day.year(), day.month(), wanted));
  if (weekday == 7) return wanted > 1 ? wanted - 1 : wanted + 2;
  if (weekday == 1) return wanted < last ? wanted + 1 : wanted - 2;
  return wanted;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view fields) {
  std::vector<std::string_view> parts;
  for (const auto part : split(fields, ' ')) {
    if (!part.empty()) parts.push_back(part);
  }
  if (parts.size() != 6) {
    return invalid(
        fmt::format("it has {} fields and needs six: minutes hours day-of-month month "
                    "day-of-week year",
                    parts.size()));
  }
  Cron cron;
  KIBAN_TRY_VOID(parse_set(minutes_field, parts[0], cron.minutes_));
  KIBAN_TRY_VOID(parse_set(hours_field, parts[1], cron.hours_));
  KIBAN_TRY_VOID(parse_set(month_field, parts[3], cron.months_));
  KIBAN_TRY_VOID(parse_set(year_field, parts[5], cron.years_));
  if ((parts[2] == "?") == (parts[4] == "?")) {
    return invalid(
        "exactly one of day-of-month and day-of-week must be ?, the other says the days");
  }
  if (parts[2] != "?") KIBAN_TRY_VOID(cron.parse_month_day(parts[2]));
  if (parts[4] != "?") KIBAN_TRY_VOID(cron.parse_weekday(parts[4]));
  return cron;
}

Result<void> Cron::parse_month_day(std::string_view text) {
  if (same_letters(text, "L")) {
    month_day_ = Day::Last;
  } else if (same_letters(text, "LW")) {
    month_day_ = Day::LastWorkday;
  } else if (text.size() > 1 && (text.back() == 'W' || text.back() == 'w')) {
    KIBAN_TRY(number_, number(month_day_field, text.substr(0, text.size() - 1)));
    month_day_ = Day::NearestWorkday;
  } else {
    KIBAN_TRY_VOID(parse_set(month_day_field, text, month_days_));
    month_day_ = Day::Set;
  }
  return {};
}

Result<void> Cron::parse_weekday(std::string_view text) {
  const auto hash = text.find('#');
  if (same_letters(text, "L")) {  // Quartz: the last day of the week.
    weekdays_.set(7);
    weekday_ = Day::Set;
  } else if (hash != std::string_view::npos) {
    KIBAN_TRY(number_, number(weekday_field, text.substr(0, hash)));
    const auto ordinal = plain_number(text.substr(hash + 1));
    if (!ordinal || *ordinal < 1 || *ordinal > 5) {
      return invalid(fmt::format("'{}' of day-of-week: behind # stands 1 to 5, and no list", text));
    }
    ordinal_ = *ordinal;
    weekday_ = Day::Nth;
  } else if (text.size() > 1 && (text.back() == 'L' || text.back() == 'l')) {
    KIBAN_TRY(number_, number(weekday_field, text.substr(0, text.size() - 1)));
    weekday_ = Day::LastWeekday;
  } else {
    KIBAN_TRY_VOID(parse_set(weekday_field, text, weekdays_));
    weekday_ = Day::Set;
  }
  return {};
}

bool Cron::month_day_fits(absl::CivilDay day) const {
  switch (month_day_) {
    case Day::Set:
      return month_days_.test(static_cast<std::size_t>(day.day()));
    case Day::Last:
      return day.day() == last_day_of_month(day);
    case Day::LastWorkday:
      return day.day() == nearest_workday(day, last_day_of_month(day));
    case Day::NearestWorkday:
      return day.day() == nearest_workday(day, number_);
    default:
      return true;
  }
}

bool Cron::weekday_fits(absl::CivilDay day) const {
  const int weekday = weekday_of(day);
  switch (weekday_) {
    case Day::Set:
      return weekdays_.test(static_cast<std::size_t>(weekday));
    case Day::LastWeekday:
      return weekday == number_ && day.day() + 7 > last_day_of_month(day);
    case Day::Nth:
      return weekday == number_ && (day.day() - 1) / 7 + 1 == ordinal_;
    default:
      return true;
  }
}

bool Cron::fires_on(absl::CivilDay day) const { return month_day_fits(day) && weekday_fits(day); }

std::optional<Timestamp> Cron::next(Timestamp after, const Zone& zone) const {
  const auto& absl_zone = zone.absl_zone();
  const absl::Time start = absl::FromUnixMillis(after.time_since_epoch().count());
  // Some hours back: where the clock is set back, a later instant may show an earlier wall time.
  absl::CivilDay day(absl::ToCivilSecond(start - absl::Hours(3), absl_zone));
  if (day.year() < year_first) day = absl::CivilDay(year_first, 1, 1);
  while (day.year() <= year_last) {
    if (!years_.test(static_cast<std::size_t>(day.year()))) {
      day = absl::CivilDay(absl::CivilYear(day) + 1);
      continue;
    }
    if (!months_.test(static_cast<std::size_t>(day.month()))) {
      day = absl::CivilDay(absl::CivilMonth(day) + 1);
      continue;
    }
    if (fires_on(day)) {
      for (int hour = 0; hour < 24; ++hour) {
        if (!hours_.test(static_cast<std::size_t>(hour))) continue;
        for (int minute = 0; minute < 60; ++minute) {
          if (!minutes_.test(static_cast<std::size_t>(minute))) continue;
          const absl::CivilSecond wall(day.year(), day.month(), day.day(), hour, minute, 0);
          const auto info = absl_zone.At(wall);
          if (info.kind == absl::TimeZone::TimeInfo::SKIPPED || info.pre <= start) continue;
          return Timestamp(Duration(absl::ToUnixMillis(info.pre)));
        }
      }
    }
    ++day;
  }
  return std::nullopt;
}

}  // namespace kiban::schedule
