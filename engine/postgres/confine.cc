#include "postgres/confine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>

namespace kiban::postgres {
namespace {

namespace fs = std::filesystem;

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "name the audit architecture of this machine"
#endif

// Descriptors of the child before it executes the program. The filter below knows the program's.
constexpr int failures_descriptor = 3;
constexpr int program_descriptor = 4;

// One step to make the file system that the program sees.
struct Step {
  enum class Kind { Folder, File, Link, Tmpfs, BindFile, BindFolder, Device, Data, Locked };
  Kind kind{Kind::Folder};
  std::string path{};  // Below the mount point, with it.
  std::string from{};  // Of a bind: the host's path. Of a link: its text. Of a file: its content.
};

// The child of a process with threads may allocate nothing, so all of it is prepared before fork().
struct Prepared {
  std::vector<Step> steps{};
  std::vector<char*> arguments{};
  std::vector<char*> environment{};
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& one : strings) out.push_back(const_cast<char*>(one.c_str()));
  out.push_back(nullptr);
  return out;
}

class View {
 public:
  explicit View(std::string root) : root_(std::move(root)) {
    steps_.push_back({.kind = Step::Kind::Tmpfs, .path = root_, .from = "mode=0755,size=1m"});
  }
  void folders(const fs::path& path) {
    std::string made = root_;
    for (const fs::path& part : path.relative_path()) {
      made += "/" + part.string();
      steps_.push_back({.kind = Step::Kind::Folder, .path = made});
    }
  }
  void bind(const std::string& path) { bind(path, path); }
  void bind(const std::string& from, const std::string& to) {
    std::error_code failed;
    const bool folder = fs::is_directory(from, failed);
    if (!folder && !fs::exists(from, failed)) return;
    folders(folder ? fs::path(to) : fs::path(to).parent_path());
    if (!folder) add(Step::Kind::File, to, "");
    add(folder ? Step::Kind::BindFolder : Step::Kind::BindFile, to, from);
  }
  // /lib and the like: links into /usr where the host has them so.
  void root_folder(const std::string& path) {
    std::error_code failed;
    const fs::path link = fs::read_symlink(path, failed);
    if (failed)
      bind(path);
    else
      add(Step::Kind::Link, path, link.string());
  }
  void add(Step::Kind kind, const std::string& path, const std::string& from) {
    steps_.push_back({.kind = kind, .path = root_ + path, .from = from});
  }
  std::vector<Step> take() { return std::move(steps_); }

 private:
  std::string root_;
  std::vector<Step> steps_{};
};

std::vector<Step> view_of(const Confined& confined) {
  View view{confined.mount_point};
  for (const char* folder : {"/lib", "/lib64"}) view.root_folder(folder);
#if defined(__x86_64__)
  view.bind("/usr/lib/x86_64-linux-gnu");
  view.bind("/usr/lib64");
#else
  view.bind("/usr/lib/aarch64-linux-gnu");
  view.bind("/usr/lib/ld-linux-aarch64.so.1");
#endif
  view.bind(confined.program_root);
  for (const char* path :
       {"/usr/share/postgresql", "/usr/share/zoneinfo", "/usr/lib/locale", "/etc/ld.so.cache"})
    view.bind(path);
  if (confined.shell) {
    view.root_folder("/bin");
    for (const char* path : {"/usr/bin/sh", "/usr/bin/locale"}) view.bind(path);
  }
  view.folders("/etc");
  view.add(Step::Kind::File, "/etc/passwd",
           fmt::format("database:x:{0}:{1}::{2}:/\n", confined.user->uid, confined.user->gid,
                       confined_data));
  view.folders("/dev/shm");
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"}) {
    view.add(Step::Kind::File, device, "");
    view.add(Step::Kind::Device, device, device);
  }
  // PostgreSQL shares memory between its processes there.
  view.add(Step::Kind::Tmpfs, "/dev/shm", "mode=1777,size=256m");
  view.folders(confined_data);
  view.folders(confined.data);
  view.add(Step::Kind::Data, confined_data, confined.data);
  view.add(Step::Kind::Data, confined.data, confined.data);
  view.add(Step::Kind::Locked, "", "");
  return view.take();
}

