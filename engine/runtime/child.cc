#include "runtime/child.h"

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
#include <cstring>

namespace kiban::runtime {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& one : strings) out.push_back(const_cast<char*>(one.c_str()));
  out.push_back(nullptr);
  return out;
}

// For poll(): at least 0.
int milliseconds_until(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000'000));
}

void set_streams(posix_spawn_file_actions_t& actions, const ChildOptions& options) {
  if (options.input >= 0)
    posix_spawn_file_actions_adddup2(&actions, options.input, STDIN_FILENO);
  else
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    if (options.output >= 0)
      posix_spawn_file_actions_adddup2(&actions, options.output, stream);
    else
      posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
  }
  constexpr int fourth = STDERR_FILENO + 1;
  if (options.fourth >= 0) posix_spawn_file_actions_adddup2(&actions, options.fourth, fourth);
  posix_spawn_file_actions_addclosefrom_np(&actions, options.fourth >= 0 ? fourth + 1 : fourth);
  if (!options.directory.empty())
    posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
}

void set_signals(posix_spawnattr_t& attributes, Session session, FileLimit file_limit) {
  sigset_t signals;
  sigfillset(&signals);
  if (file_limit == FileLimit::IsAnError) sigdelset(&signals, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (session == Session::Own) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
}

}  // namespace

void Descriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail("ProgramFailed", std::strerror(errno));
  return Pipe{.read = Descriptor{ends[0]}, .write = Descriptor{ends[1]}};
}

Result<pid_t> spawn_child(const ChildOptions& options) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  set_streams(actions, options);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  set_signals(attributes, options.session, options.file_limit);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, options.arguments.front().c_str(), &actions, &attributes,
                   pointers(options.arguments).data(), pointers(options.environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return pid;
  return fail("ProgramFailed",
              fmt::format("{}: {}", options.arguments.front(), std::strerror(error)));
}

std::optional<int> wait_for_child(pid_t pid, std::optional<Deadline> deadline) {
  bool killed = false;
  if (deadline) {
    const Descriptor end{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    pollfd ended{.fd = end.number(), .events = POLLIN, .revents = 0};
    int ready = 0;
    do ready = ::poll(&ended, 1, milliseconds_until(*deadline));
    while (ready < 0 && errno == EINTR);
    killed = ready == 0;
    if (killed) ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (killed) return std::nullopt;
  return status;
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string exchange_with_child(Pipe& in, Pipe& out, const std::string& input, Deadline deadline) {
  std::string output;
  std::size_t written = 0;
  ::fcntl(in.write.number(), F_SETFL, O_NONBLOCK);
  if (input.empty()) in.write.close();
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{.fd = out.read.number(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = in.write.number(), .events = POLLOUT, .revents = 0}};
    const int ready = ::poll(waits.data(), waits.size(), milliseconds_until(deadline));
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

std::string read_line_of_child(const Descriptor& from, Deadline deadline) {
  std::string said;
  std::array<char, 4096> buffer{};
  while (said.find('\n') == std::string::npos) {
    pollfd readable{.fd = from.number(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    const ssize_t count = ::read(from.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return said;
}

}  // namespace kiban::runtime
