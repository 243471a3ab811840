// CloudFormation templates as text: JSON or YAML with its short tags, both to the same tree.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace kiban::cfn {

// The tree as written, its transforms neither run nor checked. Errors: `ValidationError` with AWS's
// text.
Result<json::object> read_template(std::string_view text);
// Of a tree whose transforms were run (transform.h): its sections, and arguments of functions.
Result<void> check_tree(const json::object& tree);
// Both, of a template without transforms, or one that only uses the functions which
// AWS::LanguageExtensions adds.
Result<json::object> parse_template(std::string_view text);

// Whether its section Transform names it.
bool has_transform(const json::object& tree, std::string_view name);
// Whether the attribute (DeletionPolicy or UpdateReplacePolicy) may have that value.
bool is_policy(std::string_view attribute, std::string_view policy);

// Any YAML document as JSON, CloudFormation's short tags as functions. Error `ValidationError`.
Result<json::value> parse_yaml(std::string_view text);

// Logical ids a value refers to by Ref, Fn::GetAtt and Fn::Sub, parameters among them.
std::set<std::string> references(const json::value& value);

// Resources in the order to create them: what each depends on, by itself and by DependsOn.
struct Graph {
  std::vector<std::string> order{};
  std::map<std::string, std::set<std::string>> needs{};
};
// Over the resources named in `present`. Error `ValidationError`: unresolved or circular ones.
Result<Graph> make_graph(const json::object& tree, const std::set<std::string>& present);
// What is made must not refer to a resource whose condition is false, unless in the branch of an
// Fn::If that is not taken. ValidationError.
Result<void> check_references(const json::object& tree, const std::set<std::string>& present,
                              const std::function<bool(const std::string&)>& condition);

// The intrinsic that `value` is, such as "Ref" or "Fn::Join"; empty when it is none.
std::string_view intrinsic_of(const json::value& value);

}  // namespace kiban::cfn
