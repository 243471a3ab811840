#include "containers/cgroup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "containers/files.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t cpu_units_per_core = 1024;
constexpr std::int64_t cpu_period = 100'000;  // Microseconds.

const std::string root = "/sys/fs/cgroup";

bool is_unified() { return ::access((root + "/cgroup.controllers").c_str(), F_OK) == 0; }

// The number behind `name` in lines of "name number"; without a name the first number.
std::uint64_t number_in(const std::string& path, const std::string& name) {
  std::istringstream words{read_file(path)};
  std::string word;
  while (!name.empty() && words >> word && word != name) {
  }
  std::uint64_t value = 0;
  words >> value;
  return value;
}

Result<void> set(const std::string& path, const std::string& value) {
  std::ofstream out{path};
  out << value << std::flush;
  if (out) return {};
  return fail("ProgramFailed", fmt::format("can't write {} to {}", value, path));
}

Result<void> make_folder(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (!failed) return {};
  return fail("ProgramFailed", fmt::format("can't create {}: {}", path, failed.message()));
}

// https://docs.kernel.org/admin-guide/cgroup-v2.html: a group hands controllers down by name, and
// has no processes of its own then.
Result<void> make_unified(const std::string& group, std::int64_t cpu, std::int64_t memory) {
  KIBAN_TRY_VOID(make_folder(root + group));
  for (std::size_t at = 0; at != std::string::npos; at = group.find('/', at + 1)) {
    const std::string file = root + group.substr(0, at) + "/cgroup.subtree_control";
    for (const auto* controller : {"+cpu", "+memory", "+pids"}) (void)set(file, controller);
  }
  for (const auto* controller : {"+cpu", "+memory", "+pids"})
    (void)set(root + group + "/cgroup.subtree_control", controller);
  if (can_limit_processes())
    KIBAN_TRY_VOID(set(root + group + "/pids.max", std::to_string(task_processes_max)));
  if (memory > 0) {
    KIBAN_TRY_VOID(set(root + group + "/memory.max", std::to_string(memory * 1024 * 1024)));
    (void)set(root + group + "/memory.swap.max", "0");
  }
  if (cpu == 0) return {};
  return set(root + group + "/cpu.max",
             fmt::format("{} {}", cpu * cpu_period / cpu_units_per_core, cpu_period));
}

}  // namespace

Result<void> make_group(const std::string& group, std::int64_t cpu, std::int64_t memory) {
  if (is_unified()) return make_unified(group, cpu, memory);
  const std::string of_memory = root + "/memory" + group;
  const std::string of_cpu = root + "/cpu" + group;
  KIBAN_TRY_VOID(make_folder(of_memory));
  KIBAN_TRY_VOID(make_folder(of_cpu));
  if (can_limit_processes()) {
    KIBAN_TRY_VOID(make_folder(root + "/pids" + group));
    KIBAN_TRY_VOID(set(root + "/pids" + group + "/pids.max", std::to_string(task_processes_max)));
  }
  if (memory > 0) {
    const std::string bytes = std::to_string(memory * 1024 * 1024);
    KIBAN_TRY_VOID(set(of_memory + "/memory.limit_in_bytes", bytes));
    if (can_limit_swap()) KIBAN_TRY_VOID(set(of_memory + "/memory.memsw.limit_in_bytes", bytes));
  }
  if (cpu == 0) return {};
  KIBAN_TRY_VOID(set(of_cpu + "/cpu.cfs_period_us", std::to_string(cpu_period)));
  return set(of_cpu + "/cpu.cfs_quota_us", std::to_string(cpu * cpu_period / cpu_units_per_core));
}

void remove_group(const std::string& group) {
  std::error_code failed;
  const auto remove = [&failed](const std::string& path) {
    for (const auto& inner : fs::directory_iterator{path, failed})
      if (inner.is_directory(failed)) ::rmdir(inner.path().c_str());
    ::rmdir(path.c_str());
  };
  if (is_unified()) return remove(root + group);
  // runc makes it in every hierarchy.
  for (const auto& hierarchy : fs::directory_iterator{root, failed})
    if (!fs::is_symlink(hierarchy.path(), failed)) remove(hierarchy.path().string() + group);
}

bool can_limit_processes() {
  if (!is_unified()) return ::access((root + "/pids").c_str(), F_OK) == 0;
  std::istringstream controllers{read_file(root + "/cgroup.controllers")};
  for (std::string each; controllers >> each;)
    if (each == "pids") return true;
  return false;
}

bool can_limit_swap() {
  return is_unified() ||
         ::access((root + "/memory/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0;
}

std::uint64_t oom_kills(const std::string& group) {
  return is_unified() ? number_in(root + group + "/memory.events", "oom_kill")
                      : number_in(root + "/memory" + group + "/memory.oom_control", "oom_kill");
}

std::uint64_t peak_memory(const std::string& group) {
  return number_in(is_unified() ? root + group + "/memory.peak"
                                : root + "/memory" + group + "/memory.max_usage_in_bytes",
                   "");
}

// https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html
bool set_motion(const std::string& group, Motion motion) {
  const bool frozen = motion == Motion::Frozen;
  if (is_unified()) return set(root + group + "/cgroup.freeze", frozen ? "1" : "0").has_value();
  return set(root + "/freezer" + group + "/freezer.state", frozen ? "FROZEN" : "THAWED")
      .has_value();
}

Usage read_usage(const std::string& group) {
  const std::string memory = is_unified() ? root + group : root + "/memory" + group;
  const std::uint64_t used =
      number_in(memory + (is_unified() ? "/memory.current" : "/memory.usage_in_bytes"), "");
  const std::uint64_t cache =
      number_in(memory + "/memory.stat", is_unified() ? "inactive_file" : "total_inactive_file");
  return {.cpu_microseconds =
              is_unified() ? number_in(root + group + "/cpu.stat", "usage_usec")
                           : number_in(root + "/cpuacct" + group + "/cpuacct.usage", "") / 1000,
          .memory_bytes = used > cache ? used - cache : 0};
}

}  // namespace kiban::containers
