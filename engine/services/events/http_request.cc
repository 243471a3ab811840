#include "services/events/http_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "core/letters.h"
#include "services/base/table_service.h"

namespace kiban::services::events {
namespace {

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "[::1]") return true;
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string plain(const json::value& value) {
  if (value.is_string()) return to_string(value.get_string());
  return value.is_null() ? std::string() : print_json(value);
}

void flatten_into(Pairs& out, const std::string& key, const json::value& value,
                  std::string_view format) {
  if (const json::object* object = value.if_object()) {
    for (const auto& [name, member] : *object) {
      const std::string inner(name);
      flatten_into(out, key.empty() ? inner : fmt::format("{}[{}]", key, inner), member, format);
    }
    return;
  }
  const json::array* array = value.if_array();
  if (!array) {
    out.emplace_back(key, plain(value));
    return;
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string name = format == "REPEAT"     ? key
                             : format == "BRACKETS" ? key + "[]"
                                                    : fmt::format("{}[{}]", key, i);
    flatten_into(out, name, (*array)[i], format);
  }
}

Pairs flatten(const json::value& value, std::string_view array_format) {
  Pairs out;
  flatten_into(out, "", value, array_format);
  return out;
}

// COMMAS: scalars of an array as one value; what lies deeper falls back to indices.
std::string encode_commas(const json::object& object) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "&") + text; };
  for (const auto& [name, member] : object) {
    const json::array* array = member.if_array();
    const bool flat = array && std::ranges::none_of(*array, [](const json::value& one) {
                        return one.is_structured();
                      });
    if (!flat) {
      const std::string inner = encode_form(json::object{{name, member}}, "INDICES");
      if (!inner.empty()) add(inner);
      continue;
    }
    std::string values;
    for (const json::value& one : *array)
      values += (values.empty() ? "" : ",") + api::encode_uri(plain(one));
    add(fmt::format("{}={}", api::encode_uri(std::string_view(name)), values));
  }
  return out;
}

std::string join(const Pairs& pairs) {
  std::string out;
  for (const auto& [name, value] : pairs)
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", api::encode_uri(name),
                       api::encode_uri(value));
  return out;
}

std::string with_query(std::string url, const json::object& call, const Additions& additions) {
  Pairs all;
  const auto overridden = [&](std::string_view name) {
    return std::ranges::find(additions.query, name, &Pairs::value_type::first) !=
           additions.query.end();
  };
  if (const json::object* asked = find_object(call, "Query")) {
    for (auto& pair : flatten(*asked, "REPEAT"))
      if (!overridden(pair.first)) all.push_back(std::move(pair));
  }
  all.insert(all.end(), additions.query.begin(), additions.query.end());
  if (const std::size_t fragment = url.find('#'); fragment != std::string::npos)
    url.resize(fragment);
  if (all.empty()) return url;
  return fmt::format("{}{}{}", url, url.find('?') == std::string::npos ? '?' : '&', join(all));
}

// The text of the body; nothing when there is none.
Result<std::optional<std::string>> body_of(const json::object& call, const Additions& additions) {
  const json::string* text = find_string(call, "BodyText");
  const json::value* given = find(call, "Body");
  json::value body = given ? *given : text ? json::value(*text) : json::value(nullptr);
  if (!additions.body.empty()) {
    if (text) {
      if (auto parsed = parse_json(*text)) body = *std::move(parsed);
    }
    if (body.is_null()) body = json::object{};
    if (!body.is_object())
      return fail("States.Runtime",
                  "The request body is no JSON object, so that the body parameters of the "
                  "connection can't be merged into it.");
    for (const auto& [name, value] : additions.body) body.get_object()[name] = value;
  } else if (!given && !text) {
    return std::nullopt;
  }
  if (body.is_string()) return to_string(body.get_string());
  if (const json::string* format = find_string(call, "ArrayFormat"))
    return encode_form(body, *format);
  return print_json(body);
}

json::object headers_of(const json::object& call, const Additions& additions, bool has_body) {
  json::object out;
  const auto set = [&](std::string_view name, std::string_view value) {
    for (auto& [known, old] : out) {
      if (same_letters(known, name)) {
        old = value;
        return;
      }
    }
    out[name] = value;
  };
  if (const json::object* asked = find_object(call, "Headers")) {
    for (const auto& [name, value] : *asked) set(name, plain(value));
  }
  for (const auto& [name, value] : additions.headers) set(name, value);
  const bool typed = std::ranges::any_of(
      out, [](const auto& header) { return same_letters(header.key(), "Content-Type"); });
  if (has_body && !typed && call.contains("ContentType"))
    set("Content-Type", text(call, "ContentType"));
  if (const json::object* fixed = find_object(call, "Fixed")) {
    for (const auto& [name, value] : *fixed) set(name, plain(value));
  }
  return out;
}

}  // namespace

std::string complaint_about(std::string_view url) {
  if (url.starts_with("https://") && url.size() > 8) return {};
  if (!url.starts_with("http://")) return fmt::format("{} does not begin with https://", url);
  std::string_view host = url.substr(7);
  host = host.substr(0, host.find_first_of("/?"));
  const std::size_t port = host.rfind(':');
  if (port != std::string_view::npos && host.find(']', port) == std::string_view::npos)
    host = host.substr(0, port);
  if (is_loopback(host)) return {};
  return fmt::format("{} does not begin with https://, and plain HTTP is served on loopback only",
                     url);
}

std::string encode_form(const json::value& value, std::string_view array_format) {
  if (array_format == "COMMAS" && value.is_object()) return encode_commas(value.get_object());
  return join(flatten(value, array_format));
}

Result<json::object> build_request(const json::object& call, const Additions& additions) {
  KIBAN_TRY(const std::optional<std::string> body, body_of(call, additions));
  json::object request{{"Method", text(call, "Method")},
                       {"Url", with_query(text(call, "Url"), call, additions)},
                       {"Headers", headers_of(call, additions, body.has_value())},
                       {"TimeoutSeconds", number(call, "TimeoutSeconds", 60)}};
  if (body) request["Body"] = *body;
  return request;
}

}  // namespace kiban::services::events
