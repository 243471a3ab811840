#include "containers/user_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;
using runtime::Descriptor;

// Between the ids of databases (from 1900000000 on) and those that systemd gives a meaning
// (from 0x7FFE0000 on). https://systemd.io/UIDS-GIDS/
constexpr std::uint32_t ranges_begin = 0x7200'0000;
constexpr std::uint32_t ranges_end = 0x7FFE'0000;
constexpr std::uint32_t ranges = (ranges_end - ranges_begin) / ids_per_task;

std::unexpected<Error> refuse(const std::string& what) {
  return fail("ProgramFailed", fmt::format("{}: {}", what, std::strerror(errno)));
}

// The work of the waiting process once it is released; returns its exit code. System calls only.
using Work = int (*)();

// A process in new namespaces, which hold it while it waits. It shares this process's memory, whose
// tables would take longer to copy than all else here, and makes system calls only.
class Waiting {
 public:
  static Result<std::unique_ptr<Waiting>> start(int namespaces, Work work) {
    std::unique_ptr<Waiting> made{new Waiting};
    KIBAN_TRY(made->pipe_, runtime::make_pipe());
    made->life_ = {.read = made->pipe_.read.number(), .work = work};
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // Our handlers are not for it.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    made->pid_ = ::clone(&Waiting::run, made->stack_.data() + made->stack_.size(),
                         CLONE_VM | SIGCHLD | namespaces, &made->life_);
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    if (made->pid_ < 0) return refuse("clone");
    return made;
  }
  ~Waiting() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)runtime::wait_for_child(pid_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  bool map_ids(std::uint32_t first) const {
    for (const auto* map : {"uid_map", "gid_map"}) {
      std::ofstream out{fmt::format("/proc/{}/{}", pid_, map)};
      out << fmt::format("0 {} {}\n", first, ids_per_task) << std::flush;
      if (!out) return false;
    }
    return true;
  }
  std::string path_of(std::string_view kind) const {
    return fmt::format("/proc/{}/ns/{}", pid_, kind);
  }
  // Lets it do its work. Its exit code.
  int finish() {
    (void)!::write(pipe_.write.number(), "", 1);
    return runtime::exit_code_of(runtime::wait_for_child(std::exchange(pid_, -1)).value_or(-1));
  }

 private:
  struct Life {
    int read{-1};
    Work work{nullptr};
  };
  Waiting() = default;

  static int run(void* argument) {
    const auto& life = *static_cast<const Life*>(argument);
    // Its copies of descriptors: the pipe ends with the engine then, and this process with the
    // pipe.
    ::syscall(SYS_close_range, 0, life.read - 1, 0);
    ::syscall(SYS_close_range, life.read + 1, ~0U, 0);
    char byte = 0;
    ::_exit(::syscall(SYS_read, life.read, &byte, 1) == 1 ? life.work() : 1);
  }

  alignas(16) std::array<std::byte, std::size_t{64} * 1024> stack_{};
  runtime::Pipe pipe_{};
  Life life_{};
  pid_t pid_{-1};
};

// What runc has to mount for a container. The kernel refuses it where a part of the host's /proc or
// /sys is hidden by other mounts, as in a container.
int mount_kernel_files() {
  if (::syscall(SYS_mount, "proc", "/proc", "proc", 0, nullptr) != 0) return 2;
  return ::syscall(SYS_mount, "sysfs", "/sys", "sysfs", 0, nullptr) == 0 ? 0 : 2;
}

// Mounts an overlay like that of a task, in a mount namespace that ends with this thread. Returns
// the step that failed; empty when all succeeded.
std::string try_overlay(const std::string& user_namespace, const std::string& directory) {
  const auto lacking = [](const std::string& what) {
    return fmt::format("{}: {}", what, std::strerror(errno));
  };
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return lacking("mount namespaces");
  const Descriptor images{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  const std::string place = "/run";  // A mount over it is visible in this namespace only.
  if (::mount("tmpfs", place.c_str(), "tmpfs", 0, nullptr) != 0) return lacking("tmpfs");
  for (const auto* folder : {"/lower", "/upper", "/work"}) ::mkdir((place + folder).c_str(), 0700);
  if (!mount_with_ids_of(user_namespace, fmt::format("/proc/self/fd/{}", images.number()),
                         place + "/lower"))
    return lacking("idmapped mounts of the file system of " + directory);
  const auto* const options = "lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work";
  if (::mount("overlay", place.c_str(), "overlay", 0, options) != 0)
    return lacking("overlays over idmapped mounts (Linux 5.19)");
  return {};
}

std::string try_all(const std::string& directory) {
  const auto waiting = Waiting::start(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID,
                                      &mount_kernel_files);
  if (!waiting) return "user namespaces (see user.max_user_namespaces): " + waiting.error().cause;
  if (!(*waiting)->map_ids(ranges_begin)) return "a mapping of user ids";
  if (std::string lacking = try_overlay((*waiting)->path_of("user"), directory); !lacking.empty())
    return lacking;
  if ((*waiting)->finish() != 0)
    return "mounts of procfs and sysfs: a part of this host's /proc or /sys is hidden";
  return {};
}

}  // namespace

std::optional<std::uint32_t> IdRanges::take(const std::string& task) {
  const std::lock_guard lock{mutex_};
  const std::size_t start = std::hash<std::string>{}(task);
  for (std::uint32_t step = 0; step < ranges; ++step) {
    const auto range = static_cast<std::uint32_t>((start + step) % ranges);
    const std::uint32_t first = ranges_begin + range * ids_per_task;
    if (taken_.insert(first).second) return first;
  }
  return std::nullopt;
}

void IdRanges::keep(std::uint32_t first) {
  const std::lock_guard lock{mutex_};
  taken_.insert(first);
}

void IdRanges::release(std::uint32_t first) {
  const std::lock_guard lock{mutex_};
  taken_.erase(first);
}

Result<Descriptor> make_owned_network(std::uint32_t first_id) {
  KIBAN_TRY(const auto waiting, Waiting::start(CLONE_NEWUSER | CLONE_NEWNET, [] { return 0; }));
  if (!waiting->map_ids(first_id)) return refuse("can't map the ids of a user namespace");
  Descriptor network{::open(waiting->path_of("net").c_str(), O_RDONLY | O_CLOEXEC)};
  if (network.number() < 0) return refuse("can't open a network namespace");
  return network;
}

std::optional<Descriptor> owner_of_network(const std::string& path) {
  const Descriptor network{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  Descriptor owner{::ioctl(network.number(), NS_GET_USERNS)};
  struct stat found{};
  struct stat own{};
  const bool other = owner.number() >= 0 && ::fstat(owner.number(), &found) == 0 &&
                     ::stat("/proc/self/ns/user", &own) == 0 && found.st_ino != own.st_ino;
  if (!other) return std::nullopt;
  return owner;
}

bool mount_with_ids_of(const std::string& path, const std::string& folder,
                       const std::string& target) {
  const Descriptor ids{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const Descriptor tree{::open_tree(AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)};
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(ids.number());
  return ids.number() >= 0 && tree.number() >= 0 &&
         ::mount_setattr(tree.number(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0 &&
         ::move_mount(tree.number(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

std::string user_namespaces_missing(const std::string& directory) {
  if (::geteuid() != 0) return "root";
  std::error_code failed;
  fs::path place = fs::absolute(directory, failed);
  while (!fs::exists(place, failed) && place.has_relative_path()) place = place.parent_path();
  std::string missing;
  std::thread{[&missing, place] { missing = try_all(place.string()); }}.join();
  return missing;
}

}  // namespace kiban::containers
