// The system calls that a container may make. Pure, except for reading the packaged profile.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace kiban::containers {

// The default profile of Debian's container tools (package golang-github-containers-common).
inline constexpr const char* seccomp_file = "/usr/share/containers/seccomp.json";

// The member linux.seccomp of an OCI configuration, from a profile as Docker and Podman write it,
// for a container with these capabilities ("CAP_…").
// https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config-linux.md#seccomp
// Podman's profile allows the system calls that make namespaces, mounts and keyrings, because
// Podman starts containers in a user namespace. Docker's profile allows them with CAP_SYS_ADMIN
// only, and so does this. https://docs.docker.com/engine/security/seccomp/
// Error `NoSeccompProfile` when the profile is not one.
Result<json::object> seccomp_config(const json::object& profile,
                                    const std::vector<std::string>& capabilities);

// The profile in `path`. Error `NoSeccompProfile`.
Result<json::object> load_seccomp_profile(const std::string& path = seccomp_file);

}  // namespace kiban::containers
