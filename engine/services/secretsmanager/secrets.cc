#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "services/base/tags.h"
#include "services/secretsmanager/password.h"
#include "services/secretsmanager/rows.h"

namespace kiban::services::secretsmanager {
namespace {

constexpr std::string_view letters_and_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::int64_t recovery_days_default = 30;

Result<void> check_unserved(const json::object& input) {
  for (const char* member :
       {"AddReplicaRegions", "ForceOverwriteReplicaSecret", "Type", "RotationToken"})
    if (input.contains(member) && input.at(member) != false)
      return fail("InvalidParameterException", fmt::format("kiban does not honour {}", member));
  return {};
}

std::string make_secret_arn(Context& context, std::string_view name) {
  return make_arn(context, "secretsmanager",
                  fmt::format("secret:{}-{}", name, context.random().pick(letters_and_digits, 6)));
}

// A secret of that name is there already.
Result<json::object> create_again(const json::object& old, const json::object& input) {
  if (old.contains("DeletedDate"))
    return fail("InvalidRequestException",
                "You can't create this secret because a secret with this name is already "
                "scheduled for deletion.");
  // "If a version with this value already exists and the version's SecretString and SecretBinary
  // values are the same as those in the request, then the request is ignored": CreateSecret,
  // ClientRequestToken.
  if (is_version(old, input)) {
    json::object again = named(old);
    again["VersionId"] = text(input, "ClientRequestToken");
    return again;
  }
  return fail("ResourceExistsException",
              fmt::format("The operation failed because the secret {} already exists.",
                          text(input, "Name")));
}

// EncryptionFailure: "Check that the KMS key is available, enabled, and not in an invalid state."
// Keys of other accounts are not here, and are taken on trust.
Result<void> check_kms_key(Context& context, const json::object& input) {
  const std::string key = text(input, "KmsKeyId");
  const auto arn = parse_arn(key);
  if (key.empty() || (arn && arn->account != context.caller().account)) return {};
  Caller own = context.caller();
  own.arn = "secretsmanager.amazonaws.com";
  const auto found = context.call("kms", "DescribeKey", {{"KeyId", key}}, own);
  if (found && text(found->at("KeyMetadata").as_object(), "KeyState") == "Enabled") return {};
  return fail("EncryptionFailure",
              found ? fmt::format("The KMS key {} is not enabled.", key) : found.error().cause);
}

Result<json::object> create_secret(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  KIBAN_TRY_VOID(check_unserved(input));
  if (const auto old = get_json(context, secret_key(context, name)))
    return create_again(*old, input);
  KIBAN_TRY_VOID(check_kms_key(context, input));
  const double now = epoch_seconds(context.now());
  json::object row{{"Name", name},           {"ARN", make_secret_arn(context, name)},
                   {"Tags", json::array{}},  {"CreatedDate", now},
                   {"LastChangedDate", now}, {"Versions", json::object{}}};
  for (const std::string_view member : {"Description", "KmsKeyId", "Tags"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  json::object out = named(row);
  if (has_value(input)) {
    KIBAN_TRY(out["VersionId"], add_version(context, row, input));
  }
  save(context, row);
  return out;
}

Result<json::object> update_secret(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_unserved(input));
  KIBAN_TRY(json::object row, load_alive(context, input));
  KIBAN_TRY_VOID(check_kms_key(context, input));
  for (const std::string_view member : {"Description", "KmsKeyId"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  if (text(row, "KmsKeyId").empty()) row.erase("KmsKeyId");  // AWS's own key again.
  json::object out = named(row);
  if (has_value(input)) {
    // "If you call this operation with a ClientRequestToken that matches an existing version's
    // VersionId, the operation results in an error."
    const std::string token = text(input, "ClientRequestToken");
    if (row.at("Versions").as_object().contains(token))
      return fail("ResourceExistsException",
                  fmt::format("You can't use ClientRequestToken {} because that value is already "
                              "in use for a version of secret {}.",
                              token, text(row, "ARN")));
    KIBAN_TRY(out["VersionId"], add_version(context, row, input));
  }
  row["LastChangedDate"] = epoch_seconds(context.now());
  save(context, row);
  return out;
}

Result<json::object> describe_secret(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, text(input, "SecretId")));
  return described(row, "VersionIdsToStages");
}

// "If you forcibly delete an already deleted or nonexistent secret, the operation does not return
// ResourceNotFoundException."
json::object deleted_nothing(Context& context, std::string_view id) {
  const bool arn = id.starts_with("arn:");
  const std::size_t mark = arn ? id.find(":secret:") : id.npos;
  return {{"ARN", arn ? std::string(id) : make_secret_arn(context, id)},
          {"Name", mark == id.npos ? id : id.substr(mark + 8)},
          {"DeletionDate", epoch_seconds(context.now())}};
}

Result<json::object> delete_secret(Context& context, const json::object& input) {
  const bool force = flag(input, "ForceDeleteWithoutRecovery");
  if (force && input.contains("RecoveryWindowInDays")) {
    return fail("InvalidParameterException",
                "You can't use ForceDeleteWithoutRecovery in conjunction with "
                "RecoveryWindowInDays.");
  }
  const std::int64_t days = number(input, "RecoveryWindowInDays", recovery_days_default);
  if (days < 7 || days > 30) {
    return fail("InvalidParameterException",
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
  }
  const std::string id = text(input, "SecretId");
  if (force && !load(context, id)) return deleted_nothing(context, id);
  KIBAN_TRY(json::object row, force ? load(context, id) : load_alive(context, input));
  const std::string key = secret_key(context, text(row, "Name"));
  json::object out = named(row);
  if (force) {
    context.erase(key);
    context.cancel_timer("secretsmanager", key);
    out["DeletionDate"] = epoch_seconds(context.now());
    return out;
  }
  const Timestamp at = context.now() + std::chrono::days{days};
  row["DeletedDate"] = epoch_seconds(context.now());
  save(context, row);
  context.set_timer("secretsmanager", key, at, {{"Key", key}});
  out["DeletionDate"] = epoch_seconds(at);
  return out;
}

Result<json::object> restore_secret(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, text(input, "SecretId")));
  row.erase("DeletedDate");
  context.cancel_timer("secretsmanager", secret_key(context, text(row, "Name")));
  save(context, row);
  return named(row);
}

Result<json::object> random_password(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string password, make_password(context.secrets(), input));
  return json::object{{"RandomPassword", password}};
}

Result<json::object> change_tags(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_alive(context, input));
  const json::array* added = find_array(input, "Tags");
  const json::array* removed = find_array(input, "TagKeys");
  json::array kept;
  for (const json::value& tag : row["Tags"].as_array()) {
    const std::string key = text(tag.as_object(), "Key");
    const bool replaced = added && std::ranges::any_of(*added, [&](const json::value& other) {
                            return text(other.as_object(), "Key") == key;
                          });
    const bool taken = removed && std::ranges::find(*removed, json::value(key)) != removed->end();
    if (!replaced && !taken) kept.push_back(tag);
  }
  for (const json::value& tag : added ? *added : json::array{}) kept.push_back(tag);
  if (too_many_tags(kept))
    return fail("InvalidParameterException", "The number of tags exceeds the limit of 50.");
  row["Tags"] = std::move(kept);
  save(context, row);
  return json::object{};
}

}  // namespace

OperationTable secret_operations() {
  return {{"CreateSecret", create_secret},     {"DeleteSecret", delete_secret},
          {"DescribeSecret", describe_secret}, {"GetRandomPassword", random_password},
          {"RestoreSecret", restore_secret},   {"TagResource", change_tags},
          {"UntagResource", change_tags},      {"UpdateSecret", update_secret}};
}

}  // namespace kiban::services::secretsmanager
