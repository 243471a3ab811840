// Control groups of tasks and containers, in both versions of the kernel's interface. A group is
// named by its path below the root of the hierarchies.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace kiban::containers {

// Whether memory and swap can be limited together.
bool can_limit_swap();
// Whether the number of processes can be limited.
bool can_limit_processes();

// A task may have this many processes and threads. Podman's default for a container is 2048; on
// Fargate a task can use up its own machine only. A task has several containers, so twice that.
inline constexpr int task_processes_max = 4096;

// The group of a task, in which those of its containers lie: it bounds them together. `cpu` in
// units of 1/1024 processor, `memory` in MiB; 0: no limit. Error `ProgramFailed`.
Result<void> make_group(const std::string& group, std::int64_t cpu, std::int64_t memory);
// Removes the group and the empty groups below it.
void remove_group(const std::string& group);

// Processes of the group that were killed for want of
// memory.
std::uint64_t oom_kills(const std::string& group);

struct Usage {
  std::uint64_t cpu_microseconds{0};
  std::uint64_t memory_bytes{0};  // Without the page cache that can go.
};
Usage read_usage(const std::string& group);

// The most that processes of the group used at once, in bytes; 0: not known.
std::uint64_t peak_memory(const std::string& group);

// Whether the processes of the group, and of those below it, run.
enum class Motion { Frozen, Running };
// False: the kernel has no freezer for the group.
bool set_motion(const std::string& group, Motion motion);

}  // namespace kiban::containers
