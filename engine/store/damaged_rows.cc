#include "store/damaged_rows.h"

#include "core/json.h"
#include "core/utf8.h"

namespace kiban::store {

namespace {

bool readable(const Row& row) {
  if (row.value.empty() || !is_utf8(row.key) || !is_utf8(row.value)) return false;
  const bool tree = row.value.front() == '{' || row.value.front() == '[';
  return !tree || parse_json(row.value).has_value();
}

}  // namespace

DamagedRows find_damaged_rows(const Store& store, std::size_t keys_max) {
  constexpr std::size_t chunk = 1'000;
  DamagedRows found;
  std::string after;
  while (true) {
    const std::vector<Row> rows = store.scan("", after, chunk);
    for (const Row& row : rows) {
      ++found.scanned;
      if (readable(row)) continue;
      ++found.damaged;
      if (found.keys.size() < keys_max) found.keys.push_back(to_utf8(row.key));
    }
    if (rows.size() < chunk) return found;
    after = rows.back().key;
  }
}

}  // namespace kiban::store
