// A policy document made ready to decide with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "iam/condition.h"
#include "iam/grammar.h"
#include "iam/pattern.h"
#include "iam/principal.h"

namespace kiban::iam {

struct Request {
  Requester requester{};
  std::string action{};    // As "s3:GetObject"; case does not matter.
  std::string resource{};  // An ARN, or "*" for actions without a resource.
  // The account that owns the resource; empty: the one in the resource's ARN, or the requester's.
  std::string resource_account{};
  Context context{};
};

class Statement {
 public:
  Statement(const json::object& statement, Variables variables);

  // Whether action, resource and conditions match the request, for any requester. `action` is in
  // lower case.
  bool applies(const Request& request, std::string_view action, Budget& budget) const;
  Naming names(const Requester& requester, bool limited) const {
    return principals_.names(requester, limited && !allows_);
  }
  bool allows() const { return allows_; }
  const std::optional<std::string>& sid() const { return sid_; }
  // Keys that its variables and its conditions read, as they are written; some more than once.
  std::vector<std::string> context_keys() const;

 private:
  bool allows_{false};
  std::optional<std::string> sid_{};
  std::vector<Pattern> actions_{};
  std::vector<Pattern> resources_{};
  bool other_actions_{false};    // NotAction.
  bool other_resources_{false};  // NotResource.
  bool any_resource_{false};     // Neither: a trust policy.
  Principals principals_{};
  std::vector<Condition> conditions_{};
};

// A statement's position in its document, lines and columns from 1: from the end of the preceding
// token to its own end, as SimulateCustomPolicy returns it.
struct Place {
  struct Position {
    std::int64_t line{1};
    std::int64_t column{1};
    bool operator==(const Position&) const = default;
  };
  Position start{};
  Position end{};
};
// Of each statement of a document that the grammar takes.
std::vector<Place> statement_places(std::string_view document);

class Policy {
 public:
  // Error MalformedPolicyDocument, in AWS's words.
  static Result<Policy> compile(const json::object& document, PolicyKind kind);
  static Result<Policy> compile(std::string_view document, PolicyKind kind);

  const std::vector<Statement>& statements() const { return statements_; }

 private:
  std::vector<Statement> statements_{};
};

}  // namespace kiban::iam
