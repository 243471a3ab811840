#include "cli/abandoned.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "containers/driver.h"
#include "postgres/driver.h"

namespace kiban::cli {
namespace {

namespace fs = std::filesystem;

// Every user may create files in the temporary directory: only our own are touched.
bool is_ours(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 && found.st_uid == ::geteuid();
}

bool is_gone(const std::string& pid) {
  const long number = std::strtol(pid.c_str(), nullptr, 10);
  return number > 1 && ::kill(static_cast<pid_t>(number), 0) != 0 && errno == ESRCH;
}

std::string prefix_of(std::string_view what) {
  return fmt::format("{}/kiban-{}-", fs::temp_directory_path().string(), what);
}

// A process that ends may still write into the directory being erased, so it is tried again.
void erase_databases(const std::string& path) {
  for (int attempt = 0; attempt < 3; ++attempt)
    if (postgres::erase_servers(path)) return;
}

}  // namespace

Result<std::string> make_temporary_directory(std::string_view what) {
  std::string path = fmt::format("{}{}-XXXXXX", prefix_of(what), ::getpid());
  if (::mkdtemp(path.data()) != nullptr) return path;
  return fail("StoreFailed", fmt::format("can't create {}: {}", path, std::strerror(errno)));
}

void end_abandoned() {
  std::error_code failed;
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator{fs::temp_directory_path(), failed})
    all.push_back(entry.path().string());
  for (const std::string_view what : {"tasks", "databases", "uploads"}) {
    const std::string prefix = prefix_of(what);
    for (const std::string& path : all) {
      if (!path.starts_with(prefix) || !is_gone(path.substr(prefix.size())) || !is_ours(path))
        continue;
      if (what == "tasks")
        (void)containers::erase_tasks(path);
      else if (what == "databases")
        erase_databases(path);
      else
        fs::remove_all(path, failed);
    }
  }
}

}  // namespace kiban::cli
