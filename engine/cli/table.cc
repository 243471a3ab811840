#include "cli/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "core/time.h"

namespace kiban::cli {

void print_table(const TableRow& header, const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths(header.size());
  const auto widen = [&](const TableRow& row) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  };
  widen(header);
  for (const TableRow& row : rows) widen(row);
  const auto print = [&](const TableRow& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    fmt::print("{}\n", line);
  };
  print(header);
  for (const TableRow& row : rows) print(row);
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

}  // namespace kiban::cli
