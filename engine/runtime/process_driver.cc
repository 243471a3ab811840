#include "runtime/process_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/process_task.h"

namespace kiban::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds poll_interval{20};

// As services/ecs makes them.
bool is_task_id(const std::string& name) {
  return name.size() == 32 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Shared with the kernel, which may commit a report after the driver has gone.
struct Wake {
  std::condition_variable condition{};
  std::atomic<bool> committed{false};
};

class Driver final : public ProcessDriver {
 public:
  Driver(std::string directory, std::string source)
      : directory_(std::move(directory)), source_(std::move(source)) {}
  ~Driver() override {
    {
      const std::lock_guard lock{mutex_};
      ending_ = true;
    }
    wake_->condition.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void end_tasks() override {
    std::unique_lock lock{mutex_};
    closed_ = true;
    for (ProcessTask& task : tasks_) task.evict();
    wake_->condition.notify_all();
    emptied_.wait_for(lock, eviction_grace + std::chrono::seconds{2},
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

  void sweep() override {
    std::vector<fs::path> left;
    std::error_code failed;
    const std::lock_guard lock{mutex_};
    for (fs::directory_iterator at{directory_, failed}, end; !failed && at != end;
         at.increment(failed)) {
      const std::string name = at->path().filename().string();
      const bool known = std::ranges::any_of(
          tasks_, [&](const ProcessTask& task) { return task.arn().ends_with("/" + name); });
      if (is_task_id(name) && !known) left.push_back(at->path());
    }
    for (const fs::path& each : left) fs::remove_all(each, failed);
  }

 private:
  void run(const json::object& payload, const Report& report) {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    const std::string arn = text(payload, "TaskArn");
    tasks_.emplace_back(payload, report, fs::path(directory_) / arn.substr(arn.rfind('/') + 1),
                        source_, [wake = wake_] {
                          wake->committed = true;
                          wake->condition.notify_all();
                        });
    wake_->condition.notify_all();
  }

  void stop(const std::string& arn) {
    const std::lock_guard lock{mutex_};
    for (ProcessTask& task : tasks_)
      if (task.arn() == arn) task.stop();
  }

  void poll() {
    std::unique_lock lock{mutex_};
    while (!ending_) {
      tasks_.remove_if([](ProcessTask& task) { return task.advance(); });
      if (tasks_.empty()) {
        emptied_.notify_all();
        wake_->condition.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      } else {
        wake_->condition.wait_for(lock, poll_interval,
                                  [this] { return ending_ || wake_->committed.exchange(false); });
      }
    }
  }

  std::string directory_;
  std::string source_;
  std::mutex mutex_{};
  std::shared_ptr<Wake> wake_{std::make_shared<Wake>()};
  std::condition_variable emptied_{};
  std::list<ProcessTask> tasks_{};
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
  if (source.empty()) return fail("NoSource", "tasks that are processes need a folder to run in");
  if (!fs::is_directory(source))
    return fail("NoSource", fmt::format("{} is not a directory", source));
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
