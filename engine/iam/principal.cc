#include "iam/principal.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"

namespace kiban::iam {
namespace {

using Type = Requester::Type;

bool is_account(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::unexpected<Error> unknown(std::string_view name) {
  return fail("ValidationError",
              fmt::format("'{}' is not a principal: expected the ARN of a user, a role, a session "
                          "or an account's root, an account id, \"*\", or an object with one of "
                          "AWS, Service, Federated and CanonicalUser",
                          name));
}

std::string last_segment(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

Result<Requester> requester_of_arn(const std::string& name) {
  if (name == "*") return Requester{.type = Type::Anonymous, .name = name};
  if (is_account(name))
    return Requester{.type = Type::Root, .name = "arn:aws:iam::" + name + ":root", .account = name};
  const auto arn = parse_arn(name);
  if (!arn) return unknown(name);
  Requester found{.name = name, .account = arn->account};
  const std::string_view resource = arn->resource;
  if (arn->service == "iam" && resource == "root") {
    found.type = Type::Root;
  } else if (arn->service == "iam" && resource.starts_with("user/")) {
    // An origin access identity of CloudFront belongs to no account.
    found.type = is_account(arn->account) ? Type::User : Type::CanonicalUser;
  } else if (arn->service == "iam" && resource.starts_with("role/")) {
    found.type = Type::Role;
    found.role = last_segment(resource);
  } else if (arn->service == "sts" && resource.starts_with("assumed-role/")) {
    const std::string_view rest = resource.substr(std::string_view("assumed-role/").size());
    found.type = Type::Session;
    found.role = std::string(rest.substr(0, rest.find('/')));
  } else if (arn->service == "sts" && resource.starts_with("federated-user/")) {
    found.type = Type::FederatedUser;
  } else if (arn->service == "iam" &&
             (resource.starts_with("saml-provider/") || resource.starts_with("oidc-provider/"))) {
    found.type = Type::Federated;
  } else {
    return unknown(name);
  }
  return found;
}

}  // namespace

Result<Requester> parse_requester(const json::value& principal) {
  if (principal.is_string()) return requester_of_arn(to_string(principal.get_string()));
  if (!principal.is_object() || principal.get_object().size() != 1)
    return unknown(print_json(principal));
  const auto& member = *principal.get_object().begin();
  const std::string_view type = member.key();
  const json::value* value = &member.value();
  if (value->is_array() && value->get_array().size() == 1) value = &value->get_array().front();
  if (!value->is_string()) return unknown(print_json(principal));
  std::string name = to_string(value->get_string());
  if (type == "AWS") return requester_of_arn(name);
  if (type == "Service") return Requester{.type = Type::Service, .name = std::move(name)};
  if (type == "Federated") return Requester{.type = Type::Federated, .name = std::move(name)};
  if (type == "CanonicalUser")
    return Requester{.type = Type::CanonicalUser, .name = std::move(name)};
  return unknown(print_json(principal));
}

Principals::Entry Principals::aws_entry(const std::string& name) {
  const auto requester = requester_of_arn(name);
  if (!requester) return {.type = Entry::Type::Exact, .of = Type::Unnamed, .name = name};
  switch (requester->type) {
    case Type::Anonymous:
      return {.type = Entry::Type::Everyone};
    case Type::Root:
      return {.type = Entry::Type::Account, .account = requester->account};
    case Type::Role:
      return {.type = Entry::Type::Role,
              .name = name,
              .account = requester->account,
              .role = requester->role};
    default:
      return {.type = Entry::Type::Exact,
              .of = requester->type,
              .name = name,
              .account = requester->account,
              .role = requester->role};
  }
}

Principals::Principals(const json::value& given, bool inverse) : inverse_(inverse), given_(true) {
  if (given.is_string()) {
    entries_.push_back({.type = Entry::Type::Everyone});
    return;
  }
  for (const auto& [type, values] : given.get_object()) {
    const json::array list =
        values.is_array() ? values.get_array() : json::array{json::value(values)};
    for (const json::value& value : list) {
      const std::string name = to_string(value.as_string());
      if (type == "AWS") {
        entries_.push_back(aws_entry(name));
      } else {
        const Type of = type == "Service"     ? Type::Service
                        : type == "Federated" ? Type::Federated
                                              : Type::CanonicalUser;
        entries_.push_back({.type = Entry::Type::Exact, .of = of, .name = name});
      }
    }
  }
}

Naming Principals::naming(const Entry& entry, const Requester& requester) {
  switch (entry.type) {
    case Entry::Type::Everyone:
      return Naming::Itself;
    case Entry::Type::Account:
      if (entry.account != requester.account || !requester.has_identity()) return Naming::None;
      return requester.type == Type::Root ? Naming::Itself : Naming::Account;
    case Entry::Type::Role:
      // A session's ARN has its role's name without the path.
      if (requester.type == Type::Role && entry.name == requester.name) return Naming::Role;
      return requester.type == Type::Session && entry.account == requester.account &&
                     entry.role == requester.role
                 ? Naming::Role
                 : Naming::None;
    case Entry::Type::Exact:
      break;
  }
  const bool same =
      entry.of == requester.type &&
      (entry.name == requester.name ||
       (entry.name == "*" && (entry.of == Type::Service || entry.of == Type::Federated)));
  return same ? Naming::Itself : Naming::None;
}

// A NotPrincipal that lists a user, a role or a session beside its account excepts only those of
// the account's identities that it lists, one that lists the account alone excepts all of them. So
// does a role except its sessions, unless sessions are listed.
bool Principals::excepts(const Requester& requester) const {
  const bool precise = std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.account == requester.account && entry.type != Entry::Type::Account &&
           !entry.account.empty();
  });
  const bool sessions = std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.of == Type::Session && entry.account == requester.account &&
           entry.role == requester.role;
  });
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    const Naming found = naming(entry, requester);
    if (found == Naming::Account) return !precise;
    if (found == Naming::Role) return requester.type == Type::Role || !sessions;
    return found == Naming::Itself;
  });
}

Naming Principals::names(const Requester& requester, bool limited) const {
  if (!given_) return Naming::Itself;
  if (inverse_)
    return !(limited && requester.has_identity()) && excepts(requester) ? Naming::None
                                                                        : Naming::Itself;
  Naming strongest = Naming::None;
  for (const Entry& entry : entries_) strongest = std::max(strongest, naming(entry, requester));
  return strongest;
}

}  // namespace kiban::iam
