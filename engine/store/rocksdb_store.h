// Functions that only rows on disk need.
//
// open_rocksdb_store (store.h) fails with `StoreLocked` when another process holds the directory,
// `StoreCorrupt` when the files were altered, `StoreFull` when the disk is full, `StoreReadOnly`
// when it can't be written, otherwise `StoreFailed`.
#pragma once

#include <string>

#include "core/result.h"
#include "store/store.h"

namespace kiban::store {

// Rewrites the files, so that they no longer contain values that were overwritten or erased.
// Does nothing for rows in memory.
Result<void> erase_overwritten(Store& rows);

// Ends the process with exit code 1 and a message: the files can't be read any more, and get() and
// scan() can't return an error. Nothing more is written.
[[noreturn]] void end_unreadable(const std::string& why);

}  // namespace kiban::store
