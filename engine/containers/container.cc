#include "containers/container.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "containers/files.h"
#include "containers/image_file.h"
#include "containers/user_namespace.h"
#include "runtime/task_log.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

constexpr const char* taken_suffix = ".taken";  // Of the fifo of a container that was released.
// While no engine reads a log it grows to this; 64 times the backlog at which a container is held.
constexpr std::uint64_t unread_log_max = std::uint64_t{256} * 1024 * 1024;
constexpr const char* mapped_roots = "/run/kiban";
constexpr int killed_code = 137;  // 128 + SIGKILL, as a shell says it.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
constexpr const char* out_of_memory = "OutOfMemoryError: Container killed due to memory usage";

std::optional<int> number_of(const std::string& text) {
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::unexpected<Error> cannot_start(const std::string& cause) {
  return fail("CannotStartContainerError", cause);
}

// What runc said, out of conmon's {"pid": -1, "message": "…"}.
std::string message_of(const std::string& said) {
  const auto parsed = parse_json(said);
  if (!parsed || !parsed->is_object()) return said.empty() ? "conmon said nothing" : said;
  return text(parsed->get_object(), "message");
}

// Reads a fifo whose writer waits for a reader. For a process that shares its memory with ours:
// system calls only.
void read_fifo_and_exit(const char* path) {
  constexpr int milliseconds_max = 10'000;
  const long file = ::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  pollfd readable{.fd = static_cast<int>(file), .events = POLLIN, .revents = 0};
  timespec time_max{.tv_sec = milliseconds_max / 1000, .tv_nsec = 0};
  char byte = 0;
  const bool done = file >= 0 && ::syscall(SYS_ppoll, &readable, 1, &time_max, nullptr, 0) == 1 &&
                    ::syscall(SYS_read, file, &byte, 1) >= 0;
  ::_exit(done ? 0 : 1);
}

// What `runc start` does, without the start of runc: a container that was created waits until its
// fifo is opened for reading. The fifo is renamed first, so one with its first name was never
// released; the reader is a process of its own, so that it goes on reading when the engine is
// killed meanwhile: a reader that vanished would end the container before its first instruction.
// It executes no program, which would take longer than the reading.
Result<void> release_first_instruction(const std::string& pipe) {
  const std::string taken = pipe + taken_suffix;
  if (::rename(pipe.c_str(), taken.c_str()) != 0 && errno != ENOENT)
    return cannot_start(fmt::format("can't rename {}: {}", pipe, std::strerror(errno)));
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // Our handlers are not for the reader.
  // fork() copies the tables of all memory, and the reader does only what is safe after vfork().
  // NOLINTNEXTLINE(bugprone-unsafe-functions,clang-analyzer-security.insecureAPI.vfork)
  const pid_t reader = ::vfork();
  if (reader == 0) read_fifo_and_exit(taken.c_str());
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (reader < 0) return cannot_start(fmt::format("vfork: {}", std::strerror(error)));
  if (runtime::wait_for_child(reader) != 0)
    return cannot_start(fmt::format("can't read {}", taken));
  ::unlink(taken.c_str());
  return {};
}

// Makes a folder whose mode does not depend on the engine's umask.
Result<void> make_folder(const std::string& path, fs::perms mode) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, mode, failed);
  if (failed) return cannot_start(fmt::format("can't create {}: {}", path, failed.message()));
  return {};
}

// Those that a read-only mount of it in a user namespace has to keep.
std::vector<std::string> flags_of_mount(const std::string& path) {
  struct statvfs found{};
  std::vector<std::string> flags;
  if (::statvfs(path.c_str(), &found) != 0) return flags;
  for (const auto& [flag, name] : {std::pair(ST_NOSUID, "nosuid"), std::pair(ST_NODEV, "nodev"),
                                   std::pair(ST_NOEXEC, "noexec")})
    if ((found.f_flag & static_cast<unsigned long>(flag)) != 0) flags.emplace_back(name);
  return flags;
}

}  // namespace

