#include "services/ecr/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>

#include "services/base/table_service.h"

namespace kiban::services::ecr {
namespace {

bool has_text(const json::object& object, std::string_view member,
              std::initializer_list<std::string_view> choices) {
  const json::string* value = find_string(object, member);
  return value && std::ranges::find(choices, std::string_view(*value)) != choices.end();
}

// The first member that is null or not among `known`; empty: none is.
std::string stranger(const json::object& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object)
    if (value.is_null() || std::ranges::find(known, std::string_view(name)) == known.end())
      return fmt::format("the member {} is not allowed", std::string_view(name));
  return {};
}

std::string count_fault(const json::object& selection) {
  if (!has_text(
          selection, "countType",
          {"imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"}))
    return "countType must be imageCountMoreThan, sinceImagePushed, sinceImagePulled or "
           "sinceImageTransitioned";
  if (number(selection, "countNumber", 0) < 1) return "countNumber must be a positive integer";
  const bool by_age = text(selection, "countType") != "imageCountMoreThan";
  if (by_age && !has_text(selection, "countUnit", {"days"}))
    return "countUnit must be days with a countType of time";
  if (!by_age && selection.contains("countUnit"))
    return "countUnit must not be specified with imageCountMoreThan";
  return {};
}

std::string action_fault(const json::object& action) {
  if (std::string why = stranger(action, {"type", "targetStorageClass"}); !why.empty()) return why;
  if (!has_text(action, "type", {"expire", "transition"}))
    return "the type of an action must be expire or transition";
  const bool moves = text(action, "type") == "transition";
  if (moves ? has_text(action, "targetStorageClass", {"archive"})
            : !action.contains("targetStorageClass"))
    return {};
  return "targetStorageClass must be archive with the action transition, and absent otherwise";
}

std::string selection_fault(const json::object& selection) {
  if (std::string why =
          stranger(selection, {"tagStatus", "tagPrefixList", "tagPatternList", "storageClass",
                               "countType", "countUnit", "countNumber"});
      !why.empty())
    return why;
  if (!has_text(selection, "tagStatus", {"tagged", "untagged", "any"}))
    return "tagStatus must be tagged, untagged or any";
  const json::array* prefixes = find_array(selection, "tagPrefixList");
  const json::array* patterns = find_array(selection, "tagPatternList");
  const bool tagged = text(selection, "tagStatus") == "tagged";
  if (tagged && (prefixes != nullptr) == (patterns != nullptr))
    return "tagStatus tagged needs either a tagPrefixList or a tagPatternList";
  if (!tagged && (prefixes || patterns))
    return "tagPrefixList and tagPatternList need the tagStatus tagged";
  const json::array* list = prefixes ? prefixes : patterns;
  if (list && list->empty()) return "tagPrefixList and tagPatternList cannot be empty";
  if (list && std::ranges::any_of(*list, [](const json::value& one) {
        return !one.is_string() || one.get_string().empty();
      }))
    return "tagPrefixList and tagPatternList are lists of strings";
  return count_fault(selection);
}

}  // namespace

std::string lifecycle_fault(const json::object& policy) {
  const json::array* rules = find_array(policy, "rules");
  if (!rules || rules->empty()) return "it must have a list of rules";
  std::set<std::int64_t> priorities;
  std::int64_t any = 0;  // The priority of the rule for any image.
  for (const json::value& value : *rules) {
    const json::object* rule = value.if_object();
    const json::object* selection = rule ? find_object(*rule, "selection") : nullptr;
    const json::object* action = rule ? find_object(*rule, "action") : nullptr;
    if (!selection || !action) return "each rule needs rulePriority, selection and action";
    const std::int64_t priority = number(*rule, "rulePriority", 0);
    if (priority < 1) return "rulePriority must be a positive integer";
    if (!priorities.insert(priority).second)
      return fmt::format("the rulePriority {} is not unique", priority);
    if (std::string why = selection_fault(*selection); !why.empty()) return why;
    if (std::string why = action_fault(*action); !why.empty()) return why;
    if (std::string why = stranger(*rule, {"rulePriority", "description", "selection", "action"});
        !why.empty())
      return why;
    if (text(*selection, "tagStatus") != "any") continue;
    if (any > 0) return "only one rule may have the tagStatus any";
    any = priority;
  }
  if (any > 0 && any != *priorities.rbegin())
    return "the rule with the tagStatus any must have the highest rulePriority";
  return {};
}

}  // namespace kiban::services::ecr
