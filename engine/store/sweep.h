// Bytes that nothing needs any more: those of deleted objects, of parts never completed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "store/store.h"

namespace kiban::store {

struct Swept {
  std::uint64_t blobs{0};
  std::uint64_t bytes{0};
};

// Erases the blobs below `directory` (blobs.h) whose digest occurs in no key and no value of `rows`
// and that were last put at least `age` ago: the row of newer bytes may not be written yet. Rows
// that begin with one of `beside` name no blobs and are not read. Rows and blobs must not be used
// otherwise meanwhile. Error `StoreFailed`.
Result<Swept> sweep_blobs(const Store& rows, const std::string& directory, std::chrono::hours age,
                          const std::vector<std::string>& beside = {});

}  // namespace kiban::store
