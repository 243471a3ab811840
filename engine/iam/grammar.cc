#include "iam/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "core/letters.h"
#include "iam/condition.h"
#include "iam/pattern.h"

namespace kiban::iam {
namespace {

class Checker {
 public:
  Checker(PolicyKind kind, std::string_view error) : kind_(kind), error_(error) {}

  Result<void> policy(const json::object& policy) {
    for (const auto& member : policy) {
      const std::string_view name = member.key();
      if (name != "Version" && name != "Id" && name != "Statement") return syntax(name);
    }
    if (const json::value* version = policy.if_contains("Version"); version) {
      if (!version->is_string() || (*version != "2012-10-17" && *version != "2008-10-17"))
        return refuse(kind_ == PolicyKind::Identity
                          ? "Policy document must be version 2012-10-17 or greater."
                          : "The policy must contain a valid version string");
    }
    const json::value* statement = policy.if_contains("Statement");
    if (!statement) return missing("Statement");
    if (!statement->is_object() && !statement->is_array()) return syntax("Statement");
    const json::array all = statements_of(policy);
    // A role may have a policy without statements, nothing else may.
    if (all.empty() && kind_ != PolicyKind::Identity)
      return refuse("Could not parse the policy: Statement is empty!");
    for (const json::value& one : all) {
      if (!one.is_object()) return syntax("Statement");
      KIBAN_TRY_VOID(this->statement(one.get_object()));
    }
    return {};
  }

 private:
  std::unexpected<Error> refuse(std::string text) const {
    return fail(std::string(error_), std::move(text));
  }
  // What identity policies are refused with as a whole, others with the name of the field.
  std::unexpected<Error> syntax(std::string_view field) const {
    return refuse(kind_ == PolicyKind::Identity ? "Syntax errors in policy."
                                                : fmt::format("Unknown field {}", field));
  }
  std::unexpected<Error> missing(std::string_view field) const {
    return refuse(kind_ == PolicyKind::Identity ? "Syntax errors in policy."
                                                : fmt::format("Missing required field {}", field));
  }

  Result<void> statement(const json::object& statement) {
    constexpr std::array known = {"Sid",       "Effect",   "Principal",   "NotPrincipal", "Action",
                                  "NotAction", "Resource", "NotResource", "Condition"};
    for (const auto& member : statement) {
      if (std::ranges::find(known, std::string_view(member.key())) == known.end())
        return syntax(member.key());
    }
    for (const auto& [one, other] : {std::pair{"Action", "NotAction"},
                                     {"Resource", "NotResource"},
                                     {"Principal", "NotPrincipal"}}) {
      if (statement.contains(one) && statement.contains(other)) return syntax(other);
    }
    KIBAN_TRY_VOID(effect(statement));
    KIBAN_TRY_VOID(sid(statement));
    KIBAN_TRY_VOID(principals(statement));
    KIBAN_TRY_VOID(actions(statement));
    KIBAN_TRY_VOID(resources(statement));
    return conditions(statement);
  }

  Result<void> effect(const json::object& statement) const {
    const json::value* effect = statement.if_contains("Effect");
    if (!effect) return missing("Effect");
    if (effect->is_string() && (*effect == "Allow" || *effect == "Deny")) return {};
    if (kind_ == PolicyKind::Identity) return refuse("Syntax errors in policy.");
    return refuse(fmt::format("Invalid effect: {}", effect->is_string() ? text(statement, "Effect")
                                                                        : print_json(*effect)));
  }

  Result<void> sid(const json::object& statement) {
    const json::value* sid = statement.if_contains("Sid");
    if (!sid) return {};
    if (!sid->is_string()) return syntax("Sid");
    const std::string id = text(statement, "Sid");
    // Resource policies of S3 and trust policies allow spaces too.
    if (kind_ == PolicyKind::Identity && !std::ranges::all_of(id, is_letter_or_digit))
      return refuse(fmt::format(
          "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
          "expression [0-9A-Za-z]*"));
    if (!id.empty() && !sids_.insert(id).second)
      return refuse("Statement IDs (SID) in a single policy must be unique.");
    return {};
  }

