#include "cli/task_runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace kiban::cli {

namespace {

// Debian's package for a program; "root" is none.
std::string how_to_get(const std::vector<std::string>& missing) {
  std::vector<std::string> packages;
  bool root = false;
  for (const std::string& one : missing) {
    if (one == "root")
      root = true;
    else
      packages.push_back(one == "ip" ? "iproute2" : one == "nft" ? "nftables" : one);
  }
  std::string text;
  if (root) text = "start kiban as root";
  if (!packages.empty())
    text += fmt::format("{}apt-get install {}", root ? ", and " : "", fmt::join(packages, " "));
  return text;
}

// Why containers can't be run here; empty when they can, and then `bridge` is there.
std::string open_bridge(std::uint16_t port, std::unique_ptr<containers::Bridge>& bridge) {
  const std::vector<std::string> missing = containers::missing_here();
  if (!missing.empty())
    return fmt::format("containers need what is missing here: {}. To get it: {}",
                       fmt::join(missing, ", "), how_to_get(missing));
  auto made = containers::Bridge::create(port);
  if (!made) return made.error().cause;
  bridge = *std::move(made);
  return {};
}

}  // namespace

Result<TaskRunner> TaskRunner::choose(const ServeOptions& options, std::uint16_t port,
                                      std::string directory) {
  TaskRunner runner;
  runner.directory_ = std::move(directory);
  if (options.tasks == "process") {
    KIBAN_TRY(runner.processes_, runtime::ProcessDriver::create(runner.directory_, options.source));
  } else if (options.tasks == "none") {
    runner.refusal_ = "it was started with --tasks none";
  } else {
    runner.refusal_ = open_bridge(port, runner.bridge_);
    if (options.tasks == "containers" && !runner.refusal_.empty())
      return fail("NoContainers", runner.refusal_);
  }
  return runner;
}

std::string TaskRunner::bridge_address() const {
  return bridge_ ? std::string(containers::bridge_address) : std::string();
}

std::optional<std::string> TaskRunner::task_at(const std::string& address) const {
  if (processes_) return std::nullopt;
  return containers_ ? containers_->task_at(address) : std::string();
}

void TaskRunner::add_functions(runtime::Effects& effects,
                               std::unique_ptr<lambda::Launcher> launcher,
                               const store::Blobs& blobs) {
  functions_ = lambda::Host::create({.directory = directory_ + "/lambda",
                                     .support = lambda::find_runtime_support(),
                                     .limits = lambda::limits_here()},
                                    std::move(launcher), blobs);
  functions_->add_to(effects);
}

Result<void> TaskRunner::add_to(runtime::Effects& effects, std::uint16_t port,
                                const std::string& endpoint, const store::Blobs& blobs) {
  const std::string functions = containers::functions_folder(directory_);
  if (processes_) {
    processes_->add_to(effects);
    add_functions(effects, lambda::make_process_launcher(functions, endpoint), blobs);
  } else if (bridge_) {
    const std::string there = fmt::format("http://{}:{}", containers::bridge_address, port);
    KIBAN_TRY(containers_, containers::Driver::create({.directory = directory_, .endpoint = there},
                                                      *bridge_, blobs));
    containers_->add_to(effects);
    add_functions(effects, lambda::make_container_launcher(*containers_, functions, there), blobs);
  } else {
    runtime::add_refusing_driver(effects, refusal_);
    lambda::add_refusing_host(effects, refusal_);
  }
  return {};
}

void TaskRunner::sweep() {
  if (containers_) containers_->sweep();
  if (processes_) processes_->sweep();
}

void TaskRunner::end_tasks() {
  if (containers_) containers_->end_tasks();
  if (processes_) processes_->end_tasks();
}

void TaskRunner::end() {
  functions_.reset();
  containers_.reset();
  processes_.reset();
}

}  // namespace kiban::cli
