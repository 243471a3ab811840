#include "services/sts/service.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "core/arn.h"
#include "services/base/table_service.h"

namespace kiban::services::sts {
namespace {

constexpr std::string_view upper_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view secret_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int64_t duration_default = 3'600;  // Seconds.
constexpr std::int64_t duration_chained = 3'600;  // At most, when a session assumes a role.
constexpr auto kept_after_expiry = std::chrono::hours{1};

std::string session_key(std::string_view access_key_id) {
  return fmt::format("sts/session/{}", access_key_id);
}

bool is_session(const Caller& caller) {
  return caller.arn.find(":assumed-role/") != std::string::npos;
}

// "User: ARN is not authorized to perform: sts:AssumeRole on resource: ARN", as AWS says.
std::unexpected<Error> denied(const Context& context, std::string_view role_arn) {
  return fail("AccessDenied",
              fmt::format("User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                          context.caller().arn, role_arn));
}

// Whether one principal of a trust policy is the caller, or the account the caller is of. The
// account's id alone stands for its root: docs.aws.amazon.com/IAM/latest/UserGuide/
// reference_policies_elements_principal.html
bool names_caller(const json::value& principal, const Caller& caller) {
  if (!principal.is_string()) return false;
  const std::string_view name = principal.get_string();
  return name == "*" || name == caller.arn || name == caller.account ||
         name == fmt::format("arn:aws:iam::{}:root", caller.account);
}

template <typename Predicate>
bool any_of(const json::value* value, Predicate predicate) {
  if (!value) return false;
  if (!value->is_array()) return predicate(*value);
  for (const json::value& entry : value->get_array()) {
    if (predicate(entry)) return true;
  }
  return false;
}

bool allows(const json::value& statement, const Caller& caller) {
  if (!statement.is_object()) return false;
  const json::object& object = statement.get_object();
  if (text(object, "Effect") != "Allow") return false;
  const bool action = any_of(find(object, "Action"), [](const json::value& name) {
    return name == "sts:AssumeRole" || name == "sts:*" || name == "*";
  });
  const json::value* principal = find(object, "Principal");
  if (!action || !principal) return false;
  if (principal->is_string()) return *principal == "*";
  if (!principal->is_object()) return false;
  return any_of(find(principal->get_object(), "AWS"),
                [&](const json::value& name) { return names_caller(name, caller); });
}

struct Role {
  std::string id{};
  std::int64_t session_seconds_max{3'600};
};

// The role, when it is there and trusts the caller.
std::optional<Role> trusted_role(Context& context, std::string_view name) {
  Caller root = context.caller();
  root.arn = fmt::format("arn:aws:iam::{}:root", root.account);
  const auto reply = context.call("iam", "GetRole", {{"RoleName", name}}, root);
  if (!reply) return std::nullopt;
  const json::object* role = find_object(*reply, "Role");
  if (!role) return std::nullopt;
  const auto decoded = api::decode_uri(text(*role, "AssumeRolePolicyDocument"));
  const auto document = parse_json(decoded.value_or(""));
  if (!document || !document->is_object()) return std::nullopt;
  const bool trusts = any_of(find(document->get_object(), "Statement"), [&](const auto& statement) {
    return allows(statement, context.caller());
  });
  if (!trusts) return std::nullopt;
  return Role{.id = text(*role, "RoleId"),
              .session_seconds_max = number(*role, "MaxSessionDuration", 3'600)};
}

Result<Role> role_for(Context& context, const std::string& role_arn, const std::string& name,
                      const std::string& session_name) {
  if (auto role = trusted_role(context, name)) {
    KIBAN_TRY_VOID(context.authorise("sts:AssumeRole", role_arn));
    return *std::move(role);
  }
  // Without enforcement (--auth any) a well-formed ARN is enough, which the kernel knows.
  if (!context.assume_role(role_arn, context.caller().arn, session_name)) {
    return denied(context, role_arn);
  }
  return Role{.id = "AROA" + context.random().pick(upper_and_digits, 17),
              .session_seconds_max = 43'200};
}

Result<void> refuse_unsupported(const json::object& input) {
  for (const std::string_view member :
       {"Policy", "PolicyArns", "SerialNumber", "TokenCode", "ProvidedContexts"}) {
    if (input.contains(member)) {
      return fail("ValidationError",
                  fmt::format("kiban does not honour the parameter {} of AssumeRole", member));
    }
  }
  return {};
}

Result<json::object> assume_role(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unsupported(input));
  const std::string role_arn = text(input, "RoleArn");
  const std::string session_name = text(input, "RoleSessionName");
  const auto arn = parse_arn(role_arn);
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("role/")) {
    return fail("ValidationError", fmt::format("{} is invalid", role_arn));
  }
  const std::string name = arn->resource.substr(arn->resource.rfind('/') + 1);
  KIBAN_TRY(const Role role, role_for(context, role_arn, name, session_name));
  const std::int64_t seconds = number(input, "DurationSeconds", duration_default);
  const std::int64_t allowed =
      is_session(context.caller()) ? duration_chained : role.session_seconds_max;
  if (seconds > allowed) {
    return fail("ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  const Timestamp expires = context.now() + std::chrono::seconds{seconds};
  const std::string id = "ASIA" + context.random().pick(upper_and_digits, 16);
  const std::string secret = context.secrets().pick(secret_alphabet, 40);
  const std::string token = "IQoJb3JpZ2luX2Vj" + context.secrets().pick(secret_alphabet, 200);
  const std::string user_id = fmt::format("{}:{}", role.id, session_name);
  const std::string session_arn =
      fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", arn->account, name, session_name);
  put_json(context, session_key(id),
           {{"SecretAccessKey", secret},
            {"SessionToken", token},
            {"Arn", session_arn},
            {"UserId", user_id},
            {"Expiration", epoch_seconds(expires)}});
  context.set_timer("sts", id, expires + kept_after_expiry, {{"AccessKeyId", id}});
  return json::object{{"Credentials",
                       {{"AccessKeyId", id},
                        {"SecretAccessKey", secret},
                        {"SessionToken", token},
                        {"Expiration", epoch_seconds(expires)}}},
                      {"AssumedRoleUser", {{"AssumedRoleId", user_id}, {"Arn", session_arn}}}};
}

Result<json::object> get_caller_identity(Context& context, const json::object&) {
  const Caller& caller = context.caller();
  std::string user_id = caller.account;  // The root's own id is its account's.
  if (const auto session = get_json(context, session_key(caller.access_key_id))) {
    user_id = text(*session, "UserId");
  }
  return json::object{{"UserId", user_id}, {"Account", caller.account}, {"Arn", caller.arn}};
}

const OperationTable operations = {
    {"AssumeRole", assume_role},
    {"GetCallerIdentity", get_caller_identity},
};

class Sts : public TableService {
 public:
  Sts() : TableService("sts", operations) {}
  void on_timer(Context& context, const json::object& payload) override {
    context.erase(session_key(text(payload, "AccessKeyId")));
  }
};

}  // namespace

std::unique_ptr<Service> make_sts() { return std::make_unique<Sts>(); }

}  // namespace kiban::services::sts
