// What a template would change of the resources that are there.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cfn/evaluate.h"
#include "core/json.h"

namespace kiban::cfn {

struct Existing {
  std::string type{};
  std::string physical_id{};
  json::object properties{};  // As last applied, stack tags among them.
  json::object attributes{};
};

struct PropertyChange {
  std::string name{};
  std::optional<json::value> before{};
  std::optional<json::value> after{};
  bool replaces{false};
  // The new value is known only once something else was changed.
  bool dynamic() const;
};

struct ResourceChange {
  enum class Action { Add, Modify, Remove };
  Action action{Action::Add};
  std::string logical_id{};
  std::string physical_id{};
  std::string type{};
  std::vector<PropertyChange> properties{};
  std::vector<std::string> attributes{};  // Of DeletionPolicy, UpdateReplacePolicy, Metadata.
  std::string change_set_id{};            // Of a nested stack, where it has one of its own.
  json::object before{};                  // All properties.
  json::object after{};
};

// What a template may not give for any type: tags whose keys are AWS's ("aws:…") or there twice; a
// SecureString, which CloudFormation does not make. `properties` are evaluated. ValidationError.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html
Result<void> check_given(const json::object& type, const json::object& properties);

// `properties` with the stack's tags, where the type has tags; its own tags win.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
json::object with_stack_tags(const json::object& type, json::object properties,
                             const json::array& stack_tags);

std::vector<PropertyChange> compare(const json::object& type, const json::object& before,
                                    const json::object& after);

// Changes that a deployment would make, in its order, removals last. `evaluator` is prepared, and
// planning. Error `ValidationError`: a changed type, or a property that kiban can't update.
Result<std::vector<ResourceChange>> plan(const json::object& tree, const json::object& old_tree,
                                         Evaluator& evaluator,
                                         const std::map<std::string, Existing>& existing,
                                         const json::array& stack_tags);

}  // namespace kiban::cfn
