// The record of one decision, as the server keeps it and `kiban iam` reads it: a JSON object a
// line.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace kiban::iam::report {

// A statement that decided. `policy` is an inline policy as ARN_OF_ROLE/policy/NAME, the ARN of a
// managed policy, resource:ARN, boundary:ARN, or session.
struct StatementRef {
  std::string policy{};
  std::size_t index{0};  // Its place in the policy, from 0.
  std::string sid{};     // Empty: it has none.
  bool operator==(const StatementRef&) const = default;
};

struct Record {
  std::string id{};
  double time{0};           // Seconds since 1970, of the server's clock.
  std::string principal{};  // The ARN of a role, user or root, or the name of a service.
  std::string session{};    // The ARN of a role's session.
  std::string acts_for{};   // The execution, task, rule or stack that the session serves.
  std::string action{};
  std::string resource{};
  std::map<std::string, std::vector<std::string>> keys{};  // Condition keys and their values.
  std::string verdict{};  // Allowed, ImplicitlyDenied or ExplicitlyDenied.
  bool enforced{false};   // False: the request was let pass all the same.
  std::vector<StatementRef> statements{};
  std::vector<std::string> missing{};  // Of identity, resource, boundary, session: what allows not.
  std::string text{};                  // What the caller of a refused request was answered.

  bool allowed() const { return verdict == "Allowed"; }
  bool lacks(std::string_view kind) const;
  // The only value of a condition key; empty when there is none or there are several.
  std::string key(std::string_view name) const;
};

// Error InvalidRecord. Members that are absent are empty; the id, action and verdict must be there.
Result<Record> parse_record(std::string_view line);
// Of text with a record a line; empty lines are skipped.
Result<std::vector<Record>> parse_records(std::string_view lines);

// Whether `pattern` with its * and ? stands for `text`. Actions are compared without case.
enum class Case { Matters, Ignored };
bool stands_for(std::string_view pattern, std::string_view text, Case letters = Case::Matters);
bool has_wildcard(std::string_view pattern);

// An ARN with * in place of what each run or deployment makes anew: a task definition's revision,
// the name of an execution, the id of a task, a log stream.
std::string lasting_resource(const std::string& arn);

}  // namespace kiban::iam::report
