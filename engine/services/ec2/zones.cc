#include "services/ec2/zones.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

// Enabled in every account.
// docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
constexpr std::array regions = {
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ca-central-1",   "eu-central-1",   "eu-north-1", "eu-west-1",
    "eu-west-2",      "eu-west-3",      "sa-east-1",      "us-east-1",  "us-east-2",
    "us-west-1",      "us-west-2"};

// "apne1" of ap-northeast-1, "use1" of us-east-1: the prefix of zone ids.
// docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html
std::string short_name(std::string_view region) {
  const std::size_t first = std::min(region.find('-'), region.size());
  const std::size_t last = region.rfind('-');
  if (last == std::string_view::npos || last <= first) return std::string(region);
  const std::string_view where = region.substr(first + 1, last - first - 1);
  std::string letters(where.substr(0, 1));
  if (where.starts_with("north") || where.starts_with("south")) {
    letters += where.substr(std::min<std::size_t>(5, where.size()), 1);  // n, nw, ne, s, sw, se.
  }
  return fmt::format("{}{}{}", region.substr(0, first), letters, region.substr(last + 1));
}

// Letter and number of its id. AWS deals the letters out by account; this is kiban's account.
std::string_view letters_of(std::string_view region) {
  if (region == "ap-northeast-1") return "a4c1d2";  // New accounts get no 'b'.
  if (region == "us-east-1") return "a1b2c3d4e5f6";
  if (region == "us-west-2" || region == "ap-northeast-2") return "a1b2c3d4";
  if (region == "us-west-1") return "a1c3";
  return "a1b2c3";
}

Result<json::object> describe_zones(Context& context, const json::object& input) {
  constexpr std::array filters = {Filter{"group-long-name", "GroupLongName"},
                                  Filter{"message", "Messages.Message"},
                                  Filter{"parent-zone-id", "ParentZoneId"},
                                  Filter{"parent-zone-name", "ParentZoneName"},
                                  Filter{"group-name", "GroupName"},
                                  Filter{"opt-in-status", "OptInStatus"},
                                  Filter{"region-name", "RegionName"},
                                  Filter{"state", "State"},
                                  Filter{"zone-id", "ZoneId"},
                                  Filter{"zone-name", "ZoneName"},
                                  Filter{"zone-type", "ZoneType"}};
  const std::string& region = context.caller().region;
  const auto wanted = [&](std::string_view member, const std::string& value) {
    const json::array* list = find_array(input, member);
    return !list || std::ranges::find(*list, json::value(value)) != list->end();
  };
  for (const auto& [member, by_id] : {std::pair{"ZoneNames", false}, std::pair{"ZoneIds", true}}) {
    const json::array* list = find_array(input, member);
    for (const json::value& one : list ? *list : json::array{}) {
      const std::string_view given = one.as_string();
      KIBAN_TRY_VOID(by_id ? find_zone(region, {}, given) : find_zone(region, given));
    }
  }
  std::vector<json::object> records;
  for (const Zone& zone : zones_of(region)) {
    if (!wanted("ZoneNames", zone.name) || !wanted("ZoneIds", zone.id)) continue;
    records.push_back({{"GroupName", region + "-zg-1"},
                       {"Messages", json::array{}},
                       {"NetworkBorderGroup", region},
                       {"OptInStatus", "opt-in-not-required"},
                       {"RegionName", region},
                       {"State", "available"},
                       {"ZoneId", zone.id},
                       {"ZoneName", zone.name},
                       {"ZoneType", "availability-zone"}});
  }
  KIBAN_TRY(json::array found, filtered(records, filters, input));
  return json::object{{"AvailabilityZones", std::move(found)}};
}

Result<json::object> describe_regions(Context& /*context*/, const json::object& input) {
  constexpr std::array filters = {Filter{"endpoint", "Endpoint"},
                                  Filter{"opt-in-status", "OptInStatus"},
                                  Filter{"region-name", "RegionName"}};
  const json::array* names = find_array(input, "RegionNames");
  std::vector<json::object> records;
  for (const std::string_view name : regions) {
    if (names && std::ranges::find(*names, json::value(name)) == names->end()) continue;
    records.push_back({{"Endpoint", fmt::format("ec2.{}.amazonaws.com", name)},
                       {"OptInStatus", "opt-in-not-required"},
                       {"RegionName", name}});
  }
  for (const json::value& name : names ? *names : json::array{}) {
    if (std::ranges::find(regions, std::string_view(name.as_string())) == regions.end()) {
      return fail("InvalidParameterValue",
                  fmt::format("Invalid region provided: [{}]", std::string_view(name.as_string())));
    }
  }
  KIBAN_TRY(json::array found, filtered(records, filters, input));
  return json::object{{"Regions", std::move(found)}};
}

}  // namespace

std::vector<Zone> zones_of(std::string_view region) {
  std::vector<Zone> out;
  const std::string prefix = short_name(region);
  std::string_view letters = letters_of(region);
  for (; letters.size() >= 2; letters.remove_prefix(2)) {
    out.push_back({.name = fmt::format("{}{}", region, letters[0]),
                   .id = fmt::format("{}-az{}", prefix, letters[1])});
  }
  return out;
}

Result<Zone> find_zone(std::string_view region, std::string_view name, std::string_view id) {
  std::string names;
  for (const Zone& zone : zones_of(region)) {
    if ((name.empty() || zone.name == name) && (id.empty() || zone.id == id)) return zone;
    names += (names.empty() ? "" : ", ") + zone.name;
  }
  return fail("InvalidParameterValue",
              fmt::format("Value ({}) for parameter availabilityZone is invalid. Subnets can "
                          "currently only be created in the following availability zones: {}.",
                          name.empty() ? id : name, names));
}

CheckedTable zone_operations() {
  return {{"DescribeAvailabilityZones",
           {describe_zones, "ZoneNames ZoneIds Filters AllAvailabilityZones"}},
          {"DescribeRegions", {describe_regions, "RegionNames Filters AllRegions"}}};
}

}  // namespace kiban::services::ec2
