// The OCI runtime configuration (config.json) of one container, from its image's configuration and
// the plan of the `task.run` effect. Pure.
// https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace kiban::containers {

struct Mount {
  std::string source{};
  std::string destination{};
  bool read_only{false};
};

// What this host gives and allows.
struct Surroundings {
  std::string root{};    // The container's root file system.
  std::string passwd{};  // Text of its /etc/passwd and /etc/group.
  std::string group{};
  std::string network{};  // Path of the network namespace.
  std::string hostname{};
  std::string cgroup{};         // Below the root of every hierarchy.
  bool swap_limit{false};       // Whether the kernel can limit memory and swap together.
  json::object seccomp{};       // Profile as seccomp.h reads it; empty: none.
  std::string init{};           // Program that reaps children; needed for initProcessEnabled.
  std::vector<Mount> mounts{};  // hosts, resolv.conf, volumes.
  json::object environment{};   // Beneath the task definition's own.
};

// `image` is the member "config" of the OCI image configuration; `container` one of the effect's
// Containers. Errors are named as ECS names them: CannotStartContainerError (no command),
// ClientException (user).
Result<json::object> runtime_config(const json::object& image, const json::object& container,
                                    const Surroundings& surroundings);

// The number behind SIGTERM, 15 or RTMIN+3 in an image's StopSignal; 15 when it says nothing.
std::string stop_signal(const json::object& image);

}  // namespace kiban::containers
