// The input of a target of an EventBridge rule: the event, a part of it (InputPath), or a text made
// from it (InputTransformer).
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
//
// Paths: `$`, `.name`, `['name']`, `[0]`, `[*]`; a path with `[*]` gives an array.
// Templates, as recorded by AWS:
// - One that is a JSON string ("...") takes values as bare text: objects and arrays without their
//   quotes ({acc_id:0a78,sf_id:baz}), values missing in the event as nothing.
// - Any other must become JSON. Outside quotes a placeholder takes the value as JSON, inside them
//   the characters of a string; an object or array inside quotes keeps its own quotes, which mostly
//   ends in invalid JSON, and then AWS delivers nothing.
// - A value missing in the event becomes "" outside quotes (our choice, AWS's answer is not
// recorded).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/time.h"

namespace kiban::patterns {

constexpr std::size_t input_paths_max = 100;      // Quota of InputPathsMap.
constexpr std::size_t input_template_max = 8192;  // Characters, from the API model.

class EventPath {
 public:
  // Error InvalidPath, whose cause gives the fault.
  static Result<EventPath> parse(std::string_view text);
  // Nothing when the event has nothing there; null is a value.
  std::optional<json::value> read(const json::value& event) const;

 private:
  struct All {};
  using Step = std::variant<std::string, std::size_t, All>;
  static void collect(const json::value& value, const std::vector<Step>& steps, std::size_t from,
                      json::array& out);
  std::vector<Step> steps_{};
};

// The values of the variables <aws.events.*>.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-predefined
struct RuleFacts {
  std::string rule_arn{};
  std::string rule_name{};
  Timestamp ingestion_time{};  // Printed as 2026-11-24T02:55:09Z.
};

class InputTransformer {
 public:
  // Errors: ValidationException. `target_id` is named in the texts.
  static Result<InputTransformer> parse(const std::map<std::string, std::string>& paths,
                                        std::string template_text, std::string_view target_id);
  // The text for the target. Error InvalidInput when the result had to be JSON and is not: AWS then
  // delivers nothing and counts a failed invocation.
  Result<std::string> apply(const json::value& event, const RuleFacts& facts) const;

 private:
  struct Literal {
    std::string text{};
  };
  struct Placeholder {
    std::string name{};
    bool in_quotes{false};
  };
  std::optional<json::value> value_of(const std::string& name, const json::value& event,
                                      const RuleFacts& facts) const;

  std::map<std::string, EventPath> paths_{};
  std::vector<std::variant<Literal, Placeholder>> pieces_{};
  bool is_string_{false};
};

// The input of a target (members Id, Input, InputPath, InputTransformer of AWS's Target shape).
class TargetInput {
 public:
  // Errors: ValidationException, among them "Only one of Input, InputPath, or InputTransformer must
  // be provided for target ID." (recorded by AWS).
  static Result<TargetInput> parse(const json::object& target);
  // Error InvalidInput when there is nothing to deliver: an InputPath that finds nothing (our
  // choice, AWS's answer is not recorded) or a transformer that made no JSON.
  Result<std::string> apply(const json::value& event, const RuleFacts& facts) const;

 private:
  struct WholeEvent {};
  std::variant<WholeEvent, std::string, EventPath, InputTransformer> input_{};
};

}  // namespace kiban::patterns
