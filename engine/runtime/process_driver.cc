#include "runtime/process_driver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <list>
#include <mutex>
#include <thread>

#include "runtime/child.h"

namespace kiban::runtime {
namespace {

namespace fs = std::filesystem;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds poll_interval{20};
constexpr std::size_t log_lines_per_report_max = 1'000;
constexpr std::size_t log_line_bytes_max =
    std::size_t{256} * 1024;  // CloudWatch Logs' limit of one event.

// The child is signalled alone; this shell stays to write down how it ended.
constexpr const char* monitor_script =
    "(umask 022; exec \"$@\") >>log 2>&1 </dev/null & echo $! >pid.new && mv pid.new pid; wait $!; "
    "echo $? >exit.new && mv exit.new exit";

std::optional<long> read_number(const fs::path& path) {
  std::ifstream in{path};
  long value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream{path.string() + ".new", std::ios::binary} << content;
  std::error_code ignored;
  fs::rename(path.string() + ".new", path, ignored);
}

struct Process {
  std::string name{};
  fs::path directory{};
  bool essential{true};
  std::chrono::seconds stop_timeout{30};
  std::uintmax_t offset{0};  // Of the log, up to which it was reported.
  std::optional<long> exit{};
  std::optional<SteadyTime> kill_at{};  // Set by SIGTERM.
};

struct Task {
  std::string arn{};
  Report report{};
  std::list<Process> processes{};
  bool running_told{false};
  bool stopping{false};
  bool evicted{false};  // The engine ends, and its tasks with it.
};

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

json::array read_lines(Process& process, bool ended) {
  std::ifstream in{process.directory / "log", std::ios::binary};
  in.seekg(static_cast<std::streamoff>(process.offset));
  json::array lines;
  std::string line;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  while (lines.size() < log_lines_per_report_max && std::getline(in, line)) {
    const bool whole = !in.eof();
    if (!whole && !ended && line.size() < log_line_bytes_max) break;
    process.offset += line.size() + (whole ? 1 : 0);
    for (std::size_t at = 0; at < std::max<std::size_t>(line.size(), 1); at += log_line_bytes_max)
      if (const std::string part = line.substr(at, log_line_bytes_max); !part.empty())
        lines.push_back({{"Container", process.name}, {"Timestamp", now}, {"Message", part}});
  }
  return lines;
}

class Driver final : public ProcessDriver {
 public:
  Driver(std::string directory, std::string source)
      : directory_(std::move(directory)), source_(std::move(source)) {}
  ~Driver() override {
    {
      const std::lock_guard lock{mutex_};
      ending_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void end_tasks() override {
    std::unique_lock lock{mutex_};
    closed_ = true;
    for (Task& task : tasks_) {
      task.evicted = true;
      task.stopping = true;
    }
    wake_.notify_all();
    wake_.wait_for(lock, eviction_grace + std::chrono::seconds{2},
                   [this] { return tasks_.empty(); });
  }

  void add_to(Effects& effects) override {
    effects.add("task.run", [this](const services::Effect& effect, const Report& report) {
      run(effect.payload, report);
    });
    effects.add("task.stop", [this](const services::Effect& effect, const Report& report) {
      stop(text(effect.payload, "TaskArn"));
      report({.payload = {{"Asked", true}}});
    });
    thread_ = std::thread{[this] { poll(); }};
  }

 private:
  void run(const json::object& payload, const Report& report) {
    {
      const std::lock_guard lock{mutex_};
      if (closed_) return;
    }
    const std::string arn = text(payload, "TaskArn");
    Task task{.arn = arn, .report = report};
    const fs::path base = fs::path(directory_) / arn.substr(arn.rfind('/') + 1);
    const json::array* containers = find_array(payload, "Containers");
    for (const json::value& value : containers ? *containers : json::array{}) {
      const json::object& container = value.as_object();
      Process process{.name = text(container, "Name"), .directory = base / text(container, "Name")};
      if (const json::value* essential = find(container, "Essential"))
        process.essential = essential->as_bool();
      if (const json::value* timeout = find(container, "StopTimeout"))
        process.stop_timeout = std::chrono::seconds{timeout->to_number<int>()};
      const Result<void> started = start(process, payload, container);
      if (!started) {
        const std::lock_guard lock{mutex_};
        for (Process& other : task.processes) signal(other, SIGKILL);
        report({.payload = {{"Status", "STOPPED"},
                            {"Error",
                             {{"StopCode", "TaskFailedToStart"},
                              {"Reason", fmt::format("{}: {}", started.error().name,
                                                     started.error().cause)}}}}});
        return;
      }
      task.processes.push_back(std::move(process));
    }
    const std::lock_guard lock{mutex_};
    tasks_.push_back(std::move(task));
    wake_.notify_all();
  }

  Result<void> start(Process& process, const json::object& payload, const json::object& container) {
    std::error_code failed;
    fs::create_directories(process.directory, failed);
    if (failed)
      return fail("ResourceInitializationError",
                  fmt::format("can't create {}: {}", process.directory.string(), failed.message()));
    if (const auto offset = read_number(process.directory / "offset"))
      process.offset = static_cast<std::uintmax_t>(*offset);
    if (fs::exists(process.directory / "begun")) return {};  // Adopted.
    write_file(process.directory / "begun", "");
    return start_monitor(process.directory, source_, payload, container);
  }

  void stop(const std::string& arn) {
    const std::lock_guard lock{mutex_};
    for (Task& task : tasks_)
      if (task.arn == arn) task.stopping = true;
  }

  static void signal(const Process& process, int number) {
    if (const auto pid = read_number(process.directory / "pid"); pid && *pid > 1)
      ::kill(static_cast<pid_t>(*pid), number);
  }

  void poll() {
    std::unique_lock lock{mutex_};
    while (!ending_) {
      for (auto task = tasks_.begin(); task != tasks_.end();)
        task = advance(*task) ? tasks_.erase(task) : std::next(task);
      if (tasks_.empty() && closed_) wake_.notify_all();
      if (tasks_.empty())
        wake_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      else
        wake_.wait_for(lock, poll_interval);
    }
  }

  // True when the task ended, and that was reported.
  static bool advance(Task& task) {
    bool all_ended = true;
    bool all_started = true;
    for (Process& process : task.processes) {
      look_at(process);
      all_ended = all_ended && process.exit.has_value();
      all_started = all_started && fs::exists(process.directory / "pid");
      if (process.exit && process.essential) task.stopping = true;
    }
    if (!task.running_told && all_started) {
      task.running_told = true;
      json::array containers;
      for (const Process& process : task.processes)
        containers.push_back(
            {{"Name", process.name},
             {"RuntimeId", std::to_string(read_number(process.directory / "pid").value_or(0))}});
      task.report({.final = false, .payload = {{"Status", "RUNNING"}, {"Containers", containers}}});
    }
    report_logs(task, all_ended);
    if (all_ended) {
      finish(task);
      return true;
    }
    if (task.stopping) end_processes(task);
    return false;
  }

  static void look_at(Process& process) {
    if (process.exit) return;
    process.exit = read_number(process.directory / "exit");
    const auto pid = read_number(process.directory / "pid");
    if (process.exit || !pid || ::kill(static_cast<pid_t>(*pid), 0) == 0) return;
    // The process is gone; its monitor writes `exit` at once, unless it is gone too (a reboot).
    if (!process.kill_at) process.kill_at = std::chrono::steady_clock::now();
    if (std::chrono::steady_clock::now() > *process.kill_at + std::chrono::seconds{5})
      process.exit = 137;
  }

  static void end_processes(Task& task) {
    const SteadyTime now = std::chrono::steady_clock::now();
    for (Process& process : task.processes) {
      if (process.exit) continue;
      if (!process.kill_at) {
        process.kill_at = now + (task.evicted ? std::min(process.stop_timeout, eviction_grace)
                                              : process.stop_timeout);
        signal(process, SIGTERM);
      } else if (now >= *process.kill_at) {
        signal(process, SIGKILL);
      }
    }
  }

  static void report_logs(Task& task, bool ended) {
    for (Process& process : task.processes) {
      while (true) {
        json::array lines = read_lines(process, ended);
        if (lines.empty()) break;
        task.report({.final = false, .payload = {{"Logs", std::move(lines)}}});
        write_file(process.directory / "offset", std::to_string(process.offset));
      }
    }
  }

  static void finish(Task& task) {
    json::array containers;
    for (const Process& process : task.processes)
      containers.push_back({{"Name", process.name}, {"ExitCode", *process.exit}});
    json::object outcome{{"Status", "STOPPED"}, {"Containers", std::move(containers)}};
    if (task.evicted) outcome["Error"] = eviction_error();
    task.report({.payload = std::move(outcome)});
  }

  std::string directory_;
  std::string source_;
  std::mutex mutex_{};
  std::condition_variable wake_{};
  std::list<Task> tasks_{};
  bool ending_{false};
  bool closed_{false};
  std::thread thread_{};
};

}  // namespace

json::object task_environment(const json::object& payload, const json::object& container,
                              const std::string& endpoint) {
  const std::string region = text(payload, "Region");
  json::object all{{"AWS_ENDPOINT_URL", endpoint},
                   {"AWS_REGION", region},
                   {"AWS_DEFAULT_REGION", region},
                   {"AWS_EXECUTION_ENV", "AWS_ECS_FARGATE"}};
  if (const std::string id = text(payload, "CredentialsId"); !id.empty())
    all["AWS_CONTAINER_CREDENTIALS_FULL_URI"] =
        fmt::format("{}{}{}", endpoint, task_credentials_path, id);
  if (const std::string id = text(container, "MetadataId"); !id.empty())
    all["ECS_CONTAINER_METADATA_URI_V4"] = fmt::format("{}{}{}", endpoint, task_metadata_path, id);
  return all;
}

Result<std::unique_ptr<ProcessDriver>> ProcessDriver::create(const std::string& directory,
                                                             const std::string& source) {
  if (!fs::is_directory(source)) return fail("NoSource", fmt::format("{} is no directory", source));
  std::error_code failed;
  const fs::path absolute = fs::absolute(source, failed);
  const fs::path state = fs::absolute(directory, failed);
  return std::make_unique<Driver>(state.string(), absolute.string());
}

json::object eviction_error() {
  return {{"StopCode", "TerminationNotice"},
          {"Reason", "kiban was stopped, and its tasks with it"}};
}

void add_refusing_driver(Effects& effects, const std::string& why) {
  effects.add("task.run", [why](const services::Effect&, const Report& report) {
    report({.payload = {{"Status", "STOPPED"},
                        {"Error",
                         {{"StopCode", "TaskFailedToStart"},
                          {"Reason",
                           fmt::format("CannotStartContainerError: this server runs no tasks: {}. "
                                       "Or start it with --tasks process --source DIR to run "
                                       "commands on this host",
                                       why)}}}}});
  });
  effects.add("task.stop", [](const services::Effect&, const Report& report) {
    report({.payload = {{"Asked", false}}});
  });
}

}  // namespace kiban::runtime
