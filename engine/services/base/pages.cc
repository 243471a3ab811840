#include "services/base/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kiban::services {
namespace {

// "kiban-key-", then the place as hexadecimal digits: the last key that was read, without the
// prefix.
constexpr std::string_view token_mark = "kiban-key-";

std::string token_of(std::string_view place) {
  std::string token{token_mark};
  for (const char c : place) token += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return token;
}

Result<std::string> place_of(std::string_view token) {
  const auto refused = [&] {
    return fail("InvalidToken", fmt::format("Invalid Token: '{}'", token));
  };
  if (!token.starts_with(token_mark)) return refused();
  const std::string_view digits = token.substr(token_mark.size());
  std::string place;
  for (std::size_t at = 0; at < digits.size(); at += 2) {
    const std::string_view pair = digits.substr(at, 2);
    unsigned byte = 0;
    const auto read = std::from_chars(pair.data(), pair.data() + pair.size(), byte, 16);
    if (pair.size() != 2 || read.ec != std::errc{} || read.ptr != pair.data() + pair.size())
      return refused();
    place += static_cast<char>(byte);
  }
  return place;
}

}  // namespace

Result<Page> page_of_rows(const Context& context, std::string_view prefix, std::size_t limit,
                          const json::string* token, const EntryOf& entry) {
  std::string after;
  if (token != nullptr) {
    KIBAN_TRY(const std::string place, place_of(std::string_view(token->data(), token->size())));
    after = std::string(prefix) + place;
  }
  Page page;
  std::size_t read = 0;
  while (true) {
    const std::size_t chunk = std::min(limit + 1, page_rows_read_max + 1 - read);
    const std::vector<store::Row> rows = context.scan(prefix, after, chunk);
    for (const store::Row& row : rows) {
      const bool full = page.entries.size() == limit || read == page_rows_read_max;
      std::optional<json::value> made;
      if (read < page_rows_read_max) made = entry(row);
      if (full && (made || read == page_rows_read_max)) {
        page.next_token = token_of(std::string_view(after).substr(prefix.size()));
        return page;
      }
      if (made) page.entries.push_back(*std::move(made));
      after = row.key;
      ++read;
    }
    if (rows.size() < chunk) return page;
  }
}

}  // namespace kiban::services
