#include "jsonata/eval_lines.h"

#include <charconv>
#include <istream>
#include <ostream>

#include "jsonata/jsonata.h"
#include "jsonata/lexer.h"

namespace kiban::jsonata {
namespace {

constexpr std::uint64_t fuel_per_millisecond = 5'000;  // Of a slow machine; a bound, not a clock.

// Boost.JSON refuses lone surrogates in escapes, JavaScript does not: they become WTF-8.
std::string without_lone_surrogates(std::string_view line) {
  const auto unit = [&](std::size_t at) -> unsigned {
    unsigned value = 0;
    if (at + 6 > line.size() || line[at] != '\\' || line[at + 1] != 'u') return 0;
    std::from_chars(line.data() + at + 2, line.data() + at + 6, value, 16);
    return value;
  };
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out.push_back(line[i]);
      continue;
    }
    const unsigned first = unit(i);
    if (first < 0xD800 || first >= 0xE000) {
      out += line.substr(i, 2);
      ++i;
      continue;
    }
    const unsigned second = unit(i + 6);
    if (first < 0xDC00 && second >= 0xDC00 && second < 0xE000) {
      out += line.substr(i, 12);
      i += 11;
    } else {
      append_utf8(out, first);
      i += 5;
    }
  }
  return out;
}

// The inverse: bytes that are not UTF-8 are escaped.
std::string escape_surrogates(const std::string& text) {
  std::string out;
  constexpr std::string_view hex = "0123456789abcdef";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[at])) : 0U;
    };
    if (byte(i) == 0xED && byte(i + 1) >= 0xA0) {
      const unsigned c = 0xD000U | ((byte(i + 1) & 63U) << 6U) | (byte(i + 2) & 63U);
      out += "\\u";
      for (const unsigned shift : {12U, 8U, 4U, 0U}) out.push_back(hex[(c >> shift) & 15U]);
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

json::object describe(const Error& error) {
  json::object out{{"code", error.code}, {"message", error.message}, {"position", error.position}};
  if (!error.token.empty()) out["token"] = error.token;
  if (error.value) out["value"] = *error.value;
  if (error.code == "D3140") out["functionName"] = error.token;
  return json::object{{"error", std::move(out)}};
}

json::object answer(const json::object& request, const std::function<Timestamp()>& now,
                    std::uint64_t seed) {
  const json::string* text = find_string(request, "expr");
  if (text == nullptr) return describe({.code = "U1002", .message = "expr must be a string"});
  const auto parsed = parse(std::string_view(*text));
  if (!parsed) return describe(parsed.error());
  Bindings bindings;
  if (const json::object* given = find_object(request, "bindings")) {
    for (const auto& [name, value] : *given) bindings.emplace(std::string(name), value);
  }
  Limits limits;
  if (const json::value* given = find(request, "timelimit");
      given != nullptr && given->is_int64()) {
    const auto milliseconds =
        static_cast<std::uint64_t>(std::max<std::int64_t>(given->as_int64(), 0));
    limits.fuel = std::min(limits.fuel, milliseconds * fuel_per_millisecond);
  }
  if (const json::value* given = find(request, "depth"); given != nullptr && given->is_int64()) {
    const auto depth = static_cast<std::size_t>(std::max<std::int64_t>(given->as_int64(), 0));
    limits.depth_max = std::min(limits.depth_max, depth);
  }
  const Options options{.now = now ? now() : Timestamp{}, .seed = seed};
  const auto result = evaluate(**parsed, find(request, "data"), bindings, limits, options);
  if (!result) return describe(result.error());
  if (!*result) return json::object{{"undefined", true}};
  return json::object{{"result", **result}};
}

}  // namespace

int eval_lines(std::istream& in, std::ostream& out, const std::function<Timestamp()>& now,
               std::uint64_t seed) {
  std::string line;
  while (std::getline(in, line)) {
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    options.max_depth = json_depth_max;
    boost::system::error_code failure;
    const json::value request = json::parse(without_lone_surrogates(line), failure, {}, options);
    const json::object reply =
        failure || !request.is_object()
            ? describe({.code = "U1002", .message = "the line is not a JSON object"})
            : answer(request.get_object(), now, seed);
    out << escape_surrogates(json::serialize(reply)) << '\n' << std::flush;
  }
  return 0;
}

}  // namespace kiban::jsonata
