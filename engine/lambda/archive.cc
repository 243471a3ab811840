#include "lambda/archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <minizip/unzip.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "runtime/child.h"

namespace kiban::lambda {
namespace {

using runtime::Descriptor;

constexpr std::size_t path_bytes_max = 4000;
constexpr std::size_t part_bytes_max = 255;  // NAME_MAX of Linux.

std::unexpected<Error> refuse(const std::string& why) {
  return fail("InvalidZipFileException",
              fmt::format("Lambda could not unzip the deployment package: {}", why));
}

// The zip as minizip reads it.
struct Memory {
  std::string_view bytes{};
  std::uint64_t at{0};
};
Memory& memory_of(voidpf stream) { return *static_cast<Memory*>(stream); }

voidpf open_memory(voidpf memory, const void*, int) { return memory; }
uLong read_memory(voidpf, voidpf stream, void* to, uLong size) {
  Memory& memory = memory_of(stream);
  if (memory.at > memory.bytes.size()) return 0;
  const std::size_t count = std::min<std::size_t>(size, memory.bytes.size() - memory.at);
  std::memcpy(to, memory.bytes.data() + memory.at, count);
  memory.at += count;
  return count;
}
uLong write_nothing(voidpf, voidpf, const void*, uLong) { return 0; }
ZPOS64_T tell_memory(voidpf, voidpf stream) { return memory_of(stream).at; }
long seek_memory(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  Memory& memory = memory_of(stream);
  const std::uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? memory.at
                             : origin == ZLIB_FILEFUNC_SEEK_END ? memory.bytes.size()
                                                                : 0;
  if (offset > memory.bytes.size() - std::min<std::uint64_t>(base, memory.bytes.size())) return -1;
  memory.at = base + offset;
  return 0;
}
int close_memory(voidpf, voidpf) { return 0; }
int no_error(voidpf, voidpf) { return 0; }

struct Closer {
  void operator()(unzFile file) const { unzClose(file); }
};
using Zip = std::unique_ptr<std::remove_pointer_t<unzFile>, Closer>;

struct Entry {
  std::string path{};  // Without a slash at its end.
  mode_t mode{0};
  std::uint64_t size{0};
  bool folder{false};
  bool encrypted{false};
};

bool is_safe(std::string_view path) {
  if (path.empty() || path.size() > path_bytes_max || path.front() == '/' ||
      path.find('\0') != std::string_view::npos)
    return false;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part == ".." || part.size() > part_bytes_max) return false;
    at = end + 1;
  }
  return true;
}

