// User namespaces of tasks: root of a container is a user of the host that owns nothing there and
// has no privileges.
//
// A task's network namespace is owned by its user namespace, because the kernel mounts sysfs only
// for the owner of the network. So the network namespace's file is all that has to be kept: it
// leads to the user namespace after a restart of the engine, too, and a task of an earlier version
// has a network that the host's own user namespace owns.
//
// The host has Linux 5.19 or later, for overlays over idmapped mounts.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "containers/runtime_config.h"
#include "core/result.h"
#include "runtime/child.h"

namespace kiban::containers {

// Assigns ids of the host to tasks: one range for each task, so that a process that escapes from
// its container has no access to the files and processes of other tasks either. From any thread.
class IdRanges {
 public:
  // First id of a range that no other task of this server has; nothing: all are taken. The task's
  // id decides where the search begins, so that tasks of several servers rarely meet.
  std::optional<std::uint32_t> take(const std::string& task);
  // The one that a task had before a restart.
  void keep(std::uint32_t first);
  void release(std::uint32_t first);

 private:
  std::mutex mutex_{};
  std::set<std::uint32_t> taken_{};
};

// A network namespace that a new user namespace owns, whose ids are the host's from `first_id` on.
// Error `ProgramFailed`.
Result<runtime::Descriptor> make_owned_network(std::uint32_t first_id);

// The user namespace that owns a network namespace; nothing when it is this process's own.
std::optional<runtime::Descriptor> owner_of_network(const std::string& path);

// Mounts `folder` at `target` with the ids of the user namespace in `path`: what belongs to 0 there
// belongs to the container's root. The files themselves stay as they are. False: see errno.
bool mount_with_ids_of(const std::string& path, const std::string& folder,
                       const std::string& target);

// Tries it with images that lie below `directory`. Why tasks get no user namespace of their own on
// this host, in words to show; empty when they do.
std::string user_namespaces_missing(const std::string& directory);

}  // namespace kiban::containers
