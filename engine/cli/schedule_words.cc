#include "cli/schedule_words.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "core/letters.h"

namespace kiban::cli {

namespace {

using Names = std::vector<std::string>;

const Names months{"January", "February", "March",     "April",   "May",      "June",
                   "July",    "August",   "September", "October", "November", "December"};
const Names weekdays{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::size_t times_listed_max = 6;

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == by)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A month or weekday by number from 1 or by its first three letters; anything else as it is.
std::string name_of(const std::string& text, const Names& names) {
  if (names.empty()) return text;
  if (is_number(text)) {
    const std::size_t at = std::stoul(text);
    return at >= 1 && at <= names.size() ? names[at - 1] : text;
  }
  for (const std::string& name : names) {
    if (same_letters(text, std::string_view(name).substr(0, 3))) return name;
  }
  return text;
}

// "1,3-5" as "January and March to May"; a step as "every 2nd from 1".
std::string list_words(std::string_view field, const Names& names, std::string_view unit) {
  std::vector<std::string> parts;
  for (const std::string& part : split(field, ',')) {
    const auto step = split(part, '/');
    if (step.size() == 2) {
      const auto range = split(step[0], '-');
      std::string words = fmt::format("every {} {}s", step[1], unit);
      if (range[0] != "*") words += " from " + name_of(range[0], names);
      if (range.size() == 2) words += " to " + name_of(range[1], names);
      parts.push_back(words);
      continue;
    }
    const auto range = split(part, '-');
    parts.push_back(range.size() == 2 ? name_of(range[0], names) + " to " + name_of(range[1], names)
                                      : name_of(part, names));
  }
  return join(parts);
}

std::string ordinal(const std::string& number) {
  static const std::array<std::string, 6> words{"", "first", "second", "third", "fourth", "fifth"};
  return is_number(number) && std::stoul(number) < words.size() ? words[std::stoul(number)]
                                                                : number + ".";
}

// All times of a day when they are few: {"09:00", "17:00"}.
std::optional<std::vector<std::string>> times_of_day(const std::string& minutes,
                                                     const std::string& hours) {
  std::vector<std::string> times;
  for (const std::string& hour : split(hours, ',')) {
    for (const std::string& minute : split(minutes, ',')) {
      if (!is_number(hour) || !is_number(minute)) return std::nullopt;
      times.push_back(fmt::format("{:0>2}:{:0>2}", hour, minute));
    }
  }
  if (times.size() > times_listed_max) return std::nullopt;
  return times;
}

std::string time_words(const std::string& minutes, const std::string& hours) {
  if (const auto times = times_of_day(minutes, hours)) return "at " + join(*times);
  std::string words = minutes == "*" ? "every minute"
                      : minutes.find('/') != std::string::npos
                          ? list_words(minutes, {}, "minute")
                          : fmt::format("at minute {}", list_words(minutes, {}, "minute"));
  if (hours == "*") return words + (minutes == "*" ? "" : " of every hour");
  const bool steps = hours.find('/') != std::string::npos;
  return words + (steps ? ", " : " of hour ") + list_words(hours, {}, "hour");
}

std::string day_words(const std::string& month_day, const std::string& weekday) {
  if (weekday == "?") {
    if (month_day == "*") return "every day";
    if (month_day == "L") return "on the last day of the month";
    if (month_day == "LW" || month_day == "WL")
      return "on the last day of the month from Monday to Friday";
    if (month_day.ends_with('W'))
      return fmt::format("on the day from Monday to Friday nearest to day {} of the month",
                         month_day.substr(0, month_day.size() - 1));
    if (month_day.find('/') != std::string::npos) return list_words(month_day, {}, "day");
    return fmt::format("on day {} of the month", list_words(month_day, {}, "day"));
  }
  if (weekday == "*") return "every day";
  const auto nth = split(weekday, '#');
  if (nth.size() == 2)
    return fmt::format("on the {} {} of the month", ordinal(nth[1]), name_of(nth[0], weekdays));
  if (weekday == "L") return "on Saturday";
  if (weekday.ends_with('L'))
    return fmt::format("on the last {} of the month",
                       name_of(weekday.substr(0, weekday.size() - 1), weekdays));
  return "on " + list_words(weekday, weekdays, "day");
}

std::string cron_words(std::string_view fields) {
  std::vector<std::string> parts;
  for (const std::string& part : split(fields, ' '))
    if (!part.empty()) parts.push_back(part);
  if (parts.size() != 6) return std::string(fields);
  std::string words = time_words(parts[0], parts[1]) + ", " + day_words(parts[2], parts[4]);
  const auto add = [&](const std::string& field, const Names& names, std::string_view unit) {
    if (field == "*") return;
    const bool steps = field.find('/') != std::string::npos;
    words += (steps ? ", " : " in ") + list_words(field, names, unit);
  };
  add(parts[3], months, "month");
  add(parts[5], {}, "year");
  return words;
}

}  // namespace

std::string schedule_words(std::string_view expression) {
  const std::size_t open = expression.find('(');
  const std::size_t close = expression.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::string(expression);
  const std::string_view inside = expression.substr(open + 1, close - open - 1);
  if (!expression.starts_with("rate")) return cron_words(inside);
  return "every " + std::string(inside.starts_with("1 ") ? inside.substr(2) : inside);
}

}  // namespace kiban::cli
