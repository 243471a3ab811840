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

Result<void> TaskRunner::add_to(runtime::Effects& effects, std::uint16_t port,
                                const store::Blobs& blobs) {
  if (processes_) {
    processes_->add_to(effects);
  } else if (bridge_) {
    KIBAN_TRY(containers_,
              containers::Driver::create(
                  {.directory = directory_,
                   .endpoint = fmt::format("http://{}:{}", containers::bridge_address, port)},
                  *bridge_, blobs));
    containers_->add_to(effects);
  } else {
    runtime::add_refusing_driver(effects, refusal_);
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
  containers_.reset();
  processes_.reset();
}

}  // namespace kiban::cli
