// The disk space of a data directory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kiban::cli {

struct DiskUse {
  std::string kind{};  // rows, blobs, databases, tasks, uploads.
  std::uint64_t bytes{0};
};

// Bytes that the files of each kind occupy; kinds that take nothing are left out. A file with
// several hard links counts once. What can't be read or vanishes meanwhile is not counted.
std::vector<DiskUse> disk_use(const std::string& directory);

// "12.3 MiB", "1.5 GiB", "812 B".
std::string bytes_words(std::uint64_t bytes);

}  // namespace kiban::cli
