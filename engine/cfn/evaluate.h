// Parameters, rules, conditions and intrinsic functions of one stack.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/budget.h"
#include "core/json.h"

namespace kiban::cfn {

// What evaluating asks the world for.
struct Ports {
  std::function<Result<std::string>(const std::string& name)> ssm_parameter{};
  std::function<Result<json::value>(const std::string& name)> import_value{};
  std::function<Result<json::value>(const std::string& stack, const std::string& region,
                                    const std::string& output)>
      stack_output{};
  // What stands between {{resolve: and }}.
  std::function<Result<std::string>(const std::string& reference)> dynamic_reference{};
};

struct Stack {
  std::string name{};
  std::string id{};
  std::string account{};
  std::string region{};
};

struct Made {  // A resource that is there.
  std::string physical_id{};
  json::object attributes{};
};

struct Parameter {
  std::string given{};     // As the client gave it, or the default.
  std::string resolved{};  // Of an SSM parameter its value; otherwise as given.
  std::string type{};
  bool no_echo{false};
};
using Parameters = std::map<std::string, Parameter>;

// What a reference to a resource not yet made is while planning; the text is AWS's own.
constexpr std::string_view known_after_apply = "{{changeSet:KNOWN_AFTER_APPLY}}";

// Our own bounds of all that one Evaluator computes: a template of AWS's 1,000,000 bytes stays far
// below them unless its functions multiply what they are given.
constexpr std::size_t evaluation_steps_max = 1'000'000;
constexpr std::size_t evaluation_bytes_max = 16UL << 20U;
// Of values, functions and the conditions that conditions name, one inside of the other.
constexpr std::size_t evaluation_depth_max = 200;

class Evaluator {
 public:
  Evaluator(const json::object& tree, Stack stack, Ports ports)
      : tree_(tree), stack_(std::move(stack)), ports_(std::move(ports)) {}

  // Parameters by name as the client gave them; then rules and conditions. ValidationError.
  Result<void> prepare(const std::map<std::string, std::string>& given);
  const Parameters& parameters() const { return parameters_; }

  // Resources whose condition holds.
  std::set<std::string> present() const;
  bool holds(const json::object& entry) const;  // Its Condition member, if any.

  std::map<std::string, Made>& made() { return made_; }
  // Resources not made yet evaluate to known_after_apply instead of failing.
  void plan_only(bool on) { planning_ = on; }

  // nullopt: AWS::NoValue.
  Result<std::optional<json::value>> evaluate(const json::value& value);
  // With {{resolve:ssm:…}} replaced by the value of now, so that an update sees a parameter that
  // has changed. References to secrets stay as they are: what a stack remembers and compares holds
  // none.
  Result<json::object> properties(const std::string& logical_id);
  // DeletionPolicy or UpdateReplacePolicy of a resource's declaration: with AWS::LanguageExtensions
  // a function may give it. ValidationError.
  Result<std::string> policy(const json::object& declared, std::string_view attribute,
                             std::string_view fallback);
  std::set<std::string> imports() const;  // Export names this evaluator was asked for.

 private:
  using Value = Result<std::optional<json::value>>;
  Value evaluate_nested(const json::value& value);
  Result<void> spend(std::size_t steps, std::size_t bytes);
  Value copied(const json::value& value);
  Value intrinsic(std::string_view name, const json::value& argument);
  // One function for each intrinsic function of the table in intrinsic().
  Value ref(std::string_view name, const json::value& argument);
  Value get_att(std::string_view name, const json::value& argument);
  Value sub(std::string_view name, const json::value& argument);
  Value pick(std::string_view name, const json::value& argument);
  Value find_in_map(std::string_view name, const json::value& argument);
  Value join(std::string_view name, const json::value& argument);
  Value choose(std::string_view name, const json::value& argument);
  Value condition_value(std::string_view name, const json::value& argument);
  Value equals(std::string_view name, const json::value& argument);
  Value logical(std::string_view name, const json::value& argument);
  Value contains(std::string_view name, const json::value& argument);
  Value import_value(std::string_view name, const json::value& argument);
  Value stack_output(std::string_view name, const json::value& argument);
  Value zones(std::string_view name, const json::value& argument);
  Value base64_of(std::string_view name, const json::value& argument);
  Value cidr_blocks(std::string_view name, const json::value& argument);
  Value length(std::string_view name, const json::value& argument);
  Value json_text(std::string_view name, const json::value& argument);
  Value reference(const std::string& name);
  Value attribute(const std::string& id, const std::string& name);
  Value substitute(const json::value& argument);
  Value select_or_split(std::string_view name, const json::array& arguments);
  Value mapped(const json::array& arguments);
  Value joined(std::string_view delimiter, const json::value& parts);
  Value split(std::string_view text, std::string_view by);
  Result<json::value> required(const json::value& value);
  Result<std::string> text_of(const json::value& value);
  Result<bool> condition(const json::value& value);
  Result<bool> named_condition(const std::string& name);
  Result<void> check_rules();

  const json::object& tree_;
  Stack stack_;
  Ports ports_;
  Parameters parameters_{};
  std::map<std::string, bool> conditions_{};
  std::set<std::string> evaluating_{};
  std::map<std::string, Made> made_{};
  std::set<std::string> imports_{};
  Budget budget_{evaluation_steps_max, evaluation_bytes_max};
  std::size_t depth_{0};  // Of evaluate() in itself.
  bool planning_{false};
  bool conditions_only_{false};
};

// {{resolve:…}} in every text replaced by its value: all of them, for handing over to a service, or
// only those of plain text (ssm).
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
enum class References { All, Plain };
Result<json::object> resolve_references(json::object properties, const Ports& ports,
                                        References which = References::All);

}  // namespace kiban::cfn
