// The OCI runtime configuration (config.json) of one container, from its image's configuration and
// the plan of the `task.run` effect. Pure.
// https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace kiban::containers {

struct Mount {
  std::string source{};
  std::string destination{};
  bool read_only{false};
  // "nosuid", ... of the mount that `source` lies in: in a user namespace the kernel makes a mount
  // read-only only if these stay.
  std::vector<std::string> flags{};
};

// The ids 0 to 65535 of a container are this many of the host, from a task's first on.
constexpr std::uint32_t ids_per_task = 65'536;

// That a task's containers join.
struct UserNamespace {
  std::string path{};
  std::uint32_t first_id{0};  // Of the host: the container's root.
};

// The host's paths, limits and capabilities.
struct Surroundings {
  std::string root{};    // The container's root file system.
  std::string passwd{};  // Text of its /etc/passwd and /etc/group.
  std::string group{};
  std::string network{};  // Path of the network namespace.
  // Owns the network namespace. None: the containers are in the host's own.
  std::optional<UserNamespace> user_namespace{};
  std::string hostname{};
  std::string cgroup{};    // Below the root of every hierarchy.
  bool swap_limit{false};  // Whether the kernel can limit memory and swap together.
  json::object seccomp{};  // Profile as seccomp.h reads it; empty: none.
  // Program that reaps children, without destination; needed for initProcessEnabled.
  Mount init{};
  std::vector<Mount> mounts{};  // hosts, resolv.conf, volumes.
  json::object environment{};   // Beneath the task definition's own.
};

// `image` is the member "config" of the OCI image configuration; `container` one of the effect's
// Containers. Errors are named as ECS names them: CannotStartContainerError (no command),
// ClientException (a user that the image does not name, or that the user namespace does not have).
Result<json::object> runtime_config(const json::object& image, const json::object& container,
                                    const Surroundings& surroundings);

// The number behind SIGTERM, 15 or RTMIN+3 in an image's StopSignal; 15 when it says nothing.
std::string stop_signal(const json::object& image);

}  // namespace kiban::containers