bool write_content(const Step& step) {
  const int file = ::open(step.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return false;
  const ssize_t size = static_cast<ssize_t>(step.from.size());
  const bool written = ::write(file, step.from.data(), step.from.size()) == size;
  ::close(file);
  return written;
}

bool bind(const Step& step, unsigned long flags) {
  return ::mount(step.from.c_str(), step.path.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
         ::mount(nullptr, step.path.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) == 0;
}

bool perform(const Step& step) {
  constexpr unsigned long harmless = MS_NOSUID | MS_NODEV;
  switch (step.kind) {
    case Step::Kind::Folder:
      return ::mkdir(step.path.c_str(), 0755) == 0 || errno == EEXIST;
    case Step::Kind::File:
      return write_content(step);
    case Step::Kind::Link:
      return ::symlink(step.from.c_str(), step.path.c_str()) == 0;
    case Step::Kind::Tmpfs:
      return ::mount("tmpfs", step.path.c_str(), "tmpfs", harmless | MS_NOEXEC,
                     step.from.c_str()) == 0;
    case Step::Kind::BindFile:
    case Step::Kind::BindFolder:
      return bind(step, harmless | MS_RDONLY);
    case Step::Kind::Device:
      return bind(step, MS_NOSUID | MS_NOEXEC);
    case Step::Kind::Data:
      return bind(step, harmless | MS_NOEXEC);
    case Step::Kind::Locked:
      return ::mount(nullptr, step.path.c_str(), nullptr,
                     MS_REMOUNT | MS_BIND | harmless | MS_NOEXEC | MS_RDONLY, nullptr) == 0;
  }
  return false;
}

// Refuses every execve, and execveat but of the descriptor with which the program itself begins:
// that one is closed by then. Also refuses calls that no database needs and calls that widen the
// kernel's attack surface.
bool refuse_programs() {
  constexpr std::uint32_t number = offsetof(seccomp_data, nr);
  constexpr std::uint32_t first_argument = offsetof(seccomp_data, args);
  constexpr std::uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, refused),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 12, 0),  // The x32 numbers.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 11, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 10, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 9, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 8, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount, 7, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 6, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_keyctl, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first_argument),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, program_descriptor, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, refused)};
  const sock_fprog program{.len = sizeof filter / sizeof filter[0],
                           .filter = const_cast<sock_filter*>(filter)};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool enter_view(const Confined& confined, const Prepared& prepared, const char** what) {
  *what = "can't have a mount namespace";
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return false;
  ::umask(022);
  for (const Step& step : prepared.steps) {
    *what = step.path.c_str();
    if (!perform(step)) return false;
  }
  *what = "can't change the root";
  if (::chdir(confined.mount_point.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    return false;
  return true;
}

bool become_user(const HostUser& user) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0;
}

void reset_signals() {
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the child; returns only when it failed, with what did.
const char* confine_and_execute(const Confined& confined, const Prepared& prepared, int failures) {
  const char* what = "can't make a session";
  ::setsid();
  reset_signals();
  if (::dup2(confined.input, STDIN_FILENO) < 0 || ::dup2(confined.output, STDOUT_FILENO) < 0 ||
      ::dup2(confined.errors < 0 ? confined.output : confined.errors, STDERR_FILENO) < 0)
    return what;
  if (failures != failures_descriptor && ::dup3(failures, failures_descriptor, O_CLOEXEC) < 0)
    return what;
  if (confined.user && !enter_view(confined, prepared, &what)) return what;
  what = "can't enter the data directory";
  if (::chdir(confined.data.c_str()) != 0) return what;
  what = "can't open the program";
  const int program = ::open(prepared.arguments.front(), O_PATH | O_CLOEXEC);
  if (program < 0) return what;
  if (program != program_descriptor && ::dup3(program, program_descriptor, O_CLOEXEC) < 0)
    return what;
  // A server that outlives us must not hold our sockets open.
  if (::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return what;
  ::umask(077);
  what = "can't become the database's user";
  if (confined.user && !become_user(*confined.user)) return what;
  what = "can't give up privileges";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return what;
  if (!confined.shell && !refuse_programs()) return what;
  ::syscall(SYS_execveat, program_descriptor, "", prepared.arguments.data(),
            prepared.environment.data(), AT_EMPTY_PATH);
  return "can't execute the program";
}

struct Failure {
  int error{0};
  char what[256]{};
};

[[noreturn]] void run_child(const Confined& confined, const Prepared& prepared, int failures) {
  if (confined.life == Life::Detached) {
    const pid_t second = ::fork();
    if (second > 0) ::_exit(0);
  }
  const char* what = confine_and_execute(confined, prepared, failures);
  Failure failure{.error = errno};
  std::strncpy(failure.what, what, sizeof failure.what - 1);
  // Until the streams are set, the pipe has the number that it was made with.
  if (::write(failures_descriptor, &failure, sizeof failure) < 0)
    (void)!::write(failures, &failure, sizeof failure);
  ::_exit(127);
}

}  // namespace

Result<pid_t> spawn_confined(const Confined& confined) {
  Prepared prepared{.arguments = pointers(confined.arguments),
                    .environment = pointers(confined.environment)};
  if (confined.user) prepared.steps = view_of(confined);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail("ProgramFailed", std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) run_child(confined, prepared, ends[1]);
  const int error = errno;
  ::close(ends[1]);
  Failure failure;
  // Until the program runs, which closes the other end.
  const ssize_t got = child < 0 ? 0 : ::read(ends[0], &failure, sizeof failure);
  ::close(ends[0]);
  if (child < 0) return fail("ProgramFailed", fmt::format("fork: {}", std::strerror(error)));
  if (confined.life == Life::Detached || got > 0) ::waitpid(child, nullptr, 0);
  if (got <= 0) return child;
  return fail("ProgramFailed", fmt::format("{}: {}: {}", confined.arguments.front(), failure.what,
                                           std::strerror(failure.error)));
}

}  // namespace kiban::postgres
