#include "cli/disk_use.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <utility>

namespace kiban::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t block_bytes = 512;  // Of st_blocks.

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> counted;
  std::error_code failed;
  fs::recursive_directory_iterator at{folder, fs::directory_options::skip_permission_denied,
                                      failed};
  for (const fs::recursive_directory_iterator end; !failed && at != end; at.increment(failed)) {
    struct stat found{};
    if (::lstat(at->path().c_str(), &found) != 0) continue;
    if (found.st_nlink > 1 && !S_ISDIR(found.st_mode) &&
        !counted.emplace(found.st_dev, found.st_ino).second)
      continue;
    bytes += static_cast<std::uint64_t>(found.st_blocks) * block_bytes;
  }
  return bytes;
}

}  // namespace

std::vector<DiskUse> disk_use(const std::string& directory) {
  std::vector<DiskUse> all;
  for (const auto* kind : {"rows", "blobs", "databases", "tasks", "uploads"}) {
    std::error_code failed;
    // The folder of databases may be a link to another place.
    const fs::path folder = fs::canonical(fs::path(directory) / kind, failed);
    if (failed) continue;
    if (const std::uint64_t bytes = bytes_below(folder); bytes > 0) all.push_back({kind, bytes});
  }
  return all;
}

std::string bytes_words(std::uint64_t bytes) {
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace kiban::cli
