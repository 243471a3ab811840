// Finds rows whose bytes can't be read as text or JSON.
#pragma once

#include <string>
#include <vector>

#include "store/store.h"

namespace kiban::store {

struct DamagedRows {
  std::size_t scanned{0};
  std::size_t damaged{0};
  std::vector<std::string> keys{};  // The first of them, repaired to UTF-8.
};

// Reads every row. A row is damaged when it is not valid UTF-8, is empty, or begins like a JSON
// object or array but is not valid JSON. Members are not checked: only the row's service knows
// them.
DamagedRows find_damaged_rows(const Store& store, std::size_t keys_max);

}  // namespace kiban::store
