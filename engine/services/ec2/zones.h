// Regions and availability zones: fixed data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban::services::ec2 {

struct Zone {
  std::string name{};  // ap-northeast-1a
  std::string id{};    // apne1-az4
  bool operator==(const Zone&) const = default;
};

// In the order of their names.
std::vector<Zone> zones_of(std::string_view region);
// By name or id; the first when both are empty. Error `InvalidParameterValue`.
Result<Zone> find_zone(std::string_view region, std::string_view name, std::string_view id = {});

}  // namespace kiban::services::ec2
