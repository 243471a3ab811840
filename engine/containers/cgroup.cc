#include "containers/cgroup.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "containers/files.h"

namespace kiban::containers {
namespace {

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

}  // namespace

bool can_limit_swap() {
  return is_unified() ||
         ::access((root + "/memory/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0;
}

std::uint64_t oom_kills(const std::string& group) {
  return is_unified() ? number_in(root + group + "/memory.events", "oom_kill")
                      : number_in(root + "/memory" + group + "/memory.oom_control", "oom_kill");
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
