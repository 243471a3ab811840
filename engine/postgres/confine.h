// Starts a program of PostgreSQL so that it can do nothing to the host.
//
// As root: the program runs as an unprivileged user of its own, in a mount namespace that shows the
// PostgreSQL installation, the system's libraries and time zones (all read-only) and one writable
// folder, the data directory, mounted noexec. Home directories, other data directories, /proc and
// (unless `shell` is set) every shell and tool of the host are absent.
// As any user: no_new_privs and a seccomp filter that refuses execve, so that neither COPY FROM
// PROGRAM nor an archive_command can start a program. `shell` lifts the filter: initdb needs
// /bin/sh, and runs before any client connects.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace kiban::postgres {

// A user of the host that exists by its number alone.
struct HostUser {
  std::uint32_t uid{0};
  std::uint32_t gid{0};
};

enum class Life {
  Waited,    // The caller waits for the process.
  Detached,  // The process is not our child: it goes on, and is reaped, without us.
};

struct Confined {
  std::vector<std::string> arguments{};    // The first is the program's absolute path.
  std::vector<std::string> environment{};  // NAME=VALUE
  std::string program_root{};              // The installation: /usr/lib/postgresql/15.
  std::string data{};                      // Absolute; the working folder, and writable.
  std::string mount_point{};               // An empty folder; needed as root.
  std::optional<HostUser> user{};          // None: as ourselves, in the host's file system.
  bool shell{false};
  int input{-1};
  int output{-1};  // Standard output, and standard error unless `errors` is given.
  int errors{-1};
  Life life{Life::Waited};
};

// Where a confined program sees its data directory too: the name of a socket must be short.
constexpr const char* confined_data = "/data";

// The process. Error `ProgramFailed`, also when a part of the confinement can't be had.
Result<pid_t> spawn_confined(const Confined& confined);

}  // namespace kiban::postgres