  Result<void> principals(const json::object& statement) const {
    const json::value* given = statement.if_contains("Principal");
    if (!given) given = statement.if_contains("NotPrincipal");
    if (kind_ == PolicyKind::Identity) {
      if (given) return refuse("Policy document should not specify a principal.");
      return {};
    }
    if (!given) return missing("Principal");
    if (kind_ == PolicyKind::Trust && statement.contains("NotPrincipal"))
      return refuse("Has prohibited field NotPrincipal");
    if (given->is_string()) {
      if (*given == "*") return {};
      return refuse("Invalid principal in policy");
    }
    if (!given->is_object() || given->get_object().empty())
      return refuse("Invalid principal in policy");
    for (const auto& [type, value] : given->get_object()) {
      if (type != "AWS" && type != "Service" && type != "Federated" && type != "CanonicalUser")
        return refuse("Invalid principal in policy");
      for (const json::value& one : listed(given->get_object(), type)) {
        if (one.is_string() && is_principal(type, to_string(one.get_string()))) continue;
        return refuse(fmt::format("Invalid principal in policy: \"{}\":{}",
                                  type == "Service" ? "SERVICE" : std::string_view(type),
                                  print_json(one)));
      }
    }
    return {};
  }

  static bool is_principal(std::string_view type, std::string_view name) {
    if (type == "Service")
      return name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn") ||
             name.ends_with(".aws.internal") || name == "*";
    if (type != "AWS") return !name.empty();
    const bool digits =
        name.size() == 12 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    // Ids of a user, a role or a session that AWS shows once the principal is gone.
    const bool id =
        name.size() >= 16 && name.starts_with('A') && std::ranges::all_of(name, is_letter_or_digit);
    return name == "*" || digits || id || is_principal_arn(name);
  }

  static bool is_principal_arn(std::string_view name) {
    if (!name.starts_with("arn:aws")) return false;
    const std::size_t service = name.find(':', 4);
    if (service == std::string_view::npos) return false;
    const std::string_view rest = name.substr(service + 1);
    if (!rest.starts_with("iam::") && !rest.starts_with("sts::") && !rest.starts_with("cloudfront"))
      return false;
    // A wildcard matches a whole principal only.
    return rest.find('*') == std::string_view::npos;
  }

  Result<void> actions(const json::object& statement) const {
    const bool inverse = statement.contains("NotAction");
    if (!inverse && !statement.contains("Action")) {
      if (kind_ == PolicyKind::Identity) return refuse("Policy statement must contain actions.");
      return missing("Action");
    }
    const json::array all = listed(statement, inverse ? "NotAction" : "Action");
    if (all.empty()) {
      if (kind_ == PolicyKind::Identity) return refuse("Policy statement must contain actions.");
      return missing("Action");
    }
    for (const json::value& one : all) {
      if (!one.is_string()) return syntax("Action");
      KIBAN_TRY_VOID(action(to_string(one.get_string())));
    }
    return {};
  }

