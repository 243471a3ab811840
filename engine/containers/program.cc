#include "containers/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kiban::containers {
namespace {

constexpr std::chrono::minutes monitor_wait{1};
constexpr std::size_t last_words_max = 2'000;  // Bytes of a failed program's output to pass on.

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(); }
  int number() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail("ProgramFailed", std::strerror(errno));
  return Pipe{.read = Descriptor{ends[0]}, .write = Descriptor{ends[1]}};
}

// What a child gets: three streams, and perhaps a fourth descriptor; all others are closed, so that
// a monitor never holds the engine's sockets.
struct Streams {
  int in{-1};  // -1: /dev/null.
  int out{-1};
  int fourth{-1};
  std::string directory{};  // Empty: ours.
};

Result<pid_t> start(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment, const Streams& streams,
                    short flags) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (streams.in >= 0)
    posix_spawn_file_actions_adddup2(&actions, streams.in, STDIN_FILENO);
  else
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    if (streams.out >= 0)
      posix_spawn_file_actions_adddup2(&actions, streams.out, stream);
    else
      posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
  }
  if (streams.fourth >= 0) posix_spawn_file_actions_adddup2(&actions, streams.fourth, 3);
  posix_spawn_file_actions_addclosefrom_np(&actions, streams.fourth >= 0 ? 4 : 3);
  if (!streams.directory.empty())
    posix_spawn_file_actions_addchdir_np(&actions, streams.directory.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  sigemptyset(&all);
  posix_spawnattr_setsigmask(&attributes, &all);
  posix_spawnattr_setflags(
      &attributes, static_cast<short>(flags | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
  const auto pointers = [](const std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (const std::string& one : strings) out.push_back(const_cast<char*>(one.c_str()));
    out.push_back(nullptr);
    return out;
  };
  pid_t pid = 0;
  const int error = posix_spawn(&pid, arguments[0].c_str(), &actions, &attributes,
                                pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return fail("ProgramFailed", fmt::format("{}: {}", arguments[0], std::strerror(error)));
  return pid;
}

std::vector<std::string> plain_environment() {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
          "LANG=C.UTF-8"};
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

using Steady = std::chrono::steady_clock::time_point;

int milliseconds_until(Steady end) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

// Waits for the end of a program; kills it and returns false when there is none before `end`.
bool wait_until(pid_t pid, Steady end, int& status) {
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd ended{.fd = descriptor, .events = POLLIN, .revents = 0};
  int ready = 0;
  do ready = ::poll(&ended, 1, descriptor < 0 ? 0 : milliseconds_until(end));
  while (ready < 0 && errno == EINTR);
  if (descriptor >= 0) ::close(descriptor);
  const bool late = descriptor >= 0 && ready == 0;
  if (late) ::kill(pid, SIGKILL);
  status = wait_for(pid);
  return !late;
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

Result<void> check(const std::vector<std::string>& arguments, int status,
                   const std::string& output) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string words =
      output.size() > last_words_max ? output.substr(output.size() - last_words_max) : output;
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  const std::string name = arguments[0].substr(arguments[0].rfind('/') + 1);
  return fail("ProgramFailed", fmt::format("{} failed ({}): {}", name, code_of(status), words));
}

// Writes `input` and reads all output, whichever is ready, until `end`. SIGPIPE is the caller's to
// ignore.
std::string exchange(Pipe& in, Pipe& out, const std::string& input, Steady end) {
  std::string output;
  std::size_t written = 0;
  ::fcntl(in.write.number(), F_SETFL, O_NONBLOCK);
  if (input.empty()) in.write.close();
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{.fd = out.read.number(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = in.write.number(), .events = POLLOUT, .revents = 0}};
    const int ready = ::poll(waits.data(), waits.size(), milliseconds_until(end));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return output;
    if (ready < 0) continue;
    if (waits[1].revents != 0) {
      const ssize_t count =
          ::write(in.write.number(), input.data() + written, input.size() - written);
      if (count > 0) written += static_cast<std::size_t>(count);
      if (written == input.size() || (count < 0 && errno != EAGAIN && errno != EINTR))
        in.write.close();
    }
    if (waits[0].revents != 0) {
      std::array<char, 4096> buffer{};
      const ssize_t count = ::read(out.read.number(), buffer.data(), buffer.size());
      if (count > 0) output.append(buffer.data(), static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) return output;
    }
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = fmt::format("{}:/usr/sbin:/usr/bin:/sbin:/bin", path ? path : "");
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string candidate = rest.substr(0, colon) + "/" + name;
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return {};
}

Result<std::string> run_program(const std::vector<std::string>& arguments, const std::string& input,
                                std::chrono::seconds time_max) {
  KIBAN_TRY(Pipe in, make_pipe());
  KIBAN_TRY(Pipe out, make_pipe());
  KIBAN_TRY(const pid_t pid, start(arguments, plain_environment(),
                                   {.in = in.read.number(), .out = out.write.number()}, 0));
  in.read.close();
  out.write.close();
  const Steady end = std::chrono::steady_clock::now() + time_max;
  std::string output = exchange(in, out, input, end);
  int status = 0;
  if (!wait_until(pid, end, status))
    return fail("ProgramFailed",
                fmt::format("{} did not end within {} s", arguments[0], time_max.count()));
  KIBAN_TRY_VOID(check(arguments, status, output));
  return output;
}

Result<Child> Child::start(const std::vector<std::string>& arguments) {
  KIBAN_TRY(const pid_t pid, containers::start(arguments, plain_environment(), {}, 0));
  return Child{pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), descriptor_(std::exchange(other.descriptor_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Child::~Child() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)wait_for(pid_);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<int> Child::exit_code() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  return code_of(status);
}

Result<std::string> start_monitor(const std::vector<std::string>& arguments,
                                  const std::string& directory, const std::string& pipe_variable) {
  KIBAN_TRY(Pipe sync, make_pipe());
  std::vector<std::string> environment = plain_environment();
  environment.push_back(pipe_variable + "=3");
  KIBAN_TRY(const pid_t pid,
            start(arguments, environment, {.fourth = sync.write.number(), .directory = directory},
                  POSIX_SPAWN_SETSID));
  sync.write.close();
  std::string said;
  std::array<char, 4096> buffer{};
  const Steady end = std::chrono::steady_clock::now() + monitor_wait;
  while (said.find('\n') == std::string::npos) {
    pollfd ready{.fd = sync.read.number(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, milliseconds_until(end)) == 0) break;
    const ssize_t count = ::read(sync.read.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(count));
  }
  int status = 0;
  if (!wait_until(pid, end, status))
    return fail("ProgramFailed", fmt::format("{} did not start in time", arguments[0]));
  KIBAN_TRY_VOID(check(arguments, status, said));
  return said;
}

}  // namespace kiban::containers
