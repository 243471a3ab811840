// A consistent copy of rows while they are in use.
#pragma once

#include <string>

#include "core/result.h"
#include "store/store.h"

namespace kiban::store {

// The further interface of a store whose rows are on disk.
class Checkpointed {
 public:
  virtual ~Checkpointed() = default;
  virtual Result<void> checkpoint(const std::string& directory) const = 0;
};

// Writes all rows, as one commit left them, to `directory`, which must not exist and which
// open_rocksdb_store() opens. Files that never change are hard links where the file system is the
// same. Encrypted rows stay encrypted. Any thread. Errors: `NotOnDisk` for rows in memory,
// `StoreFull`, `StoreFailed`.
Result<void> checkpoint_rows(const Store& rows, const std::string& directory);

}  // namespace kiban::store
