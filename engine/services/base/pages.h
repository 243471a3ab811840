// Pages of list operations whose entries are rows: read by key, so that a page costs what it shows
// and not what there is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services {

// What one request reads at most. A filter that rejects more rows than this gets a shorter page,
// perhaps an empty one, with a token: AWS's lists say that a page may hold fewer entries than were
// asked for.
constexpr std::size_t page_rows_read_max = 5'000;

// An entry of the row, or nothing: then the row is left out.
using EntryOf = std::function<std::optional<json::value>(const store::Row& row)>;

// Entries of the rows whose key begins with `prefix`, in the order of their keys, from the opaque
// `token` on (nullptr: from the first), at most `limit`. There is a next token when another entry
// follows, or page_rows_read_max rows were read. Error `InvalidToken`: the token is not one of
// ours.
Result<Page> page_of_rows(const Context& context, std::string_view prefix, std::size_t limit,
                          const json::string* token, const EntryOf& entry);

}  // namespace kiban::services
