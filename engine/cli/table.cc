#include "cli/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/terminal.h"
#include "core/time.h"

namespace kiban::cli {

void print_table(const TableRow& header, const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths(header.size());
  const auto widen = [&](const TableRow& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  };
  widen(header);
  for (const TableRow& row : rows) widen(row);
  std::size_t taken = 0;  // By all columns but the last, which is cut where the terminal ends.
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) taken += widths[i] + 2;
  constexpr std::size_t last_min = 10;
  const std::optional<std::size_t> columns = terminal_width();
  const std::size_t last_max =
      columns ? std::max(last_min, *columns > taken ? *columns - taken : 0) : std::string::npos;
  const auto print = [&](const TableRow& row, const auto& colour_of) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      const std::string shown = last ? fit(row[i], last_max) : fit(row[i]);
      line += paint(colour_of(row[i]), shown);
      if (!last) line.append(widths[i] - std::min(widths[i], display_width(shown)) + 2, ' ');
    }
    fmt::print("{}\n", line);
  };
  print(header, [](const std::string&) { return Colour::Bold; });
  for (const TableRow& row : rows) print(row, colour_of_status);
}

void print_json_line(const json::value& value) { fmt::print("{}\n", print_json(value)); }

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  if (value == nullptr || value->is_null()) return "-";
  return value->is_string() ? to_string(value->get_string()) : print_json(*value);
}

double number_of(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

std::string time_of(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  if (value == nullptr || !value->is_number()) return "-";
  std::string text = format_iso8601(from_epoch_seconds(value->to_number<double>()));
  std::replace(text.begin(), text.end(), 'T', ' ');
  if (text.ends_with('Z')) text.pop_back();
  return text;
}

void sort_newest_first(json::array& objects, std::string_view key) {
  std::vector<std::pair<double, std::size_t>> order;  // std::stable_sort is deprecated here.
  for (std::size_t i = 0; i < objects.size(); ++i)
    order.emplace_back(-number_of(objects[i].as_object(), key), i);
  std::ranges::sort(order);
  json::array sorted;
  sorted.reserve(order.size());
  for (const auto& [time, at] : order) sorted.push_back(std::move(objects[at]));
  objects = std::move(sorted);
}

}  // namespace kiban::cli
