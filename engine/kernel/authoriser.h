// Decides access requests by the policies of the caller and of the resource, with engine/iam, and
// puts the refusal into AWS's words. Reads rows through services only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/budget.h"
#include "iam/decision.h"
#include "kernel/decision_log.h"
#include "services/base/service.h"

namespace kiban::kernel {

using ServicesByName = std::map<std::string, services::Service*, std::less<>>;

class Authoriser {
 public:
  // `roles` is the service that keeps_policies(); nullptr: there are no roles. Both outlive this.
  Authoriser(const ServicesByName& by_name, services::Service* roles, std::size_t steps)
      : by_name_(by_name), roles_(roles), steps_(steps) {}

  // An operation of a client, or a timer, begins: its decisions, with those of the calls inside it,
  // may take `steps` together. What would take more is denied.
  void begin_operation() { budget_ = Budget(steps_, 0); }

  // The decision for the context's caller. nullopt when no policy applies to such a caller, and,
  // unless `strict`, for the session of a role that does not exist. Does not ask
  // acts_on_own_authority(): the callers of decide() do.
  // The record has no id and is not `enforced`.
  std::optional<DecisionRecord> decide(const services::Context& context,
                                       const services::Caller& caller,
                                       const services::AccessRequest& request, bool strict);
  // Whether the trust policy of the role lets the principal assume it. The record's `text` is empty
  // unless it is a denial.
  DecisionRecord assume(const services::Context& context, const services::RoleRequest& request);

  // A role's or a policy's row changed, or such a change was undone.
  void forget_roles() { roles_seen_.clear(); }

 private:
  struct Named {
    std::string name{};
    std::shared_ptr<const iam::Policy> policy{};  // nullptr: the document is not known.
  };
  struct Role {
    services::RolePolicies source{};
    std::vector<Named> identity{};
    std::vector<Named> boundaries{};
  };
  struct Applied;

  std::shared_ptr<const Role> role(const services::Context& context, const std::string& name);
  std::shared_ptr<const iam::Policy> compiled(const std::string& document, iam::PolicyKind kind);
  services::ResourceAccess resource(const services::Context& context, std::string_view arn);
  Named named(const services::NamedPolicy& policy, iam::PolicyKind kind);
  void add_identity(const Role* identity, const services::Caller& caller, Applied& applied,
                    DecisionRecord& record);
  DecisionRecord evaluate(iam::Request& request, const Applied& applied, DecisionRecord record);

  const ServicesByName& by_name_;
  services::Service* roles_;
  std::size_t steps_;
  Budget budget_{steps_, 0};
  std::map<std::string, std::shared_ptr<const Role>, std::less<>> roles_seen_{};  // nullptr: none.
  std::map<std::string, std::shared_ptr<const iam::Policy>, std::less<>> documents_{};
};

// Calls that a service makes by itself, which no policy of the account decides: to its own
// operations, and the actions listed in own_authority.cc, which its service-linked role may use.
// Everything else that a service principal calls needs the policy of the resource. `folder` is
// whose operation is called.
bool acts_on_own_authority(std::string_view principal, std::string_view folder,
                           std::string_view action);

}  // namespace kiban::kernel
