// What all records of EC2 share: a row ec2/REGION/TYPE/ID that holds the record as Describe* shows
// it, tags, and Describe* by ids and filters.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/base/checked_service.h"

namespace kiban::services::ec2 {

struct Filter {
  std::string_view name{};
  std::string_view path{};  // Members, separated by '.'; through lists any entry counts.
};

struct Kind {
  std::string_view type{};       // As tags name it: "route-table".
  std::string_view prefix{};     // Of its ids: "rtb".
  std::string_view id{};         // Member: "RouteTableId".
  std::string_view list{};       // Member of the reply of Describe*: "RouteTables".
  std::string_view ids{};        // Member of its request: "RouteTableIds".
  std::string_view not_found{};  // Error.
  std::string_view noun{};       // Its text: The NOUN 'rtb-1' does not exist.
  std::span<const Filter> filters{};
  std::string_view malformed{};  // Error of what can't be an id; empty: such a one is not found.
  // From the row to what is shown, when these differ.
  json::object (*shown)(const Context&, json::object row){nullptr};
};

namespace kinds {
extern const Kind vpc;
extern const Kind subnet;
extern const Kind network_acl;
extern const Kind network_interface;
extern const Kind route_table;
extern const Kind internet_gateway;
extern const Kind nat_gateway;
extern const Kind address;
extern const Kind security_group;
extern const Kind security_group_rule;
extern const Kind vpc_endpoint;
}  // namespace kinds

std::string row_key(const Context& context, const Kind& kind, std::string_view id);
// Errors: `kind.not_found`.
Result<json::object> load(const Context& context, const Kind& kind, std::string_view id);
std::vector<json::object> all(const Context& context, const Kind& kind);
// Those where `path` has the value.
std::vector<json::object> having(const Context& context, const Kind& kind, std::string_view path,
                                 std::string_view value);
bool has(const json::value& record, std::string_view path, std::string_view value);
void save(Context& context, const Kind& kind, const json::object& row);
void erase(Context& context, const Kind& kind, std::string_view id);

// Tags as records keep them, of a list in a request. Error: a tag without Key.
Result<json::array> read_tags(const json::object& input);
// Error MissingParameter.
Result<void> require(const json::object& input, std::string_view member);

// A new record's id, owner and tags (of TagSpecifications). Nothing is written yet.
Result<json::object> begin(Context& context, const Kind& kind, const json::object& input);

std::unexpected<Error> not_found(const Kind& kind, std::string_view id);
// DependencyViolation of a Delete*.
std::unexpected<Error> in_use(const Kind& kind, std::string_view id);

// Those of `records` that match the request's Filters (or Filter).
Result<json::array> filtered(const std::vector<json::object>& records,
                             std::span<const Filter> filters, const json::object& input);
Result<json::object> describe(Context& context, const Kind& kind, const json::object& input);
// One page of a Describe*'s reply.
Result<json::object> page_of(const json::array& found, std::string_view list,
                             const json::object& input);
template <const Kind& kind>
Result<json::object> describe_all(Context& context, const json::object& input) {
  return describe(context, kind, input);
}

// The default security group of a new VPC; and a group with its rules, whatever needs it.
Result<void> make_default_group(Context& context, const std::string& vpc_id);
std::string default_group(const Context& context, std::string_view vpc_id);
void erase_group(Context& context, const std::string& group_id);

// Routes of the VPC whose member `target` ("GatewayId", ...) is a gateway that went away.
void blackhole_routes(Context& context, std::string_view target, std::string_view gateway_id,
                      std::string_view vpc_id);

// The operations of this service, a table a file.
CheckedTable tag_operations();
CheckedTable network_operations();
CheckedTable interface_operations();
CheckedTable routing_operations();
CheckedTable gateway_operations();
CheckedTable security_operations();
CheckedTable endpoint_operations();
CheckedTable zone_operations();

}  // namespace kiban::services::ec2
