#include "containers/container.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
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

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

constexpr int start_wait_ms = 5'000;
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

// What `runc start` does, without the start of another program: a container that was created waits
// for somebody to read from this pipe, and one without the pipe counts as started. False: nothing
// was done.
bool release_first_instruction(const std::string& pipe) {
  const int file = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return false;
  pollfd ready{.fd = file, .events = POLLIN, .revents = 0};
  char byte = 0;
  const bool released = ::poll(&ready, 1, start_wait_ms) == 1 && ::read(file, &byte, 1) == 1;
  ::close(file);
  if (released) ::unlink(pipe.c_str());
  return released;
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

bool Container::was_started() const { return fs::exists(directory_ + "/started"); }

Result<void> Container::create(const Image& image, Surroundings surroundings) {
  remove();  // What a crash left half made.
  std::error_code failed;
  fs::remove_all(directory_, failed);
  for (const auto* folder : {"bundle", "root", "upper", "work", "exits", "persist", "sockets"}) {
    fs::create_directories(fmt::format("{}/{}", directory_, folder), failed);
    if (failed)
      return cannot_start(fmt::format("can't create {}: {}", directory_, failed.message()));
  }
  KIBAN_TRY_VOID(make_readable(directory_ + "/upper"));  // It is the mode of the container's `/`.
  KIBAN_TRY_VOID(mount_root(image.root));
  surroundings.root = directory_ + "/root";
  surroundings.passwd = read_file(image.root + "/etc/passwd");
  surroundings.group = read_file(image.root + "/etc/group");
  surroundings.cgroup = group();
  surroundings.swap_limit = can_limit_swap();
  KIBAN_TRY(const json::object config, runtime_config(image.config, plan_, surroundings));
  KIBAN_TRY_VOID(write_file(directory_ + "/bundle/config.json", print_json(config)));
  stop_signal_ = containers::stop_signal(image.config);
  return run_conmon();
}

// A layer of its own over the image's files; a copy of them where overlays are refused.
Result<void> Container::mount_root(const std::string& image_root) {
  const std::string options = fmt::format("lowerdir={},upperdir={}/upper,workdir={}/work",
                                          image_root, directory_, directory_);
  const std::string root = directory_ + "/root";
  if (::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) == 0) return {};
  const auto copied =
      run_program({"/bin/cp", "-a", "--reflink=auto", image_root + "/.", root}, {}, copy_time_max);
  if (!copied) return cannot_start(copied.error().cause);
  return {};
}

Result<void> Container::run_conmon() {
  const auto said = start_monitor(
      {"/bin/sh", "-c", "umask 022; exec \"$0\" \"$@\"", tools_.conmon, "-c", id_, "-u", id_, "-n",
       id_, "-r", tools_.runc, "--runtime-arg=--root=" + tools_.state, "-b", directory_ + "/bundle",
       "-p", directory_ + "/pid", "--conmon-pidfile", directory_ + "/monitor", "--exit-dir",
       directory_ + "/exits", "--persist-dir", directory_ + "/persist",
       // Without it conmon ends silently for want of its usual folder.
       "--socket-dir-path", directory_ + "/sockets", "-l", "k8s-file:" + directory_ + "/log",
       "--log-level", "error"},
      directory_,  // Where it notes, in a file "oom", that memory ran out.
      "_OCI_SYNCPIPE");
  if (!said) return cannot_start(said.error().cause);
  if (!fs::exists(directory_ + "/pid")) return cannot_start(message_of(*said));
  return open_monitor();
}

Result<void> Container::start() {
  KIBAN_TRY_VOID(write_file(directory_ + "/started", stop_signal_));
  if (release_first_instruction(fmt::format("{}/{}/exec.fifo", tools_.state, id_))) return {};
  const auto started = run_program({tools_.runc, "--root", tools_.state, "start", id_});
  if (!started) return cannot_start(started.error().cause);
  return {};
}

Result<void> Container::adopt() {
  stop_signal_ = read_file(directory_ + "/started");
  if (runc_status() == "created") KIBAN_TRY_VOID(start());  // Killed between marker and start.
  return open_monitor();
}

Result<void> Container::open_monitor() {
  const int pid = number_of(read_file(directory_ + "/monitor")).value_or(0);
  // Process ids are used again: the one we mean knows our id.
  const bool ours =
      pid > 1 && read_file(fmt::format("/proc/{}/cmdline", pid)).find(id_) != std::string::npos;
  if (ours) monitor_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (monitor_ >= 0) ::fcntl(monitor_, F_SETFD, FD_CLOEXEC);
  return {};
}

std::string Container::runc_status() const {
  const auto said = run_program({tools_.runc, "--root", tools_.state, "state", id_});
  const auto parsed = parse_json(said ? *said : std::string());
  return parsed && parsed->is_object() ? text(parsed->get_object(), "status") : std::string();
}

void Container::settle() {
  if (monitor_ >= 0) ::close(std::exchange(monitor_, -1));
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
  std::string piece(log_message_bytes_max, '\0');
  const ssize_t count =
      ::pread(log_descriptor_, piece.data(), piece.size(), static_cast<off_t>(next));
  piece.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  const std::size_t end = piece.find('\n');
  log_ = LogParser{next + (end == std::string::npos ? piece.size() : end + 1)};
}

void Container::release_log(std::uint64_t end) const {
  const int file = ::open((directory_ + "/log").c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  // A file system without holes keeps the whole log until the task ends.
  (void)::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(end));
  ::close(file);
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
}

}  // namespace kiban::containers
