#include "iam/evaluate.h"

#include <fmt/format.h>

#include <deque>

#include "core/arn.h"
#include "core/letters.h"
#include "iam/decision.h"

namespace kiban::iam {
namespace {

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

Result<std::string> text_member(const json::object& line, std::string_view name) {
  const json::value* value = line.if_contains(name);
  if (!value || value->is_null()) return std::string{};
  if (!value->is_string()) return invalid(fmt::format("{} must be a string", name));
  return to_string(value->get_string());
}

Result<std::vector<std::string>> context_values(std::string_view key, const json::value& given) {
  std::vector<std::string> values;
  const auto add = [&](const json::value& value) {
    if (value.is_object() || value.is_array()) return false;
    if (!value.is_null()) values.push_back(value_text(value));
    return true;
  };
  bool good = true;
  if (given.is_array())
    for (const json::value& value : given.get_array()) good = add(value) && good;
  else
    good = add(given);
  if (good) return values;
  return invalid(
      fmt::format("the context key {} must have a string, a boolean, a number or a list "
                  "of these",
                  key));
}

// The policies of a line, and how the line calls them.
class Documents {
 public:
  Result<void> read(const json::object& line, PolicyKind of_resource) {
    KIBAN_TRY_VOID(list(line, "identityPolicies", policies_.identity));
    if (const json::value* given = line.if_contains("resourcePolicy"); given && !given->is_null()) {
      broken_ = "resourcePolicy";
      KIBAN_TRY(policies_.resource, compile(*given, of_resource));
    }
    KIBAN_TRY_VOID(list(line, "permissionBoundaries", policies_.boundaries));
    return list(line, "sessionPolicy", policies_.session);
  }

  const Policies& policies() const { return policies_; }
  const std::string& broken() const { return broken_; }  // What read() failed at.

  static std::string name(const json::object& line, const Match& match) {
    const std::string_view member = match.source == Source::Identity   ? "identityPolicies"
                                    : match.source == Source::Resource ? "resourcePolicy"
                                    : match.source == Source::Boundary ? "permissionBoundaries"
                                                                       : "sessionPolicy";
    const json::value* given = line.if_contains(member);
    const bool numbered = match.source == Source::Identity || match.source == Source::Boundary ||
                          (given && given->is_array());
    return numbered ? fmt::format("{}[{}]", member, match.policy) : std::string(member);
  }

 private:
  Result<void> list(const json::object& line, std::string_view member,
                    std::vector<const Policy*>& into) {
    const json::value* given = line.if_contains(member);
    if (!given || given->is_null()) return {};
    const json::array all = listed(line, member);
    for (std::size_t i = 0; i < all.size(); ++i) {
      broken_ = given->is_array() || member != "sessionPolicy" ? fmt::format("{}[{}]", member, i)
                                                               : std::string(member);
      KIBAN_TRY(const Policy* policy, compile(all[i], PolicyKind::Identity));
      into.push_back(policy);
    }
    return {};
  }

  // A policy without statements allows and denies nothing, even if a service would refuse to keep
  // it.
  static bool is_empty(const json::value& document) {
    if (!document.is_object()) return false;
    const json::value* statements = document.get_object().if_contains("Statement");
    return statements && statements->is_array() && statements->get_array().empty();
  }

  Result<const Policy*> compile(const json::value& document, PolicyKind kind) {
    if (is_empty(document)) kind = PolicyKind::Identity;  // The one that may be empty.
    const auto made = document.is_object()
                          ? Policy::compile(document.get_object(), kind)
                          : Policy::compile(document.is_string() ? to_string(document.get_string())
                                                                 : print_json(document),
                                            kind);
    if (!made) return std::unexpected(made.error());
    compiled_.push_back(*made);
    return &compiled_.back();
  }

  std::deque<Policy> compiled_{};  // A deque: policies_ points into it.
  Policies policies_{};
  std::string broken_{};
};

Result<Request> read_request(const json::object& line) {
  Request request;
  if (const json::value* principal = line.if_contains("principal");
      principal && !principal->is_null()) {
    KIBAN_TRY(request.requester, parse_requester(*principal));
  }
  KIBAN_TRY(request.action, text_member(line, "action"));
  if (request.action.find(':') == std::string::npos)
    return invalid("action must be a service and an operation, such as s3:GetObject");
  KIBAN_TRY(request.resource, text_member(line, "resource"));
  if (request.resource.empty()) request.resource = "*";
  KIBAN_TRY(request.resource_account, text_member(line, "resourceAccount"));
  const json::value* context = line.if_contains("context");
  if (!context || context->is_null()) return request;
  if (!context->is_object()) return invalid("context must be an object");
  for (const auto& [key, given] : context->get_object()) {
    KIBAN_TRY(std::vector<std::string> values, context_values(key, given));
    request.context.set(key, std::move(values));
  }
  return request;
}

// What kind of policy lies at the resource: at a role it is the trust policy.
PolicyKind kind_at(const Request& request) {
  const auto arn = parse_arn(request.resource);
  if (!arn) return PolicyKind::Resource;
  if (arn->service == "ecr") return PolicyKind::Repository;
  const bool assumes = lower_case(request.action).starts_with("sts:");
  return assumes && arn->service == "iam" && arn->resource.starts_with("role/")
             ? PolicyKind::Trust
             : PolicyKind::Resource;
}

std::string print_error(const Error& error, const std::string& policy) {
  json::object out{{"error", error.name + ": " + error.cause}};
  if (!policy.empty()) out["policy"] = policy;
  return print_json(out);
}

}  // namespace

std::string evaluate_line(std::string_view line) {
  const auto parsed = parse_json(line);
  if (!parsed) return print_error(parsed.error(), "");
  if (!parsed->is_object()) return print_error({"ValidationError", "a line must be an object"}, "");
  const json::object& given = parsed->get_object();
  const auto request = read_request(given);
  if (!request) return print_error(request.error(), "");
  Documents documents;
  if (const auto read = documents.read(given, kind_at(*request)); !read)
    return print_error(read.error(), documents.broken());
  Budget budget(steps_max, 0);
  const auto decision = decide(*request, documents.policies(), budget);
  if (!decision) return print_error(decision.error(), "");
  json::array statements;
  for (const Match& match : decision->statements) {
    json::object shown{{"policy", Documents::name(given, match)}, {"index", match.statement}};
    if (match.found->sid()) shown["sid"] = *match.found->sid();
    statements.push_back(std::move(shown));
  }
  return print_json(json::object{{"decision", verdict_name(decision->verdict)},
                                 {"statements", std::move(statements)}});
}

}  // namespace kiban::iam
