#include "runtime/process_task.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "runtime/child.h"
#include "runtime/process_driver.h"
#include "runtime/task_log.h"

namespace kiban::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds lost_after{5};
constexpr const char* metadata_variable = "ECS_CONTAINER_METADATA_URI_V4";

// The child is signalled alone; this shell stays to write down how it ended. The shell itself makes
// `started`, so that of two shells (the engine was killed after it had started the first) only one
// runs the command.
constexpr const char* monitor_script =
    "mkdir started 2>/dev/null || exit 0; "
    "(umask 022; exec \"$@\") >>log 2>&1 </dev/null & echo $! >pid.new && mv pid.new pid; wait $!; "
    "echo $? >exit.new && mv exit.new exit";

std::optional<long> read_number(const fs::path& path) {
  std::ifstream in{path};
  long value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

std::vector<std::string> strings_of(const json::array& list) {
  std::vector<std::string> strings;
  for (const json::value& one : list)
    if (one.is_string()) strings.push_back(to_string(one.get_string()));
  return strings;
}

// The last ENTRYPOINT or CMD of SOURCE/Dockerfile, in exec form or as a line for the shell.
std::vector<std::string> from_dockerfile(const std::string& source, std::string_view instruction) {
  std::ifstream in{source + "/Dockerfile"};
  std::vector<std::string> found;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(instruction) || line.size() <= instruction.size()) continue;
    const std::string rest = line.substr(instruction.size() + 1);
    const Result<json::value> list = parse_json(rest);
    if (list && list->is_array())
      found = strings_of(list->get_array());
    else
      found = {"/bin/sh", "-c", rest};
  }
  return found;
}

// What runs, as a container engine puts it together: an entry point of the container's own leaves
// no command of the image.
std::vector<std::string> arguments_of(const json::object& container, const std::string& source) {
  const json::array* entry_point = find_array(container, "EntryPoint");
  const json::array* command = find_array(container, "Command");
  std::vector<std::string> arguments =
      entry_point ? strings_of(*entry_point) : from_dockerfile(source, "ENTRYPOINT");
  std::vector<std::string> rest;
  if (command)
    rest = strings_of(*command);
  else if (!entry_point)
    rest = from_dockerfile(source, "CMD");
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return arguments;
}

std::vector<std::string> environment_of(const json::object& payload,
                                        const json::object& container) {
  std::vector<std::string> environment;
  for (const auto* inherited : {"PATH", "HOME", "LANG", "TZ"}) {
    if (const char* value = std::getenv(inherited))
      environment.push_back(fmt::format("{}={}", inherited, value));
  }
  json::object variables = task_environment(payload, container, text(payload, "Endpoint"));
  // A process has no address by which the metadata route could know it: it shows the task's secret.
  if (const json::string* uri = find_string(variables, metadata_variable))
    variables[metadata_variable] =
        fmt::format("{}.{}", std::string_view(*uri), text(payload, "MetadataSecret"));
  if (const json::object* own = find_object(container, "Environment"))
    for (const auto& [name, value] : *own) variables[name] = value;
  for (const auto& [name, value] : variables)
    if (value.is_string())
      environment.push_back(
          fmt::format("{}={}", std::string_view(name), std::string_view(value.get_string())));
  return environment;
}

// Starts the monitor in `directory`; the command itself begins in `source`.
Result<void> start_monitor(const fs::path& directory, const std::string& source,
                           const json::object& payload, const json::object& container) {
  std::vector<std::string> arguments{
      "/bin/sh",
      "-c",
      monitor_script,
      "kiban-task",
      "/usr/bin/env",
      "-C",
      text(container, "WorkingDirectory").empty() ? source : text(container, "WorkingDirectory")};
  const std::vector<std::string> command = arguments_of(container, source);
  if (command.empty())
    return fail(
        "CannotStartContainerError",
        fmt::format("the task definition names no command, and {}/Dockerfile neither", source));
  // An image's own directory does not exist on the host: fall back to the source directory.
  if (!fs::is_directory(arguments.back())) arguments.back() = source;
  arguments.insert(arguments.end(), command.begin(), command.end());
  const Result<pid_t> pid = spawn_child({.arguments = arguments,
                                         .environment = environment_of(payload, container),
                                         .directory = directory.string(),
                                         .session = Session::Own});
  if (!pid) return fail("CannotStartContainerError", pid.error().cause);
  std::thread{[pid = *pid] { (void)wait_for_child(pid); }}.detach();  // So that no zombie stays.
  return {};
}

