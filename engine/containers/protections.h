// What keeps a container from reaching more than its task definition gives it, on this host.
#pragma once

#include <string>
#include <vector>

namespace kiban::containers {

struct Protection {
  std::string name{};
  bool in_force{false};
  std::string detail{};
  std::string what_to_do{};  // When it is not in force.
};

// As docs/containers.md lists them, for a server whose data directory is `data`.
std::vector<Protection> protections_here(const std::string& data);

}  // namespace kiban::containers
