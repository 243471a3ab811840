// Copies of files for backups (backup.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace kiban::cli {

struct CopyProgress {
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<bool> stopped{false};  // Set to end the copy early: error `Stopped`.
};

enum class CopyMode : std::uint8_t {
  Link,  // Hard links where the file system allows; the files never change.
  Copy,
};

// All regular files below `from` to the same places below `to`; names that begin with '.' are left
// out: they are files under way. Nothing when `from` does not exist. Not synced. Errors:
// `StoreFull`, `StoreFailed`, `Stopped`.
Result<void> copy_files(const std::string& from, const std::string& to, CopyMode mode,
                        CopyProgress& progress);

// Syncs the file system that `directory` is on. Error `StoreFailed`.
Result<void> sync_file_system(const std::string& directory);

}  // namespace kiban::cli
