// JSON as the whole engine uses it: Boost.JSON trees, parsing as Result, printing as AWS prints.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban {

namespace json = boost::json;

constexpr std::size_t json_depth_max =
    512;  // Our own bound; deeper text is refused, never recursed into.

// Strict JSON, one value, nothing behind it. Errors: `InvalidJson`, whose cause gives line, column
// and what is wrong.
Result<json::value> parse_json(std::string_view text);

// Compact text. Members in their order; doubles in the shortest form that reads back equal, as
// Jackson prints them (1.0, 1.5, 1.0E10), integers as integers; only what JSON requires is escaped.
std::string print_json(const json::value& value);
// The same, behind what `out` holds already.
void append_json(std::string& out, const json::value& value);
void append_json_string(std::string& out, std::string_view text);

// Members of an object that need not be there; nullptr when absent or of another kind.
const json::value* find(const json::object& object, std::string_view key);
const json::string* find_string(const json::object& object, std::string_view key);
const json::object* find_object(const json::object& object, std::string_view key);
const json::array* find_array(const json::object& object, std::string_view key);

// Members by value; the fallback when absent or of another kind. A number is cut to an integer.
std::string text(const json::object& object, std::string_view key, std::string_view fallback = {});
std::int64_t number(const json::object& object, std::string_view key, std::int64_t fallback = 0);
bool flag(const json::object& object, std::string_view key, bool fallback = false);

inline std::string to_string(const json::string& text) { return {text.data(), text.size()}; }

}  // namespace kiban
