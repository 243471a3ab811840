#include "containers/program.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace kiban::containers {
namespace {

constexpr std::size_t last_words_max = 2'000;  // Bytes of a failed program's output to pass on.

std::vector<std::string> plain_environment() {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
          "LANG=C.UTF-8"};
}

// Waits for the end of a program that said `output`.
Result<void> wait_for_success(pid_t pid, const std::string& program, const std::string& output,
                              runtime::Deadline deadline) {
  const std::string name = program.substr(program.rfind('/') + 1);
  const auto status = runtime::wait_for_child(pid, deadline);
  if (status == 0) return {};
  std::string words =
      output.size() > last_words_max ? output.substr(output.size() - last_words_max) : output;
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  if (!status) return fail("ProgramFailed", fmt::format("{} did not end in time: {}", name, words));
  return fail("ProgramFailed",
              fmt::format("{} failed ({}): {}", name, runtime::exit_code_of(*status), words));
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
  const runtime::Deadline deadline = std::chrono::steady_clock::now() + time_max;
  KIBAN_TRY(runtime::Pipe in, runtime::make_pipe());
  KIBAN_TRY(runtime::Pipe out, runtime::make_pipe());
  KIBAN_TRY(const pid_t pid, runtime::spawn_child({.arguments = arguments,
                                                   .environment = plain_environment(),
                                                   .input = in.read.number(),
                                                   .output = out.write.number()}));
  in.read.close();
  out.write.close();
  std::string output = runtime::exchange_with_child(in, out, input, deadline);
  KIBAN_TRY_VOID(wait_for_success(pid, arguments[0], output, deadline));
  return output;
}

Result<Child> Child::start(const std::vector<std::string>& arguments) {
  KIBAN_TRY(const pid_t pid,
            runtime::spawn_child({.arguments = arguments, .environment = plain_environment()}));
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
    (void)runtime::wait_for_child(pid_);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<int> Child::exit_code() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  return runtime::exit_code_of(status);
}

Result<std::string> start_monitor(const std::vector<std::string>& arguments,
                                  const std::string& directory, const std::string& pipe_variable) {
  const runtime::Deadline deadline = std::chrono::steady_clock::now() + runtime::program_time_max;
  KIBAN_TRY(runtime::Pipe sync, runtime::make_pipe());
  std::vector<std::string> environment = plain_environment();
  environment.push_back(pipe_variable + "=3");
  KIBAN_TRY(const pid_t pid, runtime::spawn_child({.arguments = arguments,
                                                   .environment = environment,
                                                   .directory = directory,
                                                   .fourth = sync.write.number(),
                                                   .session = runtime::Session::Own,
                                                   .file_limit = runtime::FileLimit::IsAnError}));
  sync.write.close();
  const std::string said = runtime::read_line_of_child(sync.read, deadline);
  KIBAN_TRY_VOID(wait_for_success(pid, arguments[0], said, deadline));
  return said;
}

}  // namespace kiban::containers