std::string group_of_task(const std::string& id) { return "/kiban/" + id; }

Container::Container(const Tools& tools, json::object plan, std::string id, std::string directory)
    : tools_(tools),
      plan_(std::move(plan)),
      id_(std::move(id)),
      directory_(std::move(directory)),
      log_(std::strtoull(read_file(directory_ + "/offset").c_str(), nullptr, 10)) {}

Container::Container(Container&& other) noexcept
    : tools_(other.tools_),
      plan_(std::move(other.plan_)),
      id_(std::move(other.id_)),
      directory_(std::move(other.directory_)),
      stop_signal_(std::move(other.stop_signal_)),
      monitor_(std::exchange(other.monitor_, -1)),
      monitor_pid_(other.monitor_pid_),
      log_descriptor_(std::exchange(other.log_descriptor_, -1)),
      log_(std::move(other.log_)),
      exit_code_(other.exit_code_),
      reason_(std::move(other.reason_)) {}

Container::~Container() {
  if (monitor_ >= 0) ::close(monitor_);
  if (log_descriptor_ >= 0) ::close(log_descriptor_);
}

std::string Container::name() const { return text(plan_, "Name"); }

bool Container::essential() const {
  const json::value* found = find(plan_, "Essential");
  return !found || !found->is_bool() || found->get_bool();
}

std::chrono::seconds Container::stop_timeout() const {
  const json::value* found = find(plan_, "StopTimeout");
  return std::chrono::seconds{found && found->is_number() ? found->to_number<int>() : 30};
}

// Within that of its task.
std::string Container::group() const {
  const std::size_t dash = id_.rfind('-');
  return fmt::format("{}/{}", group_of_task(id_.substr(0, dash)), id_.substr(dash + 1));
}

// The container's writable layer, in the storage of its task.
std::string Container::layer() const {
  const fs::path folder{directory_};
  return folder.parent_path() / "layer" / folder.filename();
}

bool Container::was_started() const { return fs::exists(directory_ + "/started"); }

Result<void> Container::create(const Image& image, Surroundings surroundings) {
  const bool mapped = surroundings.user_namespace.has_value();
  KIBAN_TRY(const std::uint32_t user, prepare(image, std::move(surroundings)));
  KIBAN_TRY_VOID(run_conmon());
  if (mapped) give_output(user);
  return {};
}

Result<std::uint32_t> Container::prepare(const Image& image, Surroundings surroundings) {
  remove();  // The incomplete files of a crash.
  std::error_code failed;
  fs::remove_all(directory_, failed);
  // Only root reaches them: a container can leave setuid files in its layer.
  KIBAN_TRY_VOID(make_folder(directory_, fs::perms::owner_all));
  for (const auto* folder : {"bundle", "root", "exits", "persist", "sockets"})
    KIBAN_TRY_VOID(make_folder(fmt::format("{}/{}", directory_, folder), fs::perms::owner_all));
  KIBAN_TRY_VOID(make_layer());
  surroundings.root = directory_ + "/root";
  if (surroundings.user_namespace) {
    surroundings.root = mapped_root();
    KIBAN_TRY_VOID(make_mapped_root(surroundings.user_namespace->first_id));
  }
  KIBAN_TRY_VOID(mount_root(image.root, surroundings));
  KIBAN_TRY(surroundings.passwd, read_image_file(image.root, "/etc/passwd"));
  KIBAN_TRY(surroundings.group, read_image_file(image.root, "/etc/group"));
  surroundings.cgroup = group();
  surroundings.swap_limit = can_limit_swap();
  surroundings.seccomp = tools_.seccomp;
  surroundings.init = {.source = tools_.init};
  for (Mount& mount : surroundings.mounts) mount.flags = flags_of_mount(mount.source);
  if (!tools_.init.empty()) surroundings.init.flags = flags_of_mount(tools_.init);
  KIBAN_TRY(const json::object config, runtime_config(image.config, plan_, surroundings));
  KIBAN_TRY_VOID(write_file(directory_ + "/bundle/config.json", print_json(config)));
  stop_signal_ = containers::stop_signal(image.config);
  return (surroundings.user_namespace ? surroundings.user_namespace->first_id : 0) +
         config.at("process").at("user").at("uid").to_number<std::uint32_t>();
}

