// Text of a policy that is compared with text of a request: wildcards and policy variables.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/budget.h"

namespace kiban::iam {

// The condition keys of a request and their values. Names are compared without case. A key without
// values is absent.
class Context {
 public:
  void set(std::string_view key, std::vector<std::string> values);
  // `key` is in lower case. nullptr when it is absent.
  const std::vector<std::string>* find(std::string_view key) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_{};
};

// The context and the budget of one decision. Once the budget is spent nothing matches.
struct Scope {
  const Context& context;
  Budget& budget;
};

enum class Wildcards : std::uint8_t { No, Yes };  // Whether * and ? match other characters.
enum class Variables : std::uint8_t { No, Yes };  // Version 2012-10-17 has them.

class Pattern {
 public:
  Pattern(std::string_view text, Wildcards wildcards, Variables variables);

  // With the values of the variables put in; nothing when one has neither a value nor a default.
  // The view is valid as long as the pattern and `buffer`. Wildcards are encoded: see glob().
  std::optional<std::string_view> expand(const Scope& scope, std::string& buffer) const;

  // False when a variable has no value. A wildcard matches any characters, : and / included.
  bool matches(std::string_view text, const Scope& scope) const;
  bool equals_ignoring_case(std::string_view text, const Scope& scope) const;
  // Each of an ARN's six parts by itself; `text` must be an ARN. A lone * matches every ARN.
  bool matches_arn(std::string_view text, const Scope& scope) const;

  // The names of the variables, as they are written.
  std::vector<std::string> variables() const;

 private:
  struct Variable {
    std::size_t at{0};  // Where its value goes into text_.
    std::string name{};
    std::string key{};  // In lower case.
    std::optional<std::string> fallback{};
  };
  void add_variable(std::string_view inside);

  std::string text_{};
  std::vector<Variable> variables_{};
};

// Wildcards are bytes that UTF-8 never has, so that a pattern can also contain a literal *.
constexpr char any_text = '\xff';
constexpr char any_character = '\xfe';
bool glob(std::string_view pattern, std::string_view text, Budget& budget);

// The six parts of an ARN, the last with all its colons; nothing when there are fewer.
std::optional<std::vector<std::string_view>> arn_parts(std::string_view text);

}  // namespace kiban::iam
