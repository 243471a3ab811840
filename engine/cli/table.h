// Aligned columns on stdout.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace kiban::cli {

using TableRow = std::vector<std::string>;
void print_table(const TableRow& header, const std::vector<TableRow>& rows);
void print_json_line(const json::value& value);

// Members of a reply as text; "-" when they are absent.
std::string text_of(const json::object& object, std::string_view key);
// Seconds since 1970 as 2026-11-24 02:55:09.140, in UTC.
std::string time_of(const json::object& object, std::string_view key);
double number_of(const json::object& object, std::string_view key);
// By a time that each of them has; among equals the order stays.
void sort_newest_first(json::array& objects, std::string_view key);

}  // namespace kiban::cli