// Whether the text is the name of one folder: texts of requests become parts of paths only after
// this check.
bool is_folder_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
}

// The process with its shell and its children, unless these made groups of their own.
void signal_group(const fs::path& directory, int number) {
  const auto pid = read_number(directory / "pid");
  if (!pid || *pid <= 1) return;
  const pid_t group = ::getpgid(static_cast<pid_t>(*pid));
  if (group > 1 && group != ::getpgrp()) ::killpg(group, number);
}

void signal(const fs::path& directory, int number) {
  if (const auto pid = read_number(directory / "pid"); pid && *pid > 1)
    ::kill(static_cast<pid_t>(*pid), number);
}

}  // namespace

ProcessTask::ProcessTask(json::object payload, Report report, fs::path directory,
                         std::string source, std::function<void()> on_commit)
    : payload_(std::move(payload)),
      report_(std::move(report)),
      arn_(text(payload_, "TaskArn")),
      directory_(std::move(directory)),
      source_(std::move(source)),
      on_commit_(std::move(on_commit)) {
  const json::array* containers = find_array(payload_, "Containers");
  for (const json::value& value : containers ? *containers : json::array{}) {
    const json::object& plan = value.as_object();
    Process process{.name = text(plan, "Name"), .plan = plan};
    process.directory = directory_ / process.name;
    if (!is_folder_name(process.name))
      failure_ = Error{"CannotStartContainerError",
                       fmt::format("'{}' cannot be the name of a container", process.name)};
    process.essential = flag(plan, "Essential", true);
    if (const json::value* timeout = find(plan, "StopTimeout"))
      process.stop_timeout = std::chrono::seconds{timeout->to_number<int>()};
    processes_.push_back(std::move(process));
  }
  if (!failure_) return;
  processes_.clear();  // None of the names is used.
  stopping_ = true;
}

void ProcessTask::evict() {
  evicted_ = true;
  evict_by_ = std::chrono::steady_clock::now() + eviction_grace;
  stopping_ = true;
}