// Its standard output and error are pipes of conmon, which belong to the host's root. Programs open
// them anew as /dev/stdout, so they have to belong to the container's user. The runtime sees to
// that only where it may change the owner.
void Container::give_output(std::uint32_t user) const {
  const std::string pid = read_file(directory_ + "/pid");
  for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
    const std::string path = fmt::format("/proc/{}/fd/{}", number_of(pid).value_or(0), number);
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0 && S_ISFIFO(found.st_mode))
      (void)::chown(path.c_str(), user, static_cast<gid_t>(-1));
  }
}

// Where the root file system is mounted for a user namespace. The runtime enters it as the
// container's root, which has no access to DIR.
std::string Container::mapped_root() const {
  const std::size_t dash = id_.rfind('-');
  return fmt::format("{}/{}/{}", mapped_roots, id_.substr(0, dash), id_.substr(dash + 1));
}

Result<void> Container::make_layer() const {
  std::error_code failed;
  fs::remove_all(layer(), failed);
  KIBAN_TRY_VOID(make_folder(layer() + "/work", fs::perms::owner_all));
  // It is the container's root directory, which other users than root pass too.
  return make_folder(layer() + "/upper", fs::perms{0755});
}

// Only the container's root and the host's reach it.
Result<void> Container::make_mapped_root(std::uint32_t first_id) const {
  const std::string root = mapped_root();
  const std::string of_task = fs::path(root).parent_path();
  KIBAN_TRY_VOID(make_folder(mapped_roots, fs::perms{0711}));
  KIBAN_TRY_VOID(make_folder(of_task, fs::perms::owner_all));
  KIBAN_TRY_VOID(make_folder(root, fs::perms::owner_all));
  KIBAN_TRY_VOID(give_to(of_task, first_id));
  return give_to(layer() + "/upper", first_id);
}

// A layer of its own over the image's files; a copy of them where overlays are refused. The folders
// are named by descriptors: in mount options commas, colons and backslashes of a path would have a
// meaning, and /proc/mounts would tell the container where the folders are.
Result<void> Container::mount_root(const std::string& image_root,
                                   const Surroundings& surroundings) const {
  const std::string& root = surroundings.root;
  const auto& user = surroundings.user_namespace;
  // The image with the ids of the container lies where the overlay then hides it.
  if (user && !mount_with_ids_of(user->path, image_root, root))
    return cannot_start(
        fmt::format("can't mount the image for a user namespace: {}", std::strerror(errno)));
  const std::string& lower = user ? root : image_root;
  std::array<int, 3> folders{};
  std::string options;
  const std::array<std::pair<const char*, std::string>, 3> parts{
      {{"lowerdir", lower}, {"upperdir", layer() + "/upper"}, {"workdir", layer() + "/work"}}};
  for (std::size_t index = 0; index < parts.size(); ++index) {
    folders[index] = ::open(parts[index].second.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    options += fmt::format("{}{}=/proc/self/fd/{}", index == 0 ? "" : ",", parts[index].first,
                           folders[index]);
  }
  const bool mounted = ::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) == 0;
  for (const int folder : folders)
    if (folder >= 0) ::close(folder);
  if (mounted) return {};
  if (user) return cannot_start("can't mount an overlay for a user namespace");
  const auto copied =
      run_program({"/bin/cp", "-a", "--reflink=auto", image_root + "/.", root}, {}, copy_time_max);
  if (!copied) return cannot_start(copied.error().cause);
  return {};
}

