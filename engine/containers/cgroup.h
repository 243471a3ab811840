// What the kernel tells about a container's control group, in both versions of the interface.
#pragma once

#include <cstdint>
#include <string>

namespace kiban::containers {

// Whether memory and swap can be limited together.
bool can_limit_swap();

// Processes of the group (path below the root of the hierarchies) that were killed for want of
// memory.
std::uint64_t oom_kills(const std::string& group);

struct Usage {
  std::uint64_t cpu_microseconds{0};
  std::uint64_t memory_bytes{0};  // Without the page cache that can go.
};
Usage read_usage(const std::string& group);

}  // namespace kiban::containers
