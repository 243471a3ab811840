#include "iam/decision.h"

#include <algorithm>

#include "core/arn.h"
#include "core/letters.h"

namespace kiban::iam {
namespace {

// Actions that nothing but the resource's policy makes possible, even for the account's root.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_terms-and-concepts.html (trust policy)
bool needs_resource_policy(std::string_view action, const Arn& resource) {
  if (resource.service == "kms")
    return action.starts_with("kms:") && resource.resource.starts_with("key/");
  return resource.service == "iam" && action.starts_with("sts:") &&
         resource.resource.starts_with("role/");
}

class Evaluation {
 public:
  Evaluation(const Request& request, const Policies& policies, Budget& budget)
      : request_(request),
        policies_(policies),
        budget_(budget),
        action_(lower_case(request.action)) {}

  Decision decide() {
    const bool identity_counts = request_.requester.has_identity();
    if (identity_counts) identity_ = allows(Source::Identity, policies_.identity);
    if (policies_.resource) look_at_resource_policy();
    if (identity_counts) {
      for (std::size_t i = 0; i < policies_.boundaries.size(); ++i)
        boundary_ = look_at(Source::Boundary, i, *policies_.boundaries[i]) && boundary_;
      if (!policies_.session.empty()) session_ = allows(Source::Session, policies_.session);
    }
    const bool within_boundaries =
        boundary_ && std::ranges::none_of(denies_, [](const Match& match) {
          return match.source == Source::Boundary;
        });
    Decision decision{.within_boundaries = within_boundaries};
    if (!denies_.empty()) {
      decision.verdict = Verdict::ExplicitlyDenied;
      decision.statements = std::move(denies_);
      return decision;
    }
    decision.statements = std::move(allows_);
    if (is_allowed())
      decision.verdict = Verdict::Allowed;
    else
      decision.missing = missing_;
    return decision;
  }

 private:
  bool allows(Source source, const std::vector<const Policy*>& policies) {
    bool any = false;
    for (std::size_t i = 0; i < policies.size(); ++i) any = look_at(source, i, *policies[i]) || any;
    return any;
  }

  // Collects the statements that apply; whether one allows.
  bool look_at(Source source, std::size_t place, const Policy& policy) {
    bool any = false;
    for (std::size_t i = 0; i < policy.statements().size(); ++i) {
      const Statement& statement = policy.statements()[i];
      if (!statement.applies(request_, action_, budget_)) continue;
      (statement.allows() ? allows_ : denies_).push_back({source, place, i, &statement});
      any = any || statement.allows();
    }
    return any;
  }

  void look_at_resource_policy() {
    const bool limited = !policies_.boundaries.empty();
    const auto& statements = policies_.resource->statements();
    for (std::size_t i = 0; i < statements.size(); ++i) {
      const Statement& statement = statements[i];
      const Naming naming = statement.names(request_.requester, limited);
      if (naming == Naming::None || !statement.applies(request_, action_, budget_)) continue;
      (statement.allows() ? allows_ : denies_).push_back({Source::Resource, 0, i, &statement});
      if (statement.allows()) resource_ = std::max(resource_, naming);
    }
  }

  bool is_allowed() {
    const Requester& requester = request_.requester;
    if (!requester.has_identity()) {
      missing_.resource = resource_ == Naming::None;
      return !missing_.resource;
    }
    const auto arn = parse_arn(request_.resource);
    std::string owner = request_.resource_account;
    if (owner.empty() && arn && arn->account.size() == 12) owner = arn->account;
    const bool same_account =
        owner.empty() || requester.account.empty() || owner == requester.account;
    const bool root = requester.type == Requester::Type::Root;
    const bool limits = root || (boundary_ && session_);
    const bool identity = root || identity_;
    missing_ = {
        .identity = !identity, .boundary = !root && !boundary_, .session = !root && !session_};
    if (!same_account || (arn && needs_resource_policy(action_, *arn))) {
      missing_.resource = resource_ == Naming::None;
      if (missing_.resource) return false;
      if (!same_account) return identity && limits;
    }
    // The impact of resource policies on implicit denies in other policies: one that names a user
    // or a session grants whatever the others leave out, one that names a role is limited.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    if (resource_ == Naming::Itself) return true;
    return limits && (identity || resource_ == Naming::Role);
  }

  const Request& request_;
  const Policies& policies_;
  Budget& budget_;
  std::string action_;
  std::vector<Match> allows_{};
  std::vector<Match> denies_{};
  bool identity_{false};
  bool boundary_{true};
  bool session_{true};
  Naming resource_{Naming::None};
  Missing missing_{};
};

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Allowed:
      return "Allowed";
    case Verdict::ExplicitlyDenied:
      return "ExplicitlyDenied";
    default:
      return "ImplicitlyDenied";
  }
}

Result<Decision> decide(const Request& request, const Policies& policies, Budget& budget) {
  Decision decision = Evaluation(request, policies, budget).decide();
  if (!budget.spent()) return decision;
  return fail("PolicyEvaluationException",
              "The policies and the context are too large to be evaluated.");
}

}  // namespace kiban::iam
