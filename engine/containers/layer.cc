#include "containers/layer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "containers/program.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

constexpr int loop_major = 7;
constexpr int attach_tries_max = 100;  // Others take free loop devices at the same time.

std::unexpected<Error> refuse(const std::string& what) {
  return fail("ResourceInitializationError",
              fmt::format("failed to make the task's storage: {}: {}", what, std::strerror(errno)));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

bool is_mount_point(const std::string& path) {
  struct stat here{};
  struct stat above{};
  return ::stat(path.c_str(), &here) == 0 && ::stat((path + "/..").c_str(), &above) == 0 &&
         here.st_dev != above.st_dev;
}

// Shares the blocks where the file system can; else copies what is not a hole.
bool copy_sparse(const Descriptor& from, const Descriptor& to) {
  if (::ioctl(to.number(), FICLONE, from.number()) == 0) return true;
  const off_t size = ::lseek(from.number(), 0, SEEK_END);
  if (size < 0 || ::ftruncate(to.number(), size) != 0) return false;
  std::array<char, 65536> buffer{};
  for (off_t at = ::lseek(from.number(), 0, SEEK_DATA); at >= 0;
       at = ::lseek(from.number(), at, SEEK_DATA)) {
    const off_t end = ::lseek(from.number(), at, SEEK_HOLE);
    while (at < end) {
      const std::size_t wanted =
          std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - at));
      const ssize_t count = ::pread(from.number(), buffer.data(), wanted, at);
      if (count <= 0 ||
          ::pwrite(to.number(), buffer.data(), static_cast<std::size_t>(count), at) != count)
        return false;
      at += count;
    }
  }
  return errno == ENXIO;  // No data is left.
}

// A loop device on `file`, which frees itself once it is unmounted.
Result<std::string> mount_file(const Descriptor& file, const std::string& target) {
  const Descriptor control{"/dev/loop-control", O_RDWR};
  for (int attempt = 0; attempt < attach_tries_max; ++attempt) {
    const int number = ::ioctl(control.number(), LOOP_CTL_GET_FREE);
    if (number < 0) return refuse("there is no free loop device");
    const std::string path = fmt::format("/dev/loop{}", number);
    ::mknod(path.c_str(), S_IFBLK | 0600, makedev(loop_major, static_cast<unsigned>(number)));
    const Descriptor device{path, O_RDWR};
    if (!device.is_open()) return refuse(path);
    loop_config config{};
    config.fd = static_cast<__u32>(file.number());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.number(), LOOP_CONFIGURE, &config) != 0) {
      if (errno == EBUSY) continue;
      return refuse(path);
    }
    // The inode tables are holes, which read as zeros: they need no initialisation.
    if (::mount(path.c_str(), target.c_str(), "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME,
                "noinit_itable,nodiscard") != 0)
      return refuse("mount " + path);
    return path;
  }
  return refuse("loop devices are taken by others");
}

}  // namespace

std::string layers_missing() {
  if (find_program("mkfs.ext4").empty()) return "mkfs.ext4 (package e2fsprogs)";
  const Descriptor control{"/dev/loop-control", O_RDWR};
  if (!control.is_open() || ::ioctl(control.number(), LOOP_CTL_GET_FREE) < 0)
    return "loop devices (/dev/loop-control)";
  return {};
}

Result<std::string> Layers::template_of(std::int64_t gib) {
  const std::lock_guard lock{mutex_};
  const std::string path = fmt::format("{}/{}.ext4", templates_, gib);
  if (fs::exists(path)) return path;
  const std::string fresh = path + ".new";
  std::error_code failed;
  fs::create_directories(templates_, failed);
  fs::remove(fresh, failed);
  {
    const Descriptor file{fresh, O_CREAT | O_EXCL | O_RDWR, 0600};
    if (!file.is_open() || ::ftruncate(file.number(), gib << 30) != 0) return refuse(fresh);
  }
  // Without a journal: a task's storage does not outlive a crash of the host.
  const auto made = run_program({find_program("mkfs.ext4"), "-q", "-F", "-m", "0", "-O",
                                 "^has_journal,^resize_inode", "-E",
                                 "lazy_itable_init=1,nodiscard,root_owner=0:0", "--", fresh});
  if (!made) return fail("ResourceInitializationError", made.error().cause);
  fs::rename(fresh, path, failed);
  if (failed) return fail("ResourceInitializationError", failed.message());
  return path;
}

Result<void> Layers::open(const std::string& directory, std::int64_t gib) {
  const std::string target = directory + "/layer";
  if (is_mount_point(target)) return {};
  std::error_code failed;
  fs::create_directories(target, failed);
  fs::permissions(target, fs::perms::owner_all, failed);
  if (failed) return fail("ResourceInitializationError", failed.message());
  static const bool bounded = layers_missing().empty();
  if (!bounded) return {};
  KIBAN_TRY(const std::string source, template_of(gib));
  const std::string path = directory + "/layer.ext4";
  const Descriptor empty{source, O_RDONLY};
  const Descriptor file{path, O_CREAT | O_TRUNC | O_RDWR, 0600};
  if (!empty.is_open() || !file.is_open() || !copy_sparse(empty, file)) return refuse(path);
  KIBAN_TRY_VOID(mount_file(file, target));
  return {};
}

void close_layer(const std::string& directory) {
  std::error_code failed;
  const std::string target = directory + "/layer";
  // The kernel writes what is cached of a file that still has a name; this one is not needed.
  fs::remove(directory + "/layer.ext4", failed);
  ::umount2(target.c_str(), MNT_DETACH);
  fs::remove_all(target, failed);
}

}  // namespace kiban::containers