  Result<void> action(const std::string& name) const {
    if (kind_ == PolicyKind::Trust) {
      constexpr std::array taken = {
          "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity",
          "sts:assumeroot", "sts:tagsession",         "sts:setsourceidentity",
          "sts:setcontext"};
      const std::string low = lower_case(name);
      const bool wildcard = low.starts_with("sts:") && low.find_first_of("*?") != std::string::npos;
      if (!wildcard && std::ranges::find(taken, low) == taken.end())
        return refuse("AssumeRole policy may only specify STS AssumeRole actions.");
      return {};
    }
    if (name == "*") return {};
    const std::size_t colon = name.find(':');
    if (colon == std::string::npos) {
      if (kind_ != PolicyKind::Identity) return refuse("Policy has invalid action");
      return refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    const std::string vendor = name.substr(0, colon);
    const bool good = std::ranges::all_of(
        vendor, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
    if (kind_ == PolicyKind::Bucket && lower_case(vendor) != "s3")
      return refuse("Policy has invalid action");
    if (kind_ != PolicyKind::Identity && (vendor.empty() || !good))
      return refuse("Policy has invalid action");
    if (name == "*:*") return {};
    if (vendor.empty() || !good) return refuse(fmt::format("Vendor {} is not valid", vendor));
    const std::string rest = name.substr(colon + 1);
    if (rest.empty() || rest.find(':') != std::string::npos)
      return refuse("Actions/Condition can contain only one colon.");
    return {};
  }

  Result<void> resources(const json::object& statement) const {
    const bool inverse = statement.contains("NotResource");
    const bool has = inverse || statement.contains("Resource");
    if (kind_ == PolicyKind::Trust) {
      if (has)
        return refuse(fmt::format("Has prohibited field {}", inverse ? "NotResource" : "Resource"));
      return {};
    }
    if (kind_ == PolicyKind::Repository && !has) return {};
    const json::array all = listed(statement, inverse ? "NotResource" : "Resource");
    if (!has || all.empty()) {
      if (kind_ == PolicyKind::Identity) return refuse("Policy statement must contain resources.");
      return missing("Resource");
    }
    for (const json::value& one : all) {
      if (!one.is_string()) return syntax("Resource");
      KIBAN_TRY_VOID(resource(to_string(one.get_string())));
    }
    return {};
  }

  Result<void> resource(const std::string& name) const {
    if (name == "*" || name.starts_with("*:") || name.starts_with("${")) return {};
    // A * at the end matches all further parts.
    const bool arn = name.starts_with("arn:") || name.starts_with("arn*");
    const auto parts = arn_parts(name);
    const bool whole = parts || name.ends_with('*');
    if (kind_ != PolicyKind::Identity) {
      // An API of API Gateway is named without the beginning of its ARN.
      if ((arn && whole) || (kind_ == PolicyKind::Resource && name.starts_with("execute-api:/")))
        return {};
      return refuse("Policy has invalid resource");
    }
    if (!arn) return refuse(fmt::format("Resource {} must be in ARN format or \"*\".", name));
    if (!whole) return refuse("The policy failed legacy parsing");
    if (!parts) return {};
    if ((*parts)[1].empty())
      return refuse(fmt::format("Partition \"\" is not valid for resource \"{}\".", name));
    if ((*parts)[2].find_first_of("*?") != std::string_view::npos)
      return refuse("Resource vendor must be fully qualified and cannot contain regexes.");
    return {};
  }

  Result<void> conditions(const json::object& statement) const {
    const json::value* given = statement.if_contains("Condition");
    if (!given) return {};
    if (!given->is_object()) return syntax("Condition");
    for (const auto& [name, keys] : given->get_object()) {
      if (!parse_operator(name))
        return refuse(fmt::format("Invalid Condition type : {}", std::string_view(name)));
      if (!keys.is_object()) return syntax("Condition");
      for (const auto& [key, values] : keys.get_object()) {
        if (std::string_view(key).find(':') == std::string_view::npos)
          return refuse(kind_ == PolicyKind::Identity
                            ? std::string("Actions/Conditions must be prefaced by a vendor, e.g., "
                                          "iam, sdb, ec2, etc.")
                            : std::string("Policy has an invalid condition key"));
        if (values.is_object() || values.is_null()) return syntax("Condition");
      }
    }
    return {};
  }

  PolicyKind kind_;
  std::string_view error_;
  std::set<std::string> sids_{};
};

}  // namespace

json::array listed(const json::object& statement, std::string_view member) {
  const json::value* value = statement.if_contains(member);
  if (!value) return {};
  if (value->is_array()) return value->get_array();
  return json::array{*value};
}

json::array statements_of(const json::object& policy) { return listed(policy, "Statement"); }

Result<void> check_policy(const json::object& policy, PolicyKind kind, std::string_view error) {
  return Checker(kind, error).policy(policy);
}

Result<json::object> read_policy(std::string_view document, PolicyKind kind,
                                 std::string_view error) {
  auto parsed = parse_json(document);
  if (!parsed || !parsed->is_object()) {
    return fail(std::string(error),
                kind == PolicyKind::Identity ? "Syntax errors in policy."
                : kind == PolicyKind::Trust
                    ? "This policy contains invalid Json"
                    : "Policies must be valid JSON and the first byte must be '{'");
  }
  KIBAN_TRY_VOID(check_policy(parsed->get_object(), kind, error));
  return std::move(parsed->get_object());
}

}  // namespace kiban::iam
