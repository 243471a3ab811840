#include "services/base/service.h"

#include <charconv>

#include "core/utf8.h"

namespace kiban::services {

namespace {

json::value value_of(std::string_view key, std::string_view row) {
  Result<json::value> value = parse_json(row);
  if (!value) throw DamagedRow(key, value.error().cause);
  return *std::move(value);
}

}  // namespace

DamagedRow::DamagedRow(std::string_view key, std::string_view problem)
    : std::runtime_error("the row " + to_utf8(key) + " is damaged: " + to_utf8(problem)) {}

json::object object_of(std::string_view key, std::string_view row) {
  json::value value = value_of(key, row);
  if (!value.is_object()) throw DamagedRow(key, "it is not a JSON object");
  return std::move(value.get_object());
}

json::array array_of(std::string_view key, std::string_view row) {
  json::value value = value_of(key, row);
  if (!value.is_array()) throw DamagedRow(key, "it is not a JSON array");
  return std::move(value.get_array());
}

std::optional<json::object> get_json(const Context& context, std::string_view key) {
  const std::optional<std::string> text = context.get(key);
  if (!text) return std::nullopt;
  return object_of(key, *text);
}

std::vector<json::object> list_json(const Context& context, std::string_view prefix) {
  std::vector<json::object> found;
  for (const store::Row& row : context.scan(prefix)) found.push_back(object_of(row.key, row.value));
  return found;
}

void put_json(Context& context, std::string_view key, const json::object& value) {
  context.put(key, print_json(value));
}

namespace {

// Tokens are opaque to clients; ours is the index of the next entry, marked so that a foreign token
// is refused.
constexpr std::string_view token_mark = "kiban-page-";

}  // namespace

Result<Page> paginate(const json::array& all, std::size_t limit, const json::string* token) {
  std::size_t start = 0;
  if (token != nullptr) {
    const std::string_view text{token->data(), token->size()};
    const char* const end = text.data() + text.size();
    const char* const digits = text.starts_with(token_mark) ? text.data() + token_mark.size() : end;
    const auto [stop, error] = std::from_chars(digits, end, start);
    if (digits == end || error != std::errc{} || stop != end)
      return fail("InvalidToken", "Invalid Token: '" + std::string(text) + "'");
  }
  Page page;
  for (std::size_t i = start; i < all.size() && page.entries.size() < limit; ++i)
    page.entries.push_back(all[i]);
  if (start + page.entries.size() < all.size() && !page.entries.empty())
    page.next_token = std::string(token_mark) + std::to_string(start + page.entries.size());
  return page;
}

std::string make_arn(const Context& context, std::string_view service, std::string_view resource) {
  const Caller& caller = context.caller();
  std::string arn{"arn:aws:"};
  arn.append(service).append(":").append(caller.region).append(":").append(caller.account);
  return arn.append(":").append(resource);
}

}  // namespace kiban::services
