#include "jsonata/dates.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <span>

#include "core/letters.h"
#include "jsonata/integers.h"
#include "jsonata/messages.h"
#include "jsonata/regex.h"

namespace kiban::jsonata {
namespace {

constexpr std::size_t picture_bytes_max = 10'000;
constexpr double day = 86'400'000;

constexpr std::array<std::string_view, 12> months = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> week_days = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

struct Civil {
  std::int64_t year{1970};
  int month{1};
  int day{1};
};

// Days since 1970 and back, in the proleptic Gregorian calendar.
std::int64_t days_of(std::int64_t year, int month, int day_of_month) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day_of_month - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

Civil civil_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * of_year + 2) / 153;
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1)};
}

double fragment(double milliseconds, char component) {
  const auto days = static_cast<std::int64_t>(std::floor(milliseconds / day));
  const double of_day = milliseconds - static_cast<double>(days) * day;
  const Civil civil = civil_of(days);
  // Weeks are ISO's: a week belongs to the year, and here the month, of its Thursday.
  const std::int64_t week_day = ((days + 3) % 7 + 7) % 7;
  const std::int64_t thursday = days - week_day + 3;
  const Civil week = civil_of(thursday);
  switch (component) {
    case 'Y':
      return static_cast<double>(civil.year);
    case 'M':
      return civil.month;
    case 'D':
      return civil.day;
    case 'd':
      return static_cast<double>(days - days_of(civil.year, 1, 1) + 1);
    case 'F':
      return static_cast<double>(week_day + 1);
    case 'W':
      return std::floor(static_cast<double>(thursday - days_of(week.year, 1, 1)) / 7) + 1;
    case 'w':
      return std::floor((week.day - 1) / 7.0) + 1;
    case 'X':
      return static_cast<double>(week.year);
    case 'x':
      return week.month;
    case 'H':
      return std::floor(of_day / 3'600'000);
    case 'h': {
      const double hour = std::fmod(std::floor(of_day / 3'600'000), 12);
      return hour == 0 ? 12 : hour;
    }
    case 'P':
      return of_day >= day / 2 ? 1 : 0;
    case 'm':
      return std::fmod(std::floor(of_day / 60'000), 60);
    case 's':
      return std::fmod(std::floor(of_day / 1'000), 60);
    case 'f':
      return std::fmod(std::floor(of_day), 1'000);
    default:
      return 0;
  }
}

enum class Names : std::uint8_t { None, Lower, Upper, Title };

struct Part {
  std::string literal{};
  char component{0};  // 0: a literal.
  Names names{Names::None};
  char modifier{0};
  std::optional<std::size_t> width_min{};
  std::optional<std::size_t> width_max{};
  int year_digits{-1};
  std::optional<IntegerFormat> integer{};
};

std::string_view default_presentation(char component) {
  static constexpr std::string_view ones = "YMDdWwXxHhf";
  if (ones.contains(component)) return "1";
  if (component == 'm' || component == 's') return "01";
  if (component == 'Z' || component == 'z') return "01:01";
  if (component == 'F' || component == 'P' || component == 'C' || component == 'E') return "n";
  return {};
}

std::optional<std::size_t> width(std::string_view text) {
  std::size_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ptr == text.data()) return std::nullopt;
  return std::min<std::size_t>(value, 300);
}

OrError<Part> parse_marker(std::string marker) {
  std::erase_if(marker, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  Part part{.component = marker.empty() ? '?' : marker[0]};
  std::string_view presentation = std::string_view(marker).substr(marker.empty() ? 0 : 1);
  const auto comma = presentation.rfind(',');
  if (comma != std::string_view::npos) {
    const std::string_view widths = presentation.substr(comma + 1);
    const auto dash = widths.find('-');
    part.width_min = width(widths.substr(0, dash));
    if (dash != std::string_view::npos) part.width_max = width(widths.substr(dash + 1));
    presentation = presentation.substr(0, comma);
  }
  if (presentation.size() > 1 && std::string_view("atco").contains(presentation.back())) {
    part.modifier = presentation.back();
    presentation.remove_suffix(1);
  }
  if (presentation.empty()) presentation = default_presentation(part.component);
  if (presentation.empty() || default_presentation(part.component).empty()) {
    const std::string_view shown = std::string_view(marker).substr(0, 1);
    return std::unexpected(make_error("D3132", 0, {}, json::value(json::string(shown))));
  }
  if (presentation[0] == 'n') {
    part.names = Names::Lower;
  } else if (presentation[0] == 'N') {
    part.names = presentation.starts_with("Nn") ? Names::Title : Names::Upper;
  } else if (std::string_view("YMDdFWwXxHhmsfZz").contains(part.component)) {
    const bool zone = part.component == 'Z' || part.component == 'z';
    std::string pattern(presentation);
    if (part.modifier != 0 && !zone) pattern += std::string(";") + part.modifier;
    auto format = parse_integer_format(pattern);
    if (!format) return std::unexpected(format.error());
    if (part.width_min && format->mandatory < *part.width_min) format->mandatory = *part.width_min;
    if (part.component == 'Y') {
      const std::size_t places = format->mandatory + format->optional;
      if (part.width_max) {
        part.year_digits = static_cast<int>(*part.width_max);
        format->mandatory = *part.width_max;
      } else if (places >= 2) {
        part.year_digits = static_cast<int>(places);
      }
    }
    part.integer = std::move(*format);
  }
  return part;
}

OrError<std::vector<Part>> parse_picture(std::string_view picture) {
  if (picture.size() > picture_bytes_max) {
    return std::unexpected(make_error("U1001", 0, {}, {}, "length of a picture"));
  }
  std::vector<Part> parts;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) parts.push_back({.literal = literal});
    literal.clear();
  };
  for (std::size_t i = 0; i < picture.size(); ++i) {
    const bool doubled = i + 1 < picture.size() && picture[i + 1] == picture[i];
    if (picture[i] != '[') {
      if (picture[i] == ']' && doubled) ++i;
      literal.push_back(picture[i]);
      continue;
    }
    if (doubled) {
      literal.push_back('[');
      ++i;
      continue;
    }
    const auto end = picture.find(']', i);
    if (end == std::string_view::npos) return std::unexpected(make_error("D3135", 0));
    flush();
    auto part = parse_marker(std::string(picture.substr(i + 1, end - i - 1)));
    if (!part) return std::unexpected(part.error());
    const bool zone = part->component == 'Z' || part->component == 'z';
    if (!parts.empty() && parts.back().integer && part->integer && !zone) {
      parts.back().integer->parse_width = parts.back().integer->mandatory;
    }
    parts.push_back(std::move(*part));
    i = end;
  }
  flush();
  return parts;
}

std::string cased(std::string text, Names names) {
  for (char& c : text) {
    if (names == Names::Lower) c = lower_case(c);
    if (names == Names::Upper) c = upper_case(c);
  }
  return text;
}

Error not_a_name(char component) {
  return make_error("D3133", 0, {}, json::value(json::string(std::string_view(&component, 1))));
}

OrError<std::string> print_zone(const Part& part, int minutes) {
  const int sign = minutes < 0 ? -1 : 1;
  const int hours = std::abs(minutes) / 60;
  const int rest = std::abs(minutes) % 60;
  if (minutes == 0 && part.modifier == 't') return "Z";
  if (!part.integer) return std::unexpected(not_a_name(part.component));
  IntegerFormat format = *part.integer;
  const std::size_t digits = format.mandatory;
  OrError<std::string> printed;
  if (format.regular > 0 || digits == 3 || digits == 4) {
    printed = print_integer(hours * 100 + rest, format);
  } else if (digits == 1 || digits == 2) {
    printed = print_integer(hours, format);
    if (printed && rest != 0) *printed += rest < 10 ? ":0" : ":";
    if (printed && rest != 0) *printed += std::to_string(rest);
  } else {
    return std::unexpected(make_error("D3134", 0));
  }
  if (!printed) return printed;
  return (part.component == 'z' ? "GMT" : "") + std::string(sign < 0 ? "-" : "+") + *printed;
}

OrError<std::string> print_part(const Part& part, double local, int zone_minutes) {
  const char c = part.component;
  if (c == 'Z' || c == 'z') return print_zone(part, zone_minutes);
  if (c == 'P') return cased(fragment(local, 'P') == 1 ? "pm" : "am", part.names);
  if (c == 'C' || c == 'E') return "ISO";
  double value = fragment(local, c);
  if (part.names != Names::None) {
    std::string name;
    if (c == 'M' || c == 'x') {
      name = months[static_cast<std::size_t>(value) - 1];
    } else if (c == 'F') {
      name = week_days[static_cast<std::size_t>(value) - 1];
    } else {
      return std::unexpected(not_a_name(c));
    }
    if (part.width_max) name = name.substr(0, *part.width_max);
    return cased(std::move(name), part.names);
  }
  if (c == 'Y' && part.year_digits >= 0) value = std::fmod(value, std::pow(10.0, part.year_digits));
  return print_integer(value, *part.integer);
}

std::optional<int> zone_minutes_of(std::string_view zone) {
  bool negative = false;
  std::string digits;
  for (const char c : zone) {
    if (c == '-') negative = true;
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (digits.empty() || digits.size() > 4) return std::nullopt;
  const int number = std::stoi(digits);
  const int minutes = digits.size() <= 2 ? number * 60 : number / 100 * 60 + number % 100;
  return negative ? -minutes : minutes;
}

// The pattern of one part; read_part reads its capture.
OrError<std::string> part_pattern(const Part& part) {
  if (part.component == 0) {
    std::string out;
    for (const char c : part.literal) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
      if (!plain) out.push_back('\\');
      out.push_back(c);
    }
    return out;
  }
  const char c = part.component;
  if (c == 'Z' || c == 'z') {
    return std::string(c == 'z' ? "(GMT" : "(") + "[-+][0-9]+(?::[0-9]+)?" +
           (part.modifier == 't' ? "|Z)" : ")");
  }
  if (part.integer) {
    auto inner = integer_pattern(*part.integer);
    if (!inner) return inner;
    return "(" + (c == 'f' ? "[0-9]+" : *inner) + ")";
  }
  const bool named = c == 'M' || c == 'x' || c == 'F' || c == 'P';
  if (!named) return std::unexpected(not_a_name(c));
  return "([a-z]+)";
}

std::optional<double> name_index(std::span<const std::string_view> names, std::string_view text,
                                 const Part& part) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = names[i].substr(0, part.width_max.value_or(names[i].size()));
    if (cased(std::string(name), Names::Lower) == cased(std::string(text), Names::Lower)) {
      return static_cast<double>(i + 1);
    }
  }
  return std::nullopt;
}

OrError<std::optional<double>> read_part(const Part& part, std::string_view text) {
  switch (part.component) {
    case 'Z':
    case 'z': {
      const auto minutes = zone_minutes_of(text.starts_with("GMT") ? text.substr(3) : text);
      return text == "Z" ? 0 : minutes ? std::optional<double>(*minutes) : std::nullopt;
    }
    case 'P':
      return cased(std::string(text), Names::Lower) == "pm" ? 1 : 0;
    case 'f': {
      const std::string fraction = "0." + std::string(text.substr(0, 18));
      double value = 0;
      std::from_chars(fraction.data(), fraction.data() + fraction.size(), value);
      return std::floor(value * 1'000 + 1e-9);
    }
    default:
      break;
  }
  if (part.names == Names::None) return read_integer(text, *part.integer);
  return part.component == 'F' ? name_index(week_days, text, part) : name_index(months, text, part);
}

// Is there some of `all`, and of them nothing but `allowed`? As the reference has it, a zero (am,
// midnight) is nothing.
bool only(const std::map<char, double>& found, std::string_view all, std::string_view allowed) {
  bool any = false;
  for (const char c : all) {
    const auto value = found.find(c);
    if (value == found.end() || value->second == 0) continue;
    if (!allowed.contains(c)) return false;
    any = true;
  }
  return any;
}

// The instant of the components read. Missing components before the first given one are those of
// `now`, missing ones behind the last have their least value; a gap between them is refused.
OrError<std::optional<double>> assemble(std::map<char, double>& found, double now) {
  constexpr std::string_view dates = "YXMxWwdD";
  const bool by_day = !only(found, dates, "YMD") && only(found, dates, "Yd");
  if (only(found, dates, "Xxw") || only(found, dates, "XW")) {
    return std::unexpected(make_error("D3136", 0));
  }
  const bool twelve = !only(found, "PHhmsf", "Hmsf") && only(found, "PHhmsf", "Phmsf");
  bool started = false;
  bool ended = false;
  // The reference looks for D beside a day of the year, so that no time can follow that day.
  for (const char c : std::string(by_day ? "YD" : "YMD") + (twelve ? "Phmsf" : "Hmsf")) {
    if (found.contains(c)) {
      started = true;
      if (ended) return std::unexpected(make_error("D3136", 0));
    } else if (started) {
      found[c] = c == 'M' || c == 'D' ? 1 : 0;
      ended = true;
    } else {
      found[c] = fragment(now, c);
    }
  }
  if (std::fabs(found['Y']) > 275'760) return std::nullopt;
  auto year = static_cast<std::int64_t>(found['Y']);
  if (year >= 0 && year < 100) year += 1'900;  // As JavaScript's Date.UTC takes two digits.
  double days = 0;
  if (by_day) {
    days = static_cast<double>(days_of(year, 1, 1)) + found['d'] - 1;
  } else {
    if (found['M'] > 1'000'000) return std::nullopt;
    const auto month = static_cast<std::int64_t>(std::max(found['M'] - 1, 0.0));
    days = static_cast<double>(days_of(year + month / 12, static_cast<int>(month % 12) + 1, 1)) +
           found['D'] - 1;
  }
  double hour = found['H'];
  if (twelve) hour = (found['h'] == 12 ? 0 : found['h']) + (found['P'] == 1 ? 12 : 0);
  double milliseconds =
      days * day + hour * 3'600'000 + found['m'] * 60'000 + found['s'] * 1'000 + found['f'];
  for (const char zone : {'Z', 'z'}) {
    if (found.contains(zone)) milliseconds -= found[zone] * 60'000;
  }
  if (!(std::fabs(milliseconds) <= milliseconds_max)) return std::nullopt;
  return milliseconds;
}

}  // namespace

OrError<std::string> print_date(double milliseconds, std::string_view picture,
                                std::string_view zone) {
  const auto parts = parse_picture(picture);
  if (!parts) return std::unexpected(parts.error());
  if (!(std::fabs(milliseconds) <= milliseconds_max)) {
    return std::unexpected(make_error("D1001", 0, {}, json::value(milliseconds)));
  }
  const int minutes = zone_minutes_of(zone).value_or(0);
  const double local = std::floor(milliseconds) + minutes * 60'000.0;
  std::string out;
  for (const Part& part : *parts) {
    if (part.component == 0) {
      out += part.literal;
      continue;
    }
    auto printed = print_part(part, local, minutes);
    if (!printed) return printed;
    out += *printed;
  }
  return out;
}

OrError<std::optional<double>> read_date(std::string_view text, std::string_view picture,
                                         double now) {
  const auto parts = parse_picture(picture);
  if (!parts) return std::unexpected(parts.error());
  std::string pattern = "^";
  for (const Part& part : *parts) {
    auto piece = part_pattern(part);
    if (!piece) return std::unexpected(piece.error());
    pattern += *piece;
  }
  const auto regex = Regex::compile(pattern + "$", "i");
  if (!regex) return std::unexpected(make_error("S0303", 0, {}, {}, regex.error()));
  const auto match = (*regex)->find(text, 0);
  if (!match) return std::unexpected(make_error("U1001", 0, {}, {}, "steps of a picture"));
  if (!*match) return std::nullopt;
  std::map<char, double> found;
  std::size_t group = 0;
  for (const Part& part : *parts) {
    if (part.component == 0) continue;
    const auto value = read_part(part, (*match)->groups[group++]);
    if (!value) return std::unexpected(value.error());
    if (!*value) return std::nullopt;
    found[part.component] = **value;
  }
  if (found.empty()) return std::nullopt;
  return assemble(found, now);
}

std::optional<double> read_iso_date(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&](std::size_t count) -> std::optional<int> {
    int value = 0;
    if (at + count > text.size()) return std::nullopt;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = text[at + i];
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    at += count;
    return value;
  };
  const auto take = [&](char c) {
    const bool there = at < text.size() && text[at] == c;
    at += there ? 1 : 0;
    return there;
  };
  const auto year = digits(4);
  std::optional<int> month = 1;
  std::optional<int> of_month = 1;
  std::optional<int> hour = 0;
  std::optional<int> minute = 0;
  std::optional<int> second = 0;
  double fraction = 0;
  if (take('-')) {
    month = digits(2);
    if (take('-')) of_month = digits(2);
  }
  if (take('T')) {
    hour = digits(2);
    if (!take(':')) return std::nullopt;
    minute = digits(2);
    if (take(':')) second = digits(2);
    if (take('.')) {
      double scale = 100;
      while (const auto digit = digits(1)) {
        fraction += *digit * scale;
        scale /= 10;
      }
    }
  }
  if (!year || !month || !of_month || !hour || !minute || !second) return std::nullopt;
  const bool ordinary = *month >= 1 && *month <= 12 && *of_month >= 1 && *of_month <= 31 &&
                        *hour <= 24 && *minute < 60 && *second < 60;
  if (!ordinary) return std::nullopt;
  int zone = 0;
  if (!take('Z') && at < text.size()) {
    const int sign = text[at] == '-' ? -1 : 1;
    if (!take('-') && !take('+')) return std::nullopt;
    const auto hours = digits(2);
    take(':');
    const auto minutes = digits(2);
    if (!hours || !minutes) return std::nullopt;
    zone = sign * (*hours * 60 + *minutes);
  }
  if (at != text.size()) return std::nullopt;
  return static_cast<double>(days_of(*year, *month, *of_month)) * day +
         ((*hour * 60.0 + *minute - zone) * 60 + *second) * 1'000 + std::floor(fraction + 1e-9);
}

}  // namespace kiban::jsonata
