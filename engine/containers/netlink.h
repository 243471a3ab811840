// Network interfaces and routes of this thread's network namespace, changed through rtnetlink
// (man 7 rtnetlink): starting the program `ip` costs more than the changes themselves.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace kiban::containers {

using HardwareAddress = std::array<std::uint8_t, 6>;

// A pair of connected interfaces: `name` is here, up, and a port of the bridge `bridge`; its peer
// `eth0` is in `other_namespace` (a descriptor), down, and has `peer_address`.
struct Veth {
  std::string name{};
  std::string bridge{};
  int other_namespace{-1};
  HardwareAddress peer_address{};
};

// All three: error `ProgramFailed`.
Result<void> add_veth(const Veth& veth);
Result<void> delete_link(const std::string& name);

// To the host `destination` by way of `interface`, as sender `source`; replaces one that is there.
Result<void> replace_route(const std::string& destination, const std::string& interface,
                           const std::string& source);
Result<void> delete_route(const std::string& destination, const std::string& interface);

}  // namespace kiban::containers