Result<void> Container::run_conmon() {
  const auto said = start_monitor(
      {tools_.conmon, "-c", id_, "-u", id_, "-n", id_, "-r", tools_.runc,
       "--runtime-arg=--root=" + tools_.state, "-b", directory_ + "/bundle", "-p",
       directory_ + "/pid", "--conmon-pidfile", directory_ + "/monitor", "--exit-dir",
       directory_ + "/exits", "--persist-dir", directory_ + "/persist",
       // Without it conmon ends silently for want of its usual folder.
       "--socket-dir-path", directory_ + "/sockets", "-l", "k8s-file:log", "--log-level", "error"},
      // Its working directory: where it writes the log, whose path may hold no colon,
      // and notes, in a file "oom", that memory ran out.
      directory_, "_OCI_SYNCPIPE");
  if (!said) return cannot_start(said.error().cause);
  if (!fs::exists(directory_ + "/pid")) return cannot_start(message_of(*said));
  return open_monitor();
}

Result<void> Container::start() {
  KIBAN_TRY_VOID(write_file(directory_ + "/started", stop_signal_));
  return release_first_instruction(pipe());
}

std::string Container::pipe() const { return fmt::format("{}/{}/exec.fifo", tools_.state, id_); }

// Whether its first process waits for the fifo to be opened: runc's, which holds a descriptor of
// the fifo until it executes the command. Its name and its executable do not identify it:
// runc runs as a copy of itself, which has no path.
bool Container::waits_for_release() const {
  if (fs::exists(directory_ + "/exits/" + id_)) return false;  // Its process id may be another's.
  struct stat fifo{};
  if (::stat(pipe().c_str(), &fifo) != 0 && ::stat((pipe() + taken_suffix).c_str(), &fifo) != 0)
    return false;
  const int pid = number_of(read_file(directory_ + "/pid")).value_or(0);
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator{fmt::format("/proc/{}/fd", pid), failed}) {
    struct stat held{};
    if (::stat(entry.path().c_str(), &held) == 0 && held.st_dev == fifo.st_dev &&
        held.st_ino == fifo.st_ino)
      return true;
  }
  return false;
}

Result<bool> Container::adopt() {
  stop_signal_ = read_file(directory_ + "/started");
  const bool waits = waits_for_release();
  if (!waits && fs::exists(pipe())) return false;
  // Killed between marker and release.
  if (waits) {
    const Result<void> released = release_first_instruction(pipe());
    // The reader of the engine before may have been first.
    if (!released && waits_for_release()) return std::unexpected(released.error());
  }
  KIBAN_TRY_VOID(open_monitor());
  return true;
}

Result<void> Container::open_monitor() {
  const int pid = number_of(read_file(directory_ + "/monitor")).value_or(0);
  // Process ids are used again: the one we mean knows our id.
  const bool ours =
      pid > 1 && read_file(fmt::format("/proc/{}/cmdline", pid)).find(id_) != std::string::npos;
  if (ours) monitor_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (monitor_ < 0) return {};
  ::fcntl(monitor_, F_SETFD, FD_CLOEXEC);
  monitor_pid_ = pid;
  bound_log(log_.resume());
  return {};
}

void Container::settle() {
  if (monitor_ >= 0) {
    // The monitor of a container that this run of the engine made is its child: driver.cc.
    (void)::waitid(P_PIDFD, static_cast<id_t>(monitor_), nullptr, WEXITED | WNOHANG);
    ::close(std::exchange(monitor_, -1));
  }
  exit_code_ = number_of(read_file(directory_ + "/exits/" + id_));
  if (!exit_code_) {  // The monitor was killed, or the machine was restarted.
    signal("SIGKILL");
    exit_code_ = killed_code;
    reason_ = "The container was lost: its monitor ended without an exit code";
  } else if (oom_kills(group()) > 0 && *exit_code_ == killed_code) {
    reason_ = out_of_memory;
  }
}

void Container::signal(const std::string& name) const {
  (void)run_program({tools_.runc, "--root", tools_.state, "kill", id_, name});
}

