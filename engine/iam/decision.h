// Whether a request is allowed, by AWS's evaluation logic.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "iam/policy.h"

namespace kiban::iam {

// Policies that apply to a request. They must outlive the decision.
struct Policies {
  std::vector<const Policy*> identity{};    // Inline and managed ones.
  const Policy* resource{nullptr};          // A role's trust policy is this too.
  std::vector<const Policy*> boundaries{};  // Each limits by itself.
  std::vector<const Policy*> session{};     // Together they limit, unless there are none.
};

enum class Verdict : std::uint8_t { Allowed, ImplicitlyDenied, ExplicitlyDenied };
std::string_view verdict_name(Verdict verdict);

enum class Source : std::uint8_t { Identity, Resource, Boundary, Session };
struct Match {
  Source source{Source::Identity};
  std::size_t policy{0};     // Its place in its list.
  std::size_t statement{0};  // Its place in the policy.
  const Statement* found{nullptr};
};

// What kept a request from being allowed: no deny, and no allow of such a policy.
struct Missing {
  bool identity{false};
  bool resource{false};
  bool boundary{false};
  bool session{false};
};

struct Decision {
  Verdict verdict{Verdict::ImplicitlyDenied};
  // The denies that apply, or all allows that do. With an implicit deny these are allows that
  // another policy limits.
  std::vector<Match> statements{};
  Missing missing{};             // Of an implicit deny.
  bool within_boundaries{true};  // Each boundary has an allow that applies, and none has a deny.
};

// What `kiban iam evaluate` and the simulator grant: a fraction of a second.
constexpr std::size_t steps_max = 50'000'000;

// Error PolicyEvaluationException when the budget is spent.
Result<Decision> decide(const Request& request, const Policies& policies, Budget& budget);

}  // namespace kiban::iam
