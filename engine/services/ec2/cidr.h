// Blocks of IPv4 addresses: 10.0.0.0/16.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::services::ec2 {

struct Cidr {
  std::uint32_t address{0};  // The first of the block: 10.0.3.7/16 is 10.0.0.0/16, as at AWS.
  int bits{0};               // 0 to 32.
  bool operator==(const Cidr&) const = default;

  std::uint64_t size() const { return std::uint64_t{1} << (32 - bits); }
  bool contains(const Cidr& other) const;
  bool overlaps(const Cidr& other) const { return contains(other) || other.contains(*this); }
};

// Error `InvalidParameterValue`.
Result<Cidr> parse_cidr(std::string_view text, std::string_view parameter = "cidrBlock");
// A block of IPv6 addresses as RFC 5952 writes it, bits behind the prefix cleared. Error
// `InvalidParameterValue`.
Result<std::string> normalise_cidr6(std::string_view text, std::string_view parameter);
std::string print_cidr(const Cidr& cidr);
std::string print_address(std::uint32_t address);

}  // namespace kiban::services::ec2