void Container::ask_to_end() const { signal(stop_signal_); }
void Container::kill() const { signal("SIGKILL"); }

Result<Child> Container::execute(const std::vector<std::string>& command) const {
  std::vector<std::string> words{tools_.runc, "--root", tools_.state, "exec", id_};
  words.insert(words.end(), command.begin(), command.end());
  return Child::start(words);
}

std::vector<LogLine> Container::read_log(bool ended) {
  constexpr std::size_t piece_max = std::size_t{256} * 1024;  // So that one report stays small.
  if (log_descriptor_ < 0)
    log_descriptor_ = ::open((directory_ + "/log").c_str(), O_RDONLY | O_CLOEXEC);
  std::string piece(piece_max, '\0');
  const ssize_t count = log_descriptor_ < 0 ? 0
                                            : ::pread(log_descriptor_, piece.data(), piece.size(),
                                                      static_cast<off_t>(log_.offset()));
  if (count <= 0) return ended ? log_.finish() : std::vector<LogLine>{};
  piece.resize(static_cast<std::size_t>(count));
  std::vector<LogLine> lines = log_.feed(piece);
  // Empty means "no more for now", so go on until there is a line.
  return lines.empty() ? read_log(ended) : lines;
}

std::uint64_t Container::log_backlog() const {
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(directory_ + "/log", failed);
  return failed || size < log_.offset() ? 0 : size - log_.offset();
}

void Container::skip_log(std::uint64_t bytes_kept) {
  const std::uint64_t backlog = log_backlog();
  if (backlog <= bytes_kept || log_descriptor_ < 0) return;
  std::uint64_t next = log_.offset() + backlog - bytes_kept;
  std::string piece(runtime::log_line_bytes_max, '\0');
  const ssize_t count =
      ::pread(log_descriptor_, piece.data(), piece.size(), static_cast<off_t>(next));
  piece.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  const std::size_t end = piece.find('\n');
  log_ = LogParser{next + (end == std::string::npos ? piece.size() : end + 1)};
}

void Container::release_log(std::uint64_t end) const {
  runtime::release_log(directory_, end);
  bound_log(end);
}

// Holes count as a part of a file's size, so the limit grows with the reported part. conmon
// continues when it can't write: lines beyond the limit are lost until there is room again.
void Container::bound_log(std::uint64_t end) const {
  rlimit limit{};
  const bool runs = monitor_ >= 0 &&
                    ::syscall(SYS_pidfd_send_signal, monitor_, 0, nullptr, 0) == 0 &&
                    ::prlimit(monitor_pid_, RLIMIT_FSIZE, nullptr, &limit) == 0;
  if (!runs) return;
  const json::object* log = find_object(plan_, "Log");
  const json::value* given = log ? find(*log, "BufferBytes") : nullptr;
  const std::uint64_t buffer = given ? given->to_number<std::uint64_t>() : 0;
  limit.rlim_cur = std::min<rlim_t>(end + std::max(unread_log_max, 2 * buffer), limit.rlim_max);
  (void)::prlimit(monitor_pid_, RLIMIT_FSIZE, &limit, nullptr);
}

void Container::hold_output(bool held) const {
  if (monitor_ >= 0)
    (void)::syscall(SYS_pidfd_send_signal, monitor_, held ? SIGSTOP : SIGCONT, nullptr, 0);
}

void Container::remove() {
  if (monitor_ < 0) (void)open_monitor();
  hold_output(false);
  if (fs::exists(tools_.state + "/" + id_))
    (void)run_program({tools_.runc, "--root", tools_.state, "delete", "--force", id_});
  ::umount2((directory_ + "/root").c_str(), MNT_DETACH);
  const std::string mapped = mapped_root();
  while (::umount2(mapped.c_str(), MNT_DETACH) == 0) {  // The overlay, and the image below it.
  }
  ::rmdir(mapped.c_str());
  ::rmdir(fs::path(mapped).parent_path().c_str());  // Unless another container is there.
}

}  // namespace kiban::containers
