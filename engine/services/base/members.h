// Rows as structs. A struct has a table of its members, which reads and prints its rows:
//
//   struct Alarm {
//     std::string name{};
//     Timestamp updated{};
//     json::object unknown{};
//     static constexpr auto members() {
//       return std::tuple{member("AlarmName", &Alarm::name), member("Updated", &Alarm::updated)};
//     }
//   };
//
// A member that has its default is not written, and one that a row lacks gets its default, so that
// members can be added without a migration. Members of a row that the table does not name, which a
// later kiban wrote, stay in `unknown` and are written again.
//
// Times are milliseconds since 1970. Enumerators are written by name. A row may still have times in
// seconds, with a fraction, as formats 1 and 2 had them: what is less than seconds_max is read as
// seconds.
#pragma once

#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "services/base/service.h"

namespace kiban::services {

// Seconds of the year 5138, milliseconds of 1973.
constexpr double seconds_max = 1e11;

// Specialised for each enumeration of a row, with the names in the order of the enumerators:
//   template <> struct EnumNames<State> { static constexpr std::array names{...}; };
template <typename Enum>
struct EnumNames;

template <typename Enum>
constexpr std::string_view name_of(Enum value) {
  return EnumNames<Enum>::names[static_cast<std::size_t>(value)];
}
template <typename Enum>
std::optional<Enum> enum_of(std::string_view name) {
  const auto& names = EnumNames<Enum>::names;
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

// --- Values --------------------------------------------------------------------------------------

inline json::value to_member(const std::string& value) { return json::value(json::string(value)); }
inline json::value to_member(bool value) { return value; }
inline json::value to_member(std::int64_t value) { return value; }
inline json::value to_member(double value) { return value; }
inline json::value to_member(Timestamp value) { return value.time_since_epoch().count(); }
inline json::value to_member(const json::object& value) { return value; }
inline json::value to_member(const json::array& value) { return value; }
template <typename Enum>
  requires std::is_enum_v<Enum>
json::value to_member(Enum value) {
  return json::value(name_of(value));
}
template <typename Value>
json::value to_member(const std::vector<Value>& values) {
  json::array out;
  for (const Value& value : values) out.push_back(to_member(value));
  return out;
}
template <typename Value>
json::value to_member(const std::optional<Value>& value) {
  return value ? to_member(*value) : json::value();
}

// False when the value has another kind; `out` is undefined then.
bool from_member(const json::value& value, std::string& out);
bool from_member(const json::value& value, bool& out);
bool from_member(const json::value& value, std::int64_t& out);
bool from_member(const json::value& value, double& out);
bool from_member(const json::value& value, Timestamp& out);
bool from_member(const json::value& value, json::object& out);
bool from_member(const json::value& value, json::array& out);
template <typename Enum>
  requires std::is_enum_v<Enum>
bool from_member(const json::value& value, Enum& out) {
  const json::string* name = value.if_string();
  const auto found = name == nullptr ? std::nullopt : enum_of<Enum>(std::string_view(*name));
  out = found.value_or(out);
  return found.has_value();
}
template <typename Value>
bool from_member(const json::value& value, std::vector<Value>& out) {
  const json::array* values = value.if_array();
  if (values == nullptr) return false;
  out.clear();
  return std::ranges::all_of(
      *values, [&](const json::value& each) { return from_member(each, out.emplace_back()); });
}
template <typename Value>
bool from_member(const json::value& value, std::optional<Value>& out) {
  return from_member(value, out.emplace());
}

// --- Rows ----------------------------------------------------------------------------------------

template <typename Struct, typename Value>
struct Member {
  std::string_view name{};
  Value Struct::* at{};
};
template <typename Struct, typename Value>
constexpr Member<Struct, Value> member(std::string_view name, Value Struct::* at) {
  return {name, at};
}

template <typename Struct>
json::object print_row(const Struct& row) {
  const Struct defaults{};
  json::object out;
  const auto print = [&](const auto& each) {
    if (row.*each.at != defaults.*each.at) out[each.name] = to_member(row.*each.at);
  };
  std::apply([&](const auto&... each) { (print(each), ...); }, Struct::members());
  for (const auto& member : row.unknown) out[member.key()] = member.value();
  return out;
}

// The row, or the name of a member that is of another kind.
template <typename Struct>
std::expected<Struct, std::string_view> try_row(const json::object& row) {
  Struct out;
  out.unknown = row;
  std::string_view wrong;
  const auto read = [&](const auto& each) {
    const json::value* value = find(row, each.name);
    if (value == nullptr) return;
    if (!from_member(*value, out.*each.at)) wrong = each.name;
    out.unknown.erase(each.name);
  };
  std::apply([&](const auto&... each) { (read(each), ...); }, Struct::members());
  if (!wrong.empty()) return std::unexpected(wrong);
  return out;
}

// The same, or DamagedRow, which names row and member.
template <typename Struct>
Struct read_row(std::string_view key, const json::object& row) {
  auto out = try_row<Struct>(row);
  if (!out) throw DamagedRow(key, "its member " + std::string(out.error()) + " is of another kind");
  return *std::move(out);
}

template <typename Struct>
std::optional<Struct> get_row(const Context& context, std::string_view key) {
  const auto row = get_json(context, key);
  if (!row) return std::nullopt;
  return read_row<Struct>(key, *row);
}
template <typename Struct>
void put_row(Context& context, std::string_view key, const Struct& row) {
  put_json(context, key, print_row(row));
}

}  // namespace kiban::services
