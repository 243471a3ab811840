#include "containers/protections.h"

#include <fmt/format.h>

#include "containers/cgroup.h"
#include "containers/layer.h"
#include "containers/program.h"
#include "containers/seccomp.h"
#include "containers/user_namespace.h"

namespace kiban::containers {

std::vector<Protection> protections_here(const std::string& data) {
  const bool seccomp = load_seccomp_profile().has_value();
  const bool processes = can_limit_processes();
  const std::string storage = layers_missing();
  const std::string users = user_namespaces_missing(data + "/tasks/images");
  const bool init = !find_program("tini-static").empty();
  return {
      {.name = "container privileges",
       .in_force = true,
       .detail = "no_new_privs; no CAP_NET_RAW and no CAP_SYS_ADMIN; kernel paths masked; its own "
                 "view of control groups"},
      {.name = "container files",
       .in_force = true,
       .detail = "the folders of tasks are open to root only"},
      {.name = "container system calls",
       .in_force = seccomp,
       .detail = seccomp ? fmt::format("seccomp profile {}", seccomp_file)
                         : fmt::format("{} is missing, so no container is started", seccomp_file),
       .what_to_do = "apt-get install golang-github-containers-common"},
      {.name = "container processes",
       .in_force = processes,
       .detail = processes ? fmt::format("{} for each task (pids.max)", task_processes_max)
                           : std::string("not limited: the host has no control group pids"),
       .what_to_do = "mount the pids controller below /sys/fs/cgroup"},
      {.name = "container storage",
       .in_force = storage.empty(),
       .detail = storage.empty()
                     ? std::string("bounded by ephemeralStorage (ext4 in a sparse file, on a loop "
                                   "device)")
                     : "not bounded, a task can fill the disk: missing " + storage,
       .what_to_do = "install or allow it, and start kiban again"},
      {.name = "container init",
       .in_force = init,
       .detail = init ? "initProcessEnabled is served by tini-static"
                      : "tini-static is missing: tasks with initProcessEnabled do not start",
       .what_to_do = "apt-get install tini"},
      {.name = "container user namespace",
       .in_force = users.empty(),
       .detail = users.empty() ? fmt::format("{} ids of each task's own: root in a container is an "
                                             "unprivileged user on the host",
                                             ids_per_task)
                               : "not used, root in a container is root on the host, without its "
                                 "privileges: missing " +
                                     users,
       .what_to_do = "provide it and start kiban again, or let images run as another user than "
                     "root"},
  };
}

}  // namespace kiban::containers