Result<Entry> current_entry(unzFile zip) {
  unz_file_info64 info{};
  if (unzGetCurrentFileInfo64(zip, &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK)
    return refuse("its directory is damaged");
  std::string path(info.size_filename, '\0');
  if (info.size_filename > path_bytes_max ||
      unzGetCurrentFileInfo64(zip, &info, path.data(), info.size_filename, nullptr, 0, nullptr,
                              0) != UNZ_OK)
    return refuse("a path in it is too long");
  constexpr uLong made_by_unix = 3;
  constexpr uLong encrypted_bit = 1;
  Entry entry{.size = info.uncompressed_size, .encrypted = (info.flag & encrypted_bit) != 0};
  if (info.version >> 8 == made_by_unix) entry.mode = static_cast<mode_t>(info.external_fa >> 16);
  entry.folder = path.ends_with('/') || S_ISDIR(entry.mode);
  while (path.ends_with('/')) path.pop_back();
  while (path.starts_with("./")) path.erase(0, 2);
  entry.path = path;
  if (path.empty() && entry.folder) entry.path = ".";
  if (!is_safe(entry.path)) return refuse(fmt::format("the path '{}' leaves its folder", path));
  return entry;
}

class Unpacker {
 public:
  Unpacker(unzFile zip, Descriptor root, std::uint64_t bytes_max)
      : zip_(zip), root_(std::move(root)), left_(bytes_max) {}

  Result<void> take_all();
  std::uint64_t bytes_left() const { return left_; }

 private:
  struct Link {
    std::string path{};
    std::string target{};
  };
  Result<void> take(const Entry& entry);
  Result<void> make_folder(const std::string& path);
  Result<void> make_parents(const std::string& path);
  Result<void> write_file(const Entry& entry);
  Result<void> read_link(const Entry& entry);
  Result<void> make_link(const Link& link) const;
  Result<void> read_content(const Entry& entry, auto take_piece);
  Descriptor open_beneath(const std::string& path, int flags, mode_t mode) const;

  unzFile zip_;
  Descriptor root_;
  std::uint64_t left_;
  std::set<std::string> folders_{};
  std::vector<Link> links_{};
};

// Never by way of a symbolic link.
Descriptor Unpacker::open_beneath(const std::string& path, int flags, mode_t mode) const {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC | O_NOFOLLOW;
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Descriptor{
      static_cast<int>(::syscall(SYS_openat2, root_.number(), path.c_str(), &how, sizeof how))};
}

Result<void> Unpacker::make_folder(const std::string& path) {
  if (path == "." || folders_.contains(path)) return {};
  KIBAN_TRY_VOID(make_parents(path));
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const Descriptor folder = open_beneath(parent, O_PATH | O_DIRECTORY, 0);
  if (folder.number() < 0) return refuse(fmt::format("'{}' is not a folder", parent));
  if (name == "." || name.empty()) return {};
  if (::mkdirat(folder.number(), name.c_str(), 0755) != 0 && errno != EEXIST)
    return refuse(fmt::format("{}: {}", path, std::strerror(errno)));
  const Descriptor made = open_beneath(path, O_RDONLY | O_DIRECTORY, 0);
  if (made.number() < 0) return refuse(fmt::format("'{}' is not a folder", path));
  (void)::fchmod(made.number(), 0755);  // The engine's umask is stricter.
  folders_.insert(path);
  return {};
}

Result<void> Unpacker::make_parents(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? Result<void>{} : make_folder(path.substr(0, slash));
}

Result<void> Unpacker::read_content(const Entry& entry, auto take_piece) {
  if (entry.encrypted) return refuse(fmt::format("'{}' is encrypted", entry.path));
  if (unzOpenCurrentFile(zip_) != UNZ_OK)
    return refuse(
        fmt::format("'{}' is damaged, or compressed in another way than deflate", entry.path));
  std::vector<char> piece(std::size_t{128} * 1024);
  int count = 0;
  Result<void> taken;
  while (taken && (count = unzReadCurrentFile(zip_, piece.data(),
                                              static_cast<unsigned>(piece.size()))) > 0) {
    const auto bytes = static_cast<std::uint64_t>(count);
    if (bytes > left_)
      taken = refuse("Unzipped size must be smaller than 262144000 bytes");
    else
      taken = take_piece(std::string_view(piece.data(), static_cast<std::size_t>(count)));
    left_ -= std::min(bytes, left_);
  }
  const bool whole = unzCloseCurrentFile(zip_) == UNZ_OK && count >= 0;  // Checks the CRC.
  KIBAN_TRY_VOID(taken);
  if (!whole) return refuse(fmt::format("'{}' is damaged", entry.path));
  return {};
}

Result<void> Unpacker::write_file(const Entry& entry) {
  KIBAN_TRY_VOID(make_parents(entry.path));
  const Descriptor file = open_beneath(entry.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file.number() < 0) return refuse(fmt::format("{}: {}", entry.path, std::strerror(errno)));
  KIBAN_TRY_VOID(read_content(entry, [&](std::string_view piece) -> Result<void> {
    while (!piece.empty()) {
      const ssize_t written = ::write(file.number(), piece.data(), piece.size());
      if (written < 0 && errno != EINTR)
        return fail("ServiceException", fmt::format("{}: {}", entry.path, std::strerror(errno)));
      piece.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return {};
  }));
  (void)::fchmod(file.number(), (entry.mode & S_IXUSR) != 0 ? 0755 : 0644);
  return {};
}

Result<void> Unpacker::read_link(const Entry& entry) {
  Link link{.path = entry.path};
  KIBAN_TRY_VOID(read_content(entry, [&](std::string_view piece) -> Result<void> {
    link.target.append(piece);
    if (link.target.size() <= link_bytes_max) return {};
    return refuse(fmt::format("the link '{}' is too long", entry.path));
  }));
  if (link.target.empty() || link.target.find('\0') != std::string::npos)
    return refuse(fmt::format("the link '{}' leads nowhere", entry.path));
  links_.push_back(std::move(link));
  return {};
}

Result<void> Unpacker::make_link(const Link& link) const {
  const std::size_t slash = link.path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : link.path.substr(0, slash);
  const Descriptor folder = open_beneath(parent, O_PATH | O_DIRECTORY, 0);
  const std::string name = slash == std::string::npos ? link.path : link.path.substr(slash + 1);
  if (folder.number() < 0) return refuse(fmt::format("'{}' is not a folder", parent));
  if (::unlinkat(folder.number(), name.c_str(), 0) != 0 && errno != ENOENT)
    return refuse(fmt::format("{}: {}", link.path, std::strerror(errno)));
  if (::symlinkat(link.target.c_str(), folder.number(), name.c_str()) == 0) return {};
  return refuse(fmt::format("{}: {}", link.path, std::strerror(errno)));
}

Result<void> Unpacker::take(const Entry& entry) {
  if (entry.folder) return make_folder(entry.path);
  if (S_ISLNK(entry.mode)) {
    KIBAN_TRY_VOID(make_parents(entry.path));
    return read_link(entry);
  }
  if ((entry.mode & S_IFMT) != 0 && !S_ISREG(entry.mode))
    return refuse(fmt::format("'{}' is neither a file, a folder nor a link", entry.path));
  return write_file(entry);
}

Result<void> Unpacker::take_all() {
  std::size_t count = 0;
  int next = unzGoToFirstFile(zip_);
  for (; next == UNZ_OK; next = unzGoToNextFile(zip_)) {
    if (++count > entries_max) return refuse("it has too many entries");
    KIBAN_TRY(const Entry entry, current_entry(zip_));
    KIBAN_TRY_VOID(take(entry));
  }
  if (next != UNZ_END_OF_LIST_OF_FILE) return refuse("its directory is damaged");
  for (const Link& link : links_) KIBAN_TRY_VOID(make_link(link));
  return {};
}

}  // namespace

Result<std::uint64_t> unpack_zip(std::string_view zip, const std::string& target,
                                 std::uint64_t bytes_max) {
  Memory memory{.bytes = zip};
  zlib_filefunc64_def functions{.zopen64_file = open_memory,
                                .zread_file = read_memory,
                                .zwrite_file = write_nothing,
                                .ztell64_file = tell_memory,
                                .zseek64_file = seek_memory,
                                .zclose_file = close_memory,
                                .zerror_file = no_error,
                                .opaque = &memory};
  const Zip opened{static_cast<std::remove_pointer_t<unzFile>*>(unzOpen2_64("", &functions))};
  if (!opened) return refuse("it is not a zip archive");
  Descriptor root{::open(target.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (root.number() < 0)
    return fail("ServiceException", fmt::format("{}: {}", target, std::strerror(errno)));
  Unpacker unpacker{opened.get(), std::move(root), bytes_max};
  KIBAN_TRY_VOID(unpacker.take_all());
  return bytes_max - unpacker.bytes_left();
}

}  // namespace kiban::lambda
