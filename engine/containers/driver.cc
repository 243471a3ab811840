#include "containers/driver.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "containers/program.h"
#include "containers/seccomp.h"
#include "containers/task.h"
#include "runtime/process_driver.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

void use_directory(Host& host, const std::string& directory) {
  host.directory = directory + "/tasks";
  host.tools = {.runc = find_program("runc"),
                .conmon = find_program("conmon"),
                .state = directory + "/runc",
                .init = find_program("tini-static")};
}

class ContainerDriver final : public Driver {
 public:
  ContainerDriver(DriverOptions options, json::object seccomp, Bridge& bridge,
                  const store::Blobs& blobs)
      : images_(options.directory + "/images", find_program("umoci"), blobs),
        layers_(options.directory + "/layers") {
    use_directory(host_, options.directory);
    host_.tools.seccomp = std::move(seccomp);
    host_.endpoint = std::move(options.endpoint);
    host_.images = &images_;
    host_.layers = &layers_;
    host_.bridge = &bridge;
    host_.usage_interval = options.usage_interval;
    host_.user_namespaces_missing =
        std::async(std::launch::async, [images = options.directory + "/images"] {
          return containers::user_namespaces_missing(images);
        });
  }

  ~ContainerDriver() override {
    std::unique_lock lock{mutex_};
    for (const auto& [id, task] : tasks_) task->leave();
    ended_.wait(lock, [this] { return threads_ == 0; });
  }

  void run(const json::object& payload, const runtime::Report& report) override {
    auto task = std::make_shared<Task>(host_, payload, report);
    {
      const std::lock_guard lock{mutex_};
      if (closed_ || !tasks_.emplace(task->id(), task).second) return;  // It is running.
    }
    in_background([this, task] {
      task->run();
      const std::lock_guard lock{mutex_};
      tasks_.erase(task->id());
      ended_.notify_all();
    });
  }

  void stop(const std::string& arn) override {
    const std::lock_guard lock{mutex_};
    const auto found = tasks_.find(arn.substr(arn.rfind('/') + 1));
    if (found != tasks_.end()) found->second->stop();
  }

  Host& host() override { return host_; }

  std::string task_at(const std::string& address) override {
    const std::lock_guard lock{host_.mutex};
    const auto found = host_.addresses.find(address);
    return found == host_.addresses.end() ? std::string() : found->second;
  }

  void end_tasks() override {
    std::unique_lock lock{mutex_};
    closed_ = true;
    for (const auto& [id, task] : tasks_) task->evict();
    // Even a killed one needs a moment to be removed.
    ended_.wait_for(lock, runtime::eviction_grace + std::chrono::seconds{10},
                    [this] { return tasks_.empty(); });
  }

  void sweep() override {
    in_background([this] {
      std::error_code failed;
      for (const auto& entry : fs::directory_iterator{host_.directory, failed}) {
        {
          const std::lock_guard lock{mutex_};
          if (tasks_.contains(entry.path().filename().string())) continue;
        }
        remove_sandbox(host_, entry.path().string());
      }
    });
  }

 private:
  // One thread for each task: starting and removing block on other programs.
  void in_background(std::function<void()> work) {
    {
      const std::lock_guard lock{mutex_};
      ++threads_;
    }
    std::thread{[this, work = std::move(work)] {
      work();
      const std::lock_guard lock{mutex_};
      --threads_;
      ended_.notify_all();
    }}.detach();
  }

  Images images_;
  Layers layers_;
  Host host_{};
  std::mutex mutex_{};
  std::condition_variable ended_{};
  std::map<std::string, std::shared_ptr<Task>> tasks_{};
  int threads_{0};
  bool closed_{false};
};

}  // namespace

std::string functions_folder(const std::string& directory) { return directory + "/functions"; }

std::vector<std::string> missing_here() {
  std::vector<std::string> missing;
  if (::geteuid() != 0) missing.emplace_back("root");
  for (const auto* program : {"runc", "conmon", "umoci", "ip", "nft"})
    if (find_program(program).empty()) missing.emplace_back(program);
  // Without it every system call of the kernel would be open to a container.
  if (!load_seccomp_profile())
    missing.push_back(fmt::format("{} (package golang-github-containers-common)", seccomp_file));
  return missing;
}

void Driver::add_to(runtime::Effects& effects) {
  effects.add("task.run", [this](const services::Effect& effect, const runtime::Report& report) {
    run(effect.payload, report);
  });
  effects.add("task.stop", [this](const services::Effect& effect, const runtime::Report& report) {
    stop(text(effect.payload, "TaskArn"));
    report({.payload = {{"Asked", true}}});
  });
}

Result<std::unique_ptr<Driver>> Driver::create(DriverOptions options, Bridge& bridge,
                                               const store::Blobs& blobs) {
  std::error_code failed;
  options.directory = fs::absolute(options.directory, failed).string();
  for (const auto* folder : {"images", "tasks", "runc"}) {
    fs::create_directories(fmt::format("{}/{}", options.directory, folder), failed);
    if (failed)
      return fail("NoDirectory",
                  fmt::format("can't create {}: {}", options.directory, failed.message()));
  }
  // Containers leave setuid files in there, and bundles hold their secrets.
  fs::permissions(options.directory, fs::perms::owner_all, failed);
  if (failed)
    return fail("NoDirectory", fmt::format("can't close {} to other users: {}", options.directory,
                                           failed.message()));
  KIBAN_TRY(json::object seccomp, load_seccomp_profile());
  // Monitors leave their parent; without this their end would wait for a first process that reaps.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  return std::make_unique<ContainerDriver>(std::move(options), std::move(seccomp), bridge, blobs);
}

Result<void> erase_tasks(const std::string& directory) {
  std::error_code failed;
  if (!fs::exists(directory)) return {};
  const std::unique_ptr<Bridge> bridge = Bridge::borrow();
  Host host;
  use_directory(host, fs::absolute(directory, failed).string());
  host.bridge = bridge.get();
  for (const std::string& folder : {host.directory, functions_folder(directory)})
    for (const auto& entry : fs::directory_iterator{folder, failed})
      remove_sandbox(host, entry.path().string());
  Bridge::remove_unused();
  fs::remove_all(directory, failed);
  if (failed)
    return fail("EraseFailed", fmt::format("can't remove {}: {}", directory, failed.message()));
  return {};
}

}  // namespace kiban::containers
