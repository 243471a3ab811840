// A policy document made ready to decide with.
#pragma once

#include <cstddef>
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

  // Whether action, resource and conditions are those of the request, whoever asks. `action` is in
  // lower case.
  bool applies(const Request& request, std::string_view action) const;
  Naming names(const Requester& requester, bool limited) const {
    return principals_.names(requester, limited && !allows_);
  }
  bool allows() const { return allows_; }
  const std::optional<std::string>& sid() const { return sid_; }
  // Keys that its conditions and its variables read, in lower case, without order.
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
