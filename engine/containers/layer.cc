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
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "containers/program.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;
using runtime::Descriptor;

constexpr int loop_major = 7;
constexpr int attach_tries_max = 100;  // Others take free loop devices at the same time.
// Tasks that start at once beyond these make their own, which takes some milliseconds more.
constexpr std::size_t spares_max = 2;
// Until new ones are made: the task that took one still starts, and needs the processors.
constexpr std::chrono::milliseconds spare_delay{200};

std::unexpected<Error> refuse(const std::string& what) {
  return fail("ResourceInitializationError",
              fmt::format("failed to make the task's storage: {}: {}", what, std::strerror(errno)));
}

Descriptor open_file(const std::string& path, int flags, mode_t mode = 0) {
  return Descriptor{::open(path.c_str(), flags | O_CLOEXEC, mode)};
}

bool is_open(const Descriptor& file) { return file.number() >= 0; }

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

// A file in `folder` that has no name: it is gone with its last user.
Descriptor open_nameless(const std::string& folder) {
  Descriptor file = open_file(folder, O_TMPFILE | O_RDWR, 0600);
  if (is_open(file)) return file;
  std::string path = folder + "/new.XXXXXX";  // Where the file system has no such files.
  file = Descriptor{::mkostemp(path.data(), O_CLOEXEC)};
  if (is_open(file)) ::unlink(path.c_str());
  return file;
}

// A mount of the ext4 file system on `device`, at no place yet.
Descriptor mount_of(const std::string& device) {
  const Descriptor context{::fsopen("ext4", FSOPEN_CLOEXEC)};
  const int number = context.number();
  const bool made = ::fsconfig(number, FSCONFIG_SET_STRING, "source", device.c_str(), 0) == 0 &&
                    // The inode tables are holes, which read as zeros: they need no initialisation.
                    ::fsconfig(number, FSCONFIG_SET_FLAG, "noinit_itable", nullptr, 0) == 0 &&
                    ::fsconfig(number, FSCONFIG_SET_FLAG, "nodiscard", nullptr, 0) == 0 &&
                    ::fsconfig(number, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!made) return Descriptor{};
  return Descriptor{::fsmount(number, FSMOUNT_CLOEXEC,
                              MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME)};
}

// Over a loop device on `file`, which frees itself once it is unmounted.
Result<Descriptor> mount_file(const Descriptor& file) {
  const Descriptor control = open_file("/dev/loop-control", O_RDWR);
  for (int attempt = 0; attempt < attach_tries_max; ++attempt) {
    const int number = ::ioctl(control.number(), LOOP_CTL_GET_FREE);
    if (number < 0) return refuse("there is no free loop device");
    const std::string path = fmt::format("/dev/loop{}", number);
    ::mknod(path.c_str(), S_IFBLK | 0600, makedev(loop_major, static_cast<unsigned>(number)));
    const Descriptor device = open_file(path, O_RDWR);
    if (!is_open(device)) return refuse(path);
    loop_config config{};
    config.fd = static_cast<__u32>(file.number());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.number(), LOOP_CONFIGURE, &config) != 0) {
      if (errno == EBUSY) continue;
      return refuse(path);
    }
    Descriptor mount = mount_of(path);
    if (!is_open(mount)) return refuse("mount " + path);
    return mount;
  }
  return refuse("loop devices are taken by others");
}

}  // namespace

std::string layers_missing() {
  if (find_program("mkfs.ext4").empty()) return "mkfs.ext4 (package e2fsprogs)";
  const Descriptor control = open_file("/dev/loop-control", O_RDWR);
  if (!is_open(control) || ::ioctl(control.number(), LOOP_CTL_GET_FREE) < 0)
    return "loop devices (/dev/loop-control)";
  return {};
}

Layers::Layers(std::string templates) : templates_(std::move(templates)) {
  maker_ = std::jthread{[this](const std::stop_token& stop) { make_spares(stop); }};
}

Result<std::string> Layers::template_of(std::int64_t mib) {
  const std::lock_guard lock{templates_mutex_};
  const std::string path = fmt::format("{}/{}MiB.ext4", templates_, mib);
  if (fs::exists(path)) return path;
  const std::string fresh = path + ".new";
  std::error_code failed;
  fs::create_directories(templates_, failed);
  fs::remove(fresh, failed);
  {
    const Descriptor file = open_file(fresh, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (!is_open(file) || ::ftruncate(file.number(), mib << 20) != 0) return refuse(fresh);
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

Result<Descriptor> Layers::make(std::int64_t mib) {
  KIBAN_TRY(const std::string source, template_of(mib));
  const Descriptor empty = open_file(source, O_RDONLY);
  const Descriptor file = open_nameless(templates_);
  if (!is_open(empty) || !is_open(file) || !copy_sparse(empty, file)) return refuse(templates_);
  return mount_file(file);
}

std::optional<Descriptor> Layers::take(std::int64_t mib) {
  const std::lock_guard lock{mutex_};
  wanted_mib_ = mib;
  asked_.notify_all();
  std::erase_if(spares_, [mib](const Spare& spare) { return spare.mib != mib; });
  if (spares_.empty()) return std::nullopt;
  Descriptor mount = std::move(spares_.back().mount);
  spares_.pop_back();
  return mount;
}

void Layers::make_spares(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  const auto lacking = [this] { return wanted_mib_ && spares_.size() < spares_max; };
  while (asked_.wait(lock, stop, lacking) && !stop.stop_requested()) {
    (void)asked_.wait_for(lock, stop, spare_delay, [] { return false; });
    while (!stop.stop_requested() && lacking()) {
      const std::int64_t mib = *wanted_mib_;
      lock.unlock();
      Result<Descriptor> mount = make(mib);
      lock.lock();
      if (mount)
        spares_.push_back({.mib = mib, .mount = *std::move(mount)});
      else
        wanted_mib_.reset();  // The next task asks again, and reports the error.
    }
  }
}

Result<void> Layers::open(const std::string& directory, std::int64_t mib) {
  const std::string target = directory + "/layer";
  if (is_mount_point(target)) return {};
  std::error_code failed;
  fs::create_directories(target, failed);
  fs::permissions(target, fs::perms::owner_all, failed);
  if (failed) return fail("ResourceInitializationError", failed.message());
  static const bool bounded = layers_missing().empty();
  if (!bounded) return {};
  std::optional<Descriptor> mount = take(mib);
  if (!mount) {
    KIBAN_TRY(mount, make(mib));
  }
  if (::move_mount(mount->number(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return refuse(target);
  return {};
}

void close_layer(const std::string& directory) {
  std::error_code failed;
  const std::string target = directory + "/layer";
  // A file of an earlier version. The kernel writes the cache of files that have a name.
  fs::remove(directory + "/layer.ext4", failed);
  ::umount2(target.c_str(), MNT_DETACH);
  fs::remove_all(target, failed);
}

}  // namespace kiban::containers
