// Rows elbv2/REGION/KIND/ARN: {Record: what Describe* shows, Tags, Attributes, …}.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/base/checked_service.h"

namespace kiban::services::elbv2 {

struct Kind {
  std::string_view folder{};
  std::string_view arn{};    // Member: "TargetGroupArn".
  std::string_view name{};   // Member: "TargetGroupName"; empty when it has none.
  std::string_view list{};   // "TargetGroups"
  std::string_view arns{};   // Member of Describe*'s request: "TargetGroupArns".
  std::string_view error{};  // "TargetGroupNotFound"
  std::string_view cause{};
};
extern const Kind load_balancers;
extern const Kind target_groups;
extern const Kind listeners;

Result<json::object> load(const Context& context, const Kind& kind, std::string_view arn);
std::vector<json::object> all(const Context& context, const Kind& kind);
void save(Context& context, const Kind& kind, const json::object& row);
void erase(Context& context, const Kind& kind, std::string_view arn);
const json::object& record(const json::object& row);
std::string arn_of(const Kind& kind, const json::object& row);
const json::object* named(const std::vector<json::object>& rows, const Kind& kind,
                          std::string_view name);

json::array tags_of(const json::object& input);

// Those that ARNs or Names ask for, or all that `keep` keeps, in pages.
Result<json::object> describe(Context& context, const Kind& kind, const json::object& input,
                              const std::function<json::object(const json::object&)>& shown,
                              const std::function<bool(const json::object&)>& keep);

using Attributes = std::span<const std::pair<std::string_view, std::string_view>>;
json::object default_attributes(Attributes known);
json::object described_attributes(const json::object& row);
// Error ValidationError for a key that `known` has not.
Result<void> set_attributes(json::object& row, const json::object& input, Attributes known,
                            std::string_view what);

struct Bounds {
  std::int64_t least{0};
  std::int64_t most{0};
  bool or_zero{false};
};
// The value of attribute `name`. Error ValidationError.
Result<void> check_number(const json::object& values, std::string_view name, Bounds bounds);
Result<void> check_choice(const json::object& values, std::string_view name,
                          std::initializer_list<std::string_view> choices);

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
  return std::ranges::find(list, value) != std::ranges::end(list);
}

// ARNs of the groups that actions forward to.
std::vector<std::string> forwarded_to(const json::object& listener);

CheckedTable load_balancer_operations();
CheckedTable target_group_operations();
CheckedTable listener_operations();
CheckedTable tag_operations();
// Its listeners go along with a load balancer.
void erase_listeners(Context& context, std::string_view load_balancer_arn);

}  // namespace kiban::services::elbv2
