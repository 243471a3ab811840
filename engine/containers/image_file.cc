#include "containers/image_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/child.h"

namespace kiban::containers {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20;

}  // namespace

Result<std::string> read_image_file(const std::string& root, const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return fail("CannotStartContainerError", fmt::format("{} of the image {}", path, why));
  };
  const runtime::Descriptor folder{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;  // Opening a device or a fifo for reading would act on it.
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const runtime::Descriptor found{
      static_cast<int>(::syscall(SYS_openat2, folder.number(), path.c_str(), &how, sizeof(how)))};
  if (found.number() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::string();
    return refuse(fmt::format("can't be read: {}", std::strerror(errno)));
  }
  struct stat info{};
  if (::fstat(found.number(), &info) != 0 || !S_ISREG(info.st_mode))
    return refuse("is not a regular file");
  const runtime::Descriptor file{
      ::open(fmt::format("/proc/self/fd/{}", found.number()).c_str(), O_RDONLY | O_CLOEXEC)};
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::read(file.number(), buffer.data(), buffer.size());
    if (count < 0) return refuse(fmt::format("can't be read: {}", std::strerror(errno)));
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > file_bytes_max) return refuse("is larger than 1 MiB");
  }
}

bool is_valid_name(const std::string& name) {
  constexpr std::size_t name_bytes_max = 255;
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace kiban::containers