bool ProcessTask::advance() {
  if (end_told_) return finish();
  for (Process& process : processes_) look_at(process);
  start_ready();
  bool all_ended = true;
  for (const Process& process : processes_) {
    all_ended = all_ended && (process.exit || (!process.begun && stopping_));
    if (process.exit && process.essential) stopping_ = true;
  }
  if (unreleased_ && !*uncommitted_) release_logs();
  if (all_ended) return finish();
  for (Process& process : processes_) bound_backlog(process);
  if (!unreleased_) report_logs();
  if (stopping_) end_processes();
  return false;
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
Result<bool> ProcessTask::may_start(const Process& process) const {
  const json::array* dependencies = find_array(process.plan, "DependsOn");
  for (const json::value& value : dependencies ? *dependencies : json::array{}) {
    const std::string name = text(value.as_object(), "containerName");
    const std::string condition = text(value.as_object(), "condition");
    if (condition == "HEALTHY")
      return fail("CannotStartContainerError",
                  fmt::format("container {} waits until {} is HEALTHY, and a process has no health "
                              "check. Use --tasks containers",
                              process.name, name));
    const auto other = std::ranges::find(processes_, name, &Process::name);
    if (other == processes_.end()) continue;
    if (condition == "SUCCESS" && other->exit && *other->exit != 0)
      return fail("CannotStartContainerError",
                  fmt::format("dependency {} of container {} exited with {}", name, process.name,
                              *other->exit));
    if (condition == "START" ? !other->begun : !other->exit) return false;
  }
  return true;
}

void ProcessTask::start_ready() {
  for (bool again = true; std::exchange(again, false);) {
    for (Process& process : processes_) {
      if (process.begun) continue;
      const bool before = fs::exists(process.directory / "started") ||
                          fs::exists(process.directory / "begun");  // Of an earlier version.
      if (!before && stopping_) continue;
      const Result<bool> ready = before ? Result<bool>{true} : may_start(process);
      const Result<void> started = !ready   ? Result<void>{std::unexpected(ready.error())}
                                   : *ready ? start(process)
                                            : Result<void>{};
      if (!started) {
        failure_ = started.error();
        stopping_ = true;
      }
      again = again || process.begun;  // Others may have waited for its start.
    }
  }
  if (!running_told_ && std::ranges::all_of(processes_, [](const Process& process) {
        return fs::exists(process.directory / "pid");
      }))
    report_running();
}

Result<void> ProcessTask::start(Process& process) {
  std::error_code failed;
  fs::create_directories(process.directory, failed);
  if (failed)
    return fail("ResourceInitializationError",
                fmt::format("can't create {}: {}", process.directory.string(), failed.message()));
  process.offset = static_cast<std::uintmax_t>(
      std::max(0L, read_number(process.directory / "offset").value_or(0)));
  if (!fs::exists(process.directory / "started") && !fs::exists(process.directory / "begun"))
    KIBAN_TRY_VOID(start_monitor(process.directory, source_, payload_, process.plan));
  process.begun = true;
  // An earlier engine may have stopped it, as its log would have filled the disk.
  signal_group(process.directory, SIGCONT);
  return {};
}

void ProcessTask::look_at(Process& process) {
  if (process.exit || !process.begun) return;
  process.exit = read_number(process.directory / "exit");
  const auto pid = read_number(process.directory / "pid");
  const bool there = pid && ::kill(static_cast<pid_t>(*pid), 0) == 0;
  if (there && process.group <= 1) process.group = ::getpgid(static_cast<pid_t>(*pid));
  // A container's end is the end of all that runs in it. The group was alive a moment ago, so its
  // number is not another's yet.
  if (process.exit && process.group > 1 && process.group != ::getpgrp())
    ::killpg(process.group, SIGKILL);
  if (process.exit || there) return;
  // The shell writes `pid` and `exit` at once, unless it is gone too (a reboot).
  const SteadyTime now = std::chrono::steady_clock::now();
  if (!process.lost_at) process.lost_at = now + lost_after;
  if (now > *process.lost_at) process.exit = 137;
}

void ProcessTask::end_processes() {
  const SteadyTime now = std::chrono::steady_clock::now();
  for (Process& process : processes_) {
    if (process.exit || !process.begun) continue;
    const bool asked = process.kill_at.has_value();
    if (!asked) process.kill_at = now + process.stop_timeout;
    // Also of one that was asked to end before.
    if (evict_by_) process.kill_at = std::min(*process.kill_at, *evict_by_);
    if (!asked) {
      hold(process, false);
      signal(process.directory, SIGTERM);
    } else if (now >= *process.kill_at) {
      signal(process.directory, SIGKILL);
    }
  }
}

void ProcessTask::report_running() {
  running_told_ = true;
  json::array containers;
  for (const Process& process : processes_)
    containers.push_back(
        {{"Name", process.name},
         {"RuntimeId", std::to_string(read_number(process.directory / "pid").value_or(0))}});
  report_(
      {.final = false,
       .payload = {{"Status", "RUNNING"}, {"Containers", containers}, {"HealthChecks", "none"}}});
}

// A line's position lets the kernel drop lines that it has already: they are read again after a
// crash.
json::array ProcessTask::next_lines(bool ended) {
  json::array lines;
  std::size_t bytes = 0;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  for (Process& process : processes_) {
    if (!process.begun || bytes >= report_bytes_max) continue;
    for (const WrittenLine& line :
         read_lines(process.directory / "log", process.offset, report_bytes_max - bytes,
                    ended ? Written::All : Written::More)) {
      bytes += line.text.size() + log_line_overhead;
      lines.push_back({{"Container", process.name},
                       {"Timestamp", now},
                       {"Message", line.text},
                       {"Position", line.end}});
    }
  }
  return lines;
}

void ProcessTask::report_logs() {
  json::array lines = next_lines(false);
  if (lines.empty()) return;
  unreleased_ = true;
  send({.final = false, .payload = {{"Logs", std::move(lines)}}});
}

void ProcessTask::release_logs() {
  unreleased_ = false;
  for (const Process& process : processes_)
    if (process.begun) release_log(process.directory, process.offset);
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html (mode):
// "blocking" makes the process wait; "non-blocking", the default, loses lines when the buffer is
// full. Of these the oldest are lost, as Docker's ring buffer does it.
void ProcessTask::bound_backlog(Process& process) {
  if (!process.begun || process.exit) return;
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(process.directory / "log", failed);
  const std::uintmax_t backlog = failed || size < process.offset ? 0 : size - process.offset;
  const json::object* log = find_object(process.plan, "Log");
  // A process that was asked to end must not be suspended: it loses lines instead.
  if (log && text(*log, "Mode") == "blocking" && !process.kill_at) {
    const bool held = backlog > (process.held ? backlog_bytes_max / 2 : backlog_bytes_max);
    if (held != process.held) hold(process, held);
    return;
  }
  const json::value* given = log ? find(*log, "BufferBytes") : nullptr;
  const std::uint64_t buffer = given ? given->to_number<std::uint64_t>() : buffer_bytes_default;
  if (backlog <= buffer) return;
  // The rest of the line that is cut is lost with those before it.
  std::ifstream in{process.directory / "log", std::ios::binary};
  in.seekg(static_cast<std::streamoff>(size - buffer));
  std::string cut(log_line_bytes_max, '\0');
  in.read(cut.data(), static_cast<std::streamsize>(cut.size()));
  const std::size_t end = cut.find('\n');
  process.offset = size - buffer + (end == std::string::npos ? 0 : end + 1);
  release_log(process.directory, process.offset);
}

void ProcessTask::hold(Process& process, bool held) {
  if (process.held == held) return;
  process.held = held;
  signal_group(process.directory, held ? SIGSTOP : SIGCONT);
}

void ProcessTask::send(services::Outcome outcome) {
  *uncommitted_ = true;
  report_(std::move(outcome), [uncommitted = uncommitted_, on_commit = on_commit_] {
    *uncommitted = false;
    on_commit();
  });
}

bool ProcessTask::finish() {
  if (*uncommitted_) return false;
  if (end_told_) {  // And committed.
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
    return true;
  }
  json::array lines = next_lines(true);
  if (!lines.empty()) {
    std::swap(lines, last_lines_);
    if (!lines.empty()) send({.final = false, .payload = {{"Logs", std::move(lines)}}});
    return false;
  }
  json::array containers;
  for (const Process& process : processes_)
    if (process.exit) containers.push_back({{"Name", process.name}, {"ExitCode", *process.exit}});
  json::object outcome{{"Status", "STOPPED"}, {"Containers", std::move(containers)}};
  if (evicted_) outcome["Error"] = eviction_error();
  if (failure_)
    outcome["Error"] = {{"StopCode", "TaskFailedToStart"},
                        {"Reason", fmt::format("{}: {}", failure_->name, failure_->cause)}};
  if (!last_lines_.empty()) outcome["Logs"] = std::move(last_lines_);
  end_told_ = true;
  send({.payload = std::move(outcome)});
  return false;
}

}  // namespace kiban::runtime
