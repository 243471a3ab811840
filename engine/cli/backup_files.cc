#include "cli/backup_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace kiban::cli {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failed_at(const fs::path& path, const std::error_code& failed) {
  const bool full = failed == std::errc::no_space_on_device;
  return fail(full ? "StoreFull" : "StoreFailed",
              fmt::format("can't copy to {}: {}", path.string(), failed.message()));
}

Result<void> copy_file(const fs::path& from, const fs::path& to, CopyMode mode) {
  std::error_code failed;
  if (mode == CopyMode::Link) {
    fs::create_hard_link(from, to, failed);
    if (!failed) return {};
    failed.clear();  // Another file system, or one without hard links.
  }
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, failed);
  if (!failed) fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write, failed);
  if (failed) return failed_at(to, failed);
  return {};
}

}  // namespace

Result<void> copy_files(const std::string& from, const std::string& to, CopyMode mode,
                        CopyProgress& progress) {
  std::error_code failed;
  fs::create_directories(to, failed);
  if (failed) return failed_at(to, failed);
  if (!fs::exists(from, failed)) return {};
  for (fs::recursive_directory_iterator at{from, failed}, end; !failed && at != end;
       at.increment(failed)) {
    if (progress.stopped) return fail("Stopped", "the server ends");
    const fs::path place = fs::path(to) / at->path().lexically_relative(from);
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
      continue;
    }
    if (at->is_directory()) {
      fs::create_directories(place, failed);
      if (failed) return failed_at(place, failed);
    } else if (at->is_regular_file()) {
      KIBAN_TRY_VOID(copy_file(at->path(), place, mode));
      ++progress.files;
      progress.bytes += at->file_size();
    }
  }
  if (failed) return failed_at(to, failed);
  return {};
}

Result<void> sync_file_system(const std::string& directory) {
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = folder >= 0 && ::syncfs(folder) == 0;
  const std::error_code failed{errno, std::generic_category()};
  if (folder >= 0) ::close(folder);
  if (done) return {};
  return fail("StoreFailed", fmt::format("can't sync {}: {}", directory, failed.message()));
}

}  // namespace kiban::cli
