// What decisions used of the policies of a role, and what never.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "iam/report/record.h"

namespace kiban::iam::report {

// A policy of a role; `ref` is what records call it.
struct PolicyText {
  std::string ref{};
  bool managed{false};
  bool of_aws{false};  // Its document cannot be changed, only detached.
  json::object document{};
};

struct RolePolicies {
  std::string arn{};
  std::string name{};
  std::vector<PolicyText> policies{};
};

// An action as a statement writes it, wildcards included.
struct ActionUse {
  std::string action{};
  std::map<std::string, std::set<std::string>> seen{};  // Resources by action that was allowed.
  std::size_t count{0};                                 // Decisions.
  std::vector<std::string> records{};                   // Ids of the first of them.
};

struct ResourceUse {
  std::string resource{};
  bool used{false};
};

// One statement. Of a Deny, or one with NotAction, only `count` tells.
struct StatementUse {
  StatementRef ref{};
  bool managed{false};
  bool allows{true};
  std::vector<ActionUse> actions{};
  std::vector<ResourceUse> resources{};
  std::size_t count{0};
  // Condition keys that had one value in all of its decisions.
  std::map<std::string, std::string> constant_keys{};
};

// Equal denials.
struct Refusal {
  std::string action{};
  std::string resource{};
  std::string verdict{};
  std::size_t count{0};
  std::string last_record{};
};

struct RoleUse {
  std::string arn{};
  std::vector<StatementUse> statements{};
  std::vector<Refusal> refusals{};
};

RoleUse use_of(const RolePolicies& role, const std::vector<Record>& records);

// The statements of a document, of which one need not be in a list.
std::vector<json::object> statements_in(const json::object& document);
// "Action" and the like: a string or a list.
std::vector<std::string> texts_in(const json::object& statement, std::string_view key);

// Something a gate of CI fails for.
struct Finding {
  std::string role{};  // Its name.
  std::string kind{};  // unused-statement, unused-action, unused-resource, or refused.
  StatementRef statement{};
  std::string action{};    // Of unused-action and refused.
  std::string resource{};  // Of unused-resource and refused.
  std::string words{};
};
std::vector<Finding> findings_of(const RolePolicies& role, const RoleUse& use);

// A finding that is accepted. Patterns have * and ?; an empty one stands for anything.
struct Exception {
  std::string role{};
  std::string kind{};
  std::string statement{};  // The Sid.
  std::string action{};
  std::string reason{};
};
// {"role", "kind", "statement", "action", "reason"} each, reason required. Error InvalidExceptions.
Result<std::vector<Exception>> parse_exceptions(const json::value& list);
// The first that stands for the finding; nullptr: none. An action of a statement that was never
// used is excepted like the same action of one that was.
const Exception* exception_for(const Finding& finding, const std::vector<Exception>& exceptions);

// Names of all states of a state machine, those in branches and iterators too.
std::set<std::string> state_names(const json::object& definition);

}  // namespace kiban::iam::report
