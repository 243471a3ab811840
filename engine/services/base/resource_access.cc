#include "services/base/resource_access.h"

#include <utility>

namespace kiban::services {

void add_resource_tags(ResourceAccess& resource, const json::value* tags) {
  if (tags == nullptr) return;
  if (tags->is_object())
    for (const auto& [key, value] : tags->get_object())
      if (value.is_string()) resource.tags.emplace_back(key, to_string(value.get_string()));
  if (!tags->is_array()) return;
  for (const json::value& tag : tags->get_array()) {
    if (!tag.is_object()) continue;
    for (const auto& [name, member] :
         {std::pair{"Key", "Value"}, std::pair{"key", "value"}, std::pair{"TagKey", "TagValue"}}) {
      const json::string* key = find_string(tag.get_object(), name);
      const json::string* value = find_string(tag.get_object(), member);
      if (key != nullptr)
        resource.tags.emplace_back(to_string(*key), value == nullptr ? "" : to_string(*value));
    }
  }
}

ResourceAccess resource_of_row(std::string_view arn, const std::optional<json::object>& row,
                               std::string_view tags_member, std::string_view policy_member) {
  ResourceAccess found{.arn = std::string(arn)};
  if (!row) return found;
  add_resource_tags(found, row->if_contains(tags_member));
  const json::string* policy = policy_member.empty() ? nullptr : find_string(*row, policy_member);
  if (policy != nullptr) found.policy = to_string(*policy);
  return found;
}

std::string_view resource_part(std::string_view arn) {
  for (int colon = 0; colon < 5; ++colon) {
    const std::size_t at = arn.find(':');
    if (at == std::string_view::npos) return {};
    arn.remove_prefix(at + 1);
  }
  return arn;
}

}  // namespace kiban::services
