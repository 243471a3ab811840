// Which rows of a store can't be read, as far as their bytes tell.
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

// Reads every row. Damaged is what is not valid UTF-8, is empty, or begins as a JSON object or
// array and is none. What such JSON should contain, its service knows.
DamagedRows find_damaged_rows(const Store& store, std::size_t keys_max);

}  // namespace kiban::store
