#include "cli/trial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/data_directory.h"
#include "cli/steps.h"
#include "runtime/child.h"

namespace kiban::cli {

namespace {

constexpr std::chrono::seconds start_time_max{30};
constexpr std::chrono::seconds stop_time_max{40};
constexpr std::chrono::milliseconds look_interval{10};

std::vector<std::string> own_environment() {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    // The server's own options come as arguments; its clients' credentials are none of its.
    if (!variable.starts_with("KIBAN_") && !variable.starts_with("AWS_"))
      all.emplace_back(variable);
  }
  return all;
}

std::vector<std::string> arguments_of(const Scenario& scenario, const std::string& data) {
  std::vector<std::string> words{
      "/proc/self/exe", "serve",   "--listen",     "127.0.0.1:0", "--data", data,    "--clock",
      "virtual",        "--tasks", scenario.tasks, "--auth",      "sigv4",  "--iam", "enforce"};
  const auto add = [&words](const char* option, const std::string& value) {
    if (value.empty()) return;
    words.emplace_back(option);
    words.push_back(value);
  };
  add("--source", scenario.source);
  add("--account", scenario.account);
  add("--region", scenario.region);
  add("--key-file", scenario.key_file);
  return words;
}

std::string last_line_of(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::string last;
  while (std::getline(in, line)) last = line;
  return last;
}

}  // namespace

Result<WorkFolder> WorkFolder::make(bool keep) {
  std::string path = (std::filesystem::temp_directory_path() / "kiban-prove-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr)
    return fail("CopyFailed", "no directory can be made: " + path);
  return WorkFolder{path, keep};
}

WorkFolder::WorkFolder(WorkFolder&& other) noexcept
    : path_(std::exchange(other.path_, "")), keep_(other.keep_) {}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  if (!path_.empty() && !keep_) std::filesystem::remove_all(path_, ignored);
}

Result<void> copy_directory(const std::string& from, const std::string& to) {
  std::error_code error;
  if (from.empty()) {
    std::filesystem::create_directory(to, error);
    return error ? Result<void>{fail("CopyFailed", error.message())} : Result<void>{};
  }
  const auto pid = runtime::spawn_child(
      {.arguments = {"cp", "-a", "--reflink=auto", from, to}, .environment = own_environment()});
  if (!pid) return std::unexpected(pid.error());
  const auto status = runtime::wait_for_child(*pid);
  if (status && runtime::exit_code_of(*status) == 0) return {};
  return fail("CopyFailed", fmt::format("{} can't be copied", from));
}

Result<Trial> Trial::serve(const Scenario& scenario, const std::string& data) {
  const std::string log = data + ".log";
  const runtime::Descriptor output{
      ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  KIBAN_TRY(const pid_t pid, runtime::spawn_child({.arguments = arguments_of(scenario, data),
                                                   .environment = own_environment(),
                                                   .output = output.number(),
                                                   .session = runtime::Session::Own}));
  const auto deadline = std::chrono::steady_clock::now() + start_time_max;
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid)
      return fail("ServeFailed", "the server did not start: " + last_line_of(log));
    if (const auto file = read_server_file(data); file && file->pid == pid)
      return Trial{pid, make_client({.endpoint = file->endpoint, .data = data})};
    std::this_thread::sleep_for(look_interval);
  }
  ::kill(pid, SIGKILL);
  runtime::wait_for_child(pid);
  return fail("ServeFailed", "the server did not start within 30 s");
}

Trial::Trial(Trial&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), client_(std::move(other.client_)) {}

Trial::~Trial() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGINT);
  runtime::wait_for_child(pid_, std::chrono::steady_clock::now() + stop_time_max);
}

std::optional<std::string> Trial::run(const std::vector<Step>& steps) const {
  for (const Step& step : steps)
    if (const auto done = perform(client_, step); !done)
      return fmt::format("{}: {}: {}", step.words(), done.error().name, done.error().cause);
  return std::nullopt;
}

}  // namespace kiban::cli
