#include "postgres/backup.h"

#include <fmt/format.h>

#include <filesystem>

#include "postgres/server.h"

namespace kiban::postgres {
namespace {

namespace fs = std::filesystem;

Error failed_at(const fs::path& path, const std::error_code& failed) {
  return {.name = "PostgresFailed",
          .cause = fmt::format("{}: {}", path.string(), failed.message())};
}

Result<void> make_folder(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, fs::perms::owner_all, failed);
  if (failed) return std::unexpected(failed_at(path, failed));
  return {};
}

// With owners, modes and times.
Result<void> copy_tree(const fs::path& from, const fs::path& to) {
  const auto copied =
      run_program({"cp", "-a", "--reflink=auto", "--", from.string(), to.string()}, "/");
  if (copied) return {};
  return fail("PostgresFailed",
              fmt::format("can't copy {}: {}", from.string(), copied.error().cause));
}

// There once roles and database are made; the master user's name is in it.
Result<void> copy_ready(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  if (!fs::exists(from / "ready", failed)) return {};
  return copy_tree(from / "ready", to / "ready");
}

}  // namespace

Result<std::size_t> back_up_servers(const std::string& directory,
                                    const std::vector<std::string>& folders,
                                    const std::string& target,
                                    const std::function<bool()>& stopped) {
  std::error_code failed;
  const fs::path root = fs::canonical(directory, failed);
  if (failed || fs::is_empty(root, failed)) return 0;
  KIBAN_TRY_VOID(make_folder(target));
  std::size_t running = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator{root, failed}) {
    if (stopped && stopped()) return fail("Stopped", "the server ends");
    const fs::path to = fs::path(target) / entry.path().filename();
    Server server{entry.path(), folders};
    if (!server.alive()) {
      KIBAN_TRY_VOID(copy_tree(entry.path(), to));
      continue;
    }
    KIBAN_TRY_VOID(make_folder(to));
    KIBAN_TRY_VOID(copy_ready(entry.path(), to));
    KIBAN_TRY_VOID(server.back_up(to / "base.tar"));
    ++running;
  }
  if (failed) return std::unexpected(failed_at(root, failed));
  return running;
}

Result<void> restore_servers(const std::string& source, const std::string& directory) {
  std::error_code failed;
  if (!fs::exists(source, failed)) return {};
  KIBAN_TRY_VOID(make_folder(directory));
  for (const fs::directory_entry& entry : fs::directory_iterator{source, failed}) {
    const fs::path to = fs::path(directory) / entry.path().filename();
    if (!fs::exists(entry.path() / "base.tar", failed)) {
      KIBAN_TRY_VOID(copy_tree(entry.path(), to));
      continue;
    }
    KIBAN_TRY_VOID(make_folder(to / "data"));
    KIBAN_TRY_VOID(copy_ready(entry.path(), to));
    // Owned by root until the server starts, which gives all of it to its own user.
    const auto unpacked =
        run_program({"tar", "-x", "--no-same-owner", "-f", (entry.path() / "base.tar").string(),
                     "-C", (to / "data").string()},
                    "/");
    if (!unpacked)
      return fail("PostgresFailed", fmt::format("can't unpack {}: {}", entry.path().string(),
                                                unpacked.error().cause));
    fs::permissions(to / "data", fs::perms::owner_all, failed);
  }
  if (failed) return std::unexpected(failed_at(source, failed));
  return {};
}

}  // namespace kiban::postgres
