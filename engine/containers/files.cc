#include "containers/files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace kiban::containers {

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

Result<void> make_readable(const std::string& path) {
  struct stat found{};
  const bool done = ::lstat(path.c_str(), &found) == 0 &&
                    (S_ISDIR(found.st_mode) || S_ISREG(found.st_mode)) &&
                    ::chmod(path.c_str(), S_ISDIR(found.st_mode) ? 0755 : 0644) == 0;
  if (done) return {};
  return fail("WriteFailed", fmt::format("can't set the mode of {}", path));
}

Result<void> give_to(const std::string& path, std::uint32_t id) {
  if (::lchown(path.c_str(), id, id) == 0) return {};
  return fail("WriteFailed", fmt::format("can't set the owner of {}", path));
}

Result<void> write_file(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  std::ofstream out{fresh, std::ios::binary};
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out || std::rename(fresh.c_str(), path.c_str()) != 0)
    return fail("WriteFailed", fmt::format("can't write {}", path));
  return {};
}

}  // namespace kiban::containers
