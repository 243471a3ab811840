#include "services/sts/service.h"

#include <fmt/format.h>

#include <set>

#include "api/codec.h"
#include "core/arn.h"
#include "core/letters.h"
#include "services/base/policy.h"
#include "services/base/table_service.h"

namespace kiban::services::sts {
namespace {

constexpr std::string_view upper_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view secret_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int64_t duration_default = 3'600;       // Seconds.
constexpr std::int64_t duration_chained = 3'600;       // At most, when a session assumes a role.
constexpr std::int64_t session_seconds_most = 43'200;  // Of any role.
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

struct Role {
  std::string id{};
  std::int64_t session_seconds_max{0};
};

// The role of a session that the kernel let the caller open.
Role role_of(Context& context, const Caller& session, const std::string& role_arn,
             std::string_view name) {
  Caller root = context.caller();
  root.arn = fmt::format("arn:aws:iam::{}:root", session.account);
  const auto reply = context.call("iam", "GetRole", {{"RoleName", name}}, root);
  const json::object* role = reply ? find_object(*reply, "Role") : nullptr;
  // Without enforcement (--auth any) a well-formed ARN is enough.
  if (!role || text(*role, "Arn") != role_arn) {
    return {.id = "AROA" + context.random().pick(upper_and_digits, 17),
            .session_seconds_max = session_seconds_most};
  }
  // A service opens sessions of its own length, as ECS for its tasks.
  const bool service = !context.caller().arn.starts_with("arn:");
  return {.id = text(*role, "RoleId"),
          .session_seconds_max =
              service ? session_seconds_most : number(*role, "MaxSessionDuration", 3'600)};
}

// Session policies have the grammar of a role's. Returns their documents, which limit the session.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
Result<json::array> session_policies(Context& context, const json::object& input) {
  json::array documents;
  if (const json::string* policy = find_string(input, "Policy")) {
    KIBAN_TRY([[maybe_unused]] const json::object read,
              read_policy(*policy, PolicyKind::Identity, "MalformedPolicyDocumentException"));
    documents.emplace_back(*policy);
  }
  const json::array* arns = find_array(input, "PolicyArns");
  Caller root = context.caller();
  root.arn = fmt::format("arn:aws:iam::{}:root", root.account);
  for (const json::value& value : arns ? *arns : json::array{}) {
    const std::string arn = text(value.as_object(), "arn");
    const auto document =
        context.call("iam", "kiban:ManagedPolicyDocument", {{"PolicyArn", arn}}, root);
    if (!document)
      return fail("ValidationError",
                  fmt::format("Policy {} does not exist or is not attachable.", arn));
    documents.emplace_back(document->at("Document"));
  }
  return documents;
}

// Keys of session tags are equal whatever their case, and a transitive one is among them.
Result<void> check_session_tags(const json::object& input) {
  std::set<std::string> keys;
  const json::array* tags = find_array(input, "Tags");
  for (const json::value& tag : tags ? *tags : json::array{}) {
    if (keys.insert(lower_case(text(tag.as_object(), "Key"))).second) continue;
    return fail("InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  const json::array* transitive = find_array(input, "TransitiveTagKeys");
  for (const json::value& key : transitive ? *transitive : json::array{}) {
    if (keys.contains(lower_case(std::string_view(key.as_string())))) continue;
    return fail("InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.");
  }
  return {};
}

Result<void> refuse_unsupported(const json::object& input) {
  for (const std::string_view member : {"SerialNumber", "TokenCode", "ProvidedContexts"}) {
    if (input.contains(member)) {
      return fail("ValidationError",
                  fmt::format("kiban does not honour the parameter {} of AssumeRole", member));
    }
  }
  return {};
}

Result<json::object> assume_role(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unsupported(input));
  KIBAN_TRY(json::array limits, session_policies(context, input));
  KIBAN_TRY_VOID(check_session_tags(input));
  const std::string role_arn = text(input, "RoleArn");
  const std::string session_name = text(input, "RoleSessionName");
  const auto arn = parse_arn(role_arn);
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("role/")) {
    return fail("ValidationError", fmt::format("{} is invalid", role_arn));
  }
  const std::string name = arn->resource.substr(arn->resource.rfind('/') + 1);
  const auto session = context.assume_role(role_arn, context.caller().arn, session_name);
  if (!session) return denied(context, role_arn);
  const Role role = role_of(context, *session, role_arn, name);
  const std::int64_t seconds = number(input, "DurationSeconds", duration_default);
  if (is_session(context.caller()) && seconds > duration_chained)
    return fail("ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
                "by role chaining");
  if (seconds > role.session_seconds_max) {
    return fail("ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  const Timestamp expires = context.now() + std::chrono::seconds{seconds};
  const std::string id = "ASIA" + context.random().pick(upper_and_digits, 16);
  const std::string secret = context.secrets().pick(secret_alphabet, 40);
  const std::string token = "IQoJb3JpZ2luX2Vj" + context.secrets().pick(secret_alphabet, 200);
  const std::string user_id = fmt::format("{}:{}", role.id, session_name);
  put_json(context, session_key(id),
           {{"SecretAccessKey", secret},
            {"SessionToken", token},
            {"Arn", session->arn},
            {"UserId", user_id},
            {"Policies", std::move(limits)},
            {"Expiration", epoch_seconds(expires)}});
  context.set_timer("sts", id, expires + kept_after_expiry, {{"AccessKeyId", id}});
  json::object out{{"Credentials",
                    {{"AccessKeyId", id},
                     {"SecretAccessKey", secret},
                     {"SessionToken", token},
                     {"Expiration", epoch_seconds(expires)}}},
                   {"AssumedRoleUser", {{"AssumedRoleId", user_id}, {"Arn", session->arn}}}};
  if (input.contains("SourceIdentity")) out["SourceIdentity"] = input.at("SourceIdentity");
  return out;
}

Result<json::object> get_caller_identity(Context& context, const json::object&) {
  const Caller& caller = context.caller();
  std::string user_id = caller.account;  // The root's own id is its account's.
  if (const auto session = get_json(context, session_key(caller.access_key_id))) {
    user_id = text(*session, "UserId");
  } else if (caller.arn.find(":user/") != std::string::npos) {
    Caller root = caller;
    root.arn = fmt::format("arn:aws:iam::{}:root", caller.account);
    const json::object named{{"UserName", caller.arn.substr(caller.arn.rfind('/') + 1)}};
    KIBAN_TRY(const json::object reply, context.call("iam", "GetUser", named, root));
    user_id = text(reply.at("User").as_object(), "UserId");
  }
  return json::object{{"UserId", user_id}, {"Account", caller.account}, {"Arn", caller.arn}};
}

// Of EC2's refusals.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
Result<json::object> decode_message(Context&, const json::object& input) {
  const auto decoded = api::decode_base64(text(input, "EncodedMessage"));
  const auto message =
      decoded ? parse_json(*decoded) : Result<json::value>(std::unexpected(decoded.error()));
  if (!message || !message->is_object() || !message->get_object().contains("allowed"))
    return fail("InvalidAuthorizationMessageException",
                "Message is not a valid encoded authorization message.");
  return json::object{{"DecodedMessage", *decoded}};
}

const OperationTable operations = {
    {"AssumeRole", assume_role},
    {"DecodeAuthorizationMessage", decode_message},
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
