// The principal of a request, and the principals of a statement.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace kiban::iam {

struct Requester {
  enum class Type : std::uint8_t {
    User,
    Role,  // The role's own ARN, for a session whose name is not known.
    Session,
    FederatedUser,
    Root,
    Service,
    Federated,  // An identity provider; only trust policies apply to it.
    CanonicalUser,
    Anonymous,
    Unnamed,  // Not said: an identity of the resource's account.
  };
  Type type{Type::Unnamed};
  std::string name{};     // The ARN, the service's name, the provider, the canonical id.
  std::string account{};  // Empty where there is none.
  std::string role{};     // Of a role and a session: the name without a path.

  // Whether identity policies speak for it.
  bool has_identity() const {
    return type != Type::Service && type != Type::Federated && type != Type::CanonicalUser &&
           type != Type::Anonymous;
  }
};

// An ARN, an account's id, "*", or an object as in a policy's Principal with one name. Error
// ValidationError.
Result<Requester> parse_requester(const json::value& principal);

// How a statement names a requester, from not at all to the strongest.
enum class Naming : std::uint8_t {
  None,
  Account,  // By its account, which leaves the decision to the identity policies.
  Role,     // By its role: boundaries and session policies limit what is granted.
  Itself,   // Itself, or everyone: only a deny limits the grant.
};

// The Principal or NotPrincipal of a statement; everyone when it has neither.
class Principals {
 public:
  Principals() = default;
  // `given` as the grammar allows it.
  Principals(const json::value& given, bool inverse);

  // `limited`: whether the requester has a permissions boundary, which a NotPrincipal with Deny
  // denies whatever it lists.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
  Naming names(const Requester& requester, bool limited) const;

 private:
  struct Entry {
    enum class Type : std::uint8_t { Everyone, Account, Role, Exact };
    Type type{Type::Exact};
    Requester::Type of{Requester::Type::Unnamed};  // Of Exact.
    std::string name{};
    std::string account{};
    std::string role{};
  };
  static Entry aws_entry(const std::string& name);
  static Naming naming(const Entry& entry, const Requester& requester);
  bool excepts(const Requester& requester) const;

  bool inverse_{false};
  bool given_{false};
  std::vector<Entry> entries_{};
};

}  // namespace kiban::iam
