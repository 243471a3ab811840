#include <algorithm>
#include <array>

#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

Result<void> check_policy(std::string_view policy) {
  const auto parsed = parse_json(policy);
  if (parsed && parsed->is_object() && parsed->get_object().contains("Statement")) return {};
  return fail("MalformedPolicyDocumentException",
              parsed ? std::string("The policy must be a JSON object with a Statement")
                     : parsed.error().cause);
}

// docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html, for keys made by program.
std::string default_policy(const Context& context) {
  return print_json(json::object{
      {"Version", "2012-10-17"},
      {"Id", "key-default-1"},
      {"Statement",
       json::array{json::object{
           {"Sid", "Enable IAM User Permissions"},
           {"Effect", "Allow"},
           {"Principal", {{"AWS", fmt::format("arn:aws:iam::{}:root", context.caller().account)}}},
           {"Action", "kms:*"},
           {"Resource", "*"}}}}});
}

void set_tag(json::array& tags, const json::value& tag) {
  const auto same = std::ranges::find_if(
      tags, [&](const json::value& other) { return other.at("TagKey") == tag.at("TagKey"); });
  if (same == tags.end()) {
    tags.push_back(tag);
  } else {
    *same = tag;
  }
}

Result<json::object> create_key(Context& context, const json::object& input) {
  // What a symmetric key is; all else is refused.
  constexpr auto only = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"KeyUsage", "ENCRYPT_DECRYPT"},
       {"KeySpec", "SYMMETRIC_DEFAULT"},
       {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
       {"Origin", "AWS_KMS"}});
  for (const auto& [member, value] : only) {
    if (text(input, member, value) == value) continue;
    return fail("UnsupportedOperationException",
                fmt::format("kiban supports keys whose {} is {} only", member, value));
  }
  if (flag(input, "MultiRegion")) {
    return fail("UnsupportedOperationException", "kiban does not support multi-Region keys");
  }
  const std::string policy = text(input, "Policy", default_policy(context));
  KIBAN_TRY_VOID(check_policy(policy));
  const std::string id = context.random().uuid();
  json::array tags;
  const json::array* given = find_array(input, "Tags");
  for (const json::value& tag : given ? *given : json::array{}) set_tag(tags, tag);
  const json::object made{{"AWSAccountId", context.caller().account},
                          {"KeyId", id},
                          {"Arn", make_arn(context, "kms", "key/" + id)},
                          {"CreationDate", epoch_seconds(context.now())},
                          {"Enabled", true},
                          {"Description", text(input, "Description")},
                          {"KeyUsage", "ENCRYPT_DECRYPT"},
                          {"KeyState", "Enabled"},
                          {"Origin", "AWS_KMS"},
                          {"KeyManager", "CUSTOMER"},
                          {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
                          {"KeySpec", "SYMMETRIC_DEFAULT"},
                          {"EncryptionAlgorithms", {"SYMMETRIC_DEFAULT"}},
                          {"MultiRegion", false}};
  json::object row{{"Metadata", made}, {"Policy", policy}, {"Tags", std::move(tags)}};
  save(context, row);
  return json::object{{"KeyMetadata", made}};
}

Result<json::object> describe_key(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, text(input, "KeyId")));
  return json::object{{"KeyMetadata", metadata(row)}};
}

Result<json::object> list_keys(Context& context, const json::object& input) {
  json::array out;
  for (json::object& row : list_json(context, key_key(context.caller().region, ""))) {
    out.push_back(json::object{{"KeyId", id_of(row)}, {"KeyArn", metadata(row).at("Arn")}});
  }
  return page_of(out, "Keys", input);
}

Result<json::object> update_description(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  metadata(row)["Description"] = text(input, "Description");
  save(context, row);
  return json::object{};
}

template <bool enabled>
Result<json::object> enable(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  metadata(row)["Enabled"] = enabled;
  metadata(row)["KeyState"] = enabled ? "Enabled" : "Disabled";
  save(context, row);
  return json::object{};
}

// Deletion ----------------------------------------------------------------------------------------

std::string timer_id(const Context& context, const std::string& id) {
  return fmt::format("delete/{}/{}", context.caller().region, id);
}

Result<json::object> schedule_deletion(Context& context, const json::object& input) {
  const std::int64_t days = number(input, "PendingWindowInDays", 30);
  if (days < 7 || days > 30) {
    return fail("ValidationException", "PendingWindowInDays must be between 7 and 30 days");
  }
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  const std::string id = id_of(row);
  const Timestamp at = context.now() + std::chrono::days{days};
  metadata(row)["Enabled"] = false;
  metadata(row)["KeyState"] = "PendingDeletion";
  metadata(row)["DeletionDate"] = epoch_seconds(at);
  save(context, row);
  context.set_timer("kms", timer_id(context, id), at,
                    {{"Region", context.caller().region}, {"KeyId", id}});
  return json::object{{"KeyId", metadata(row).at("Arn")},
                      {"DeletionDate", epoch_seconds(at)},
                      {"KeyState", "PendingDeletion"},
                      {"PendingWindowInDays", days}};
}

// The key is disabled then, not enabled.
// docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html
Result<json::object> cancel_deletion(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, text(input, "KeyId")));
  if (text(metadata(row), "KeyState") != "PendingDeletion") {
    return fail("KMSInvalidStateException",
                text(metadata(row), "Arn") + " is not pending deletion.");
  }
  metadata(row)["KeyState"] = "Disabled";
  metadata(row).erase("DeletionDate");
  save(context, row);
  context.cancel_timer("kms", timer_id(context, id_of(row)));
  return json::object{{"KeyId", metadata(row).at("Arn")}};
}

// Policies ----------------------------------------------------------------------------------------

Result<void> check_policy_name(const json::object& input) {
  if (text(input, "PolicyName", "default") == "default") return {};
  return fail("NotFoundException", "No such policy exists");
}

Result<json::object> put_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  KIBAN_TRY_VOID(check_policy_name(input));
  KIBAN_TRY_VOID(check_policy(text(input, "Policy")));
  row["Policy"] = text(input, "Policy");
  save(context, row);
  return json::object{};
}

Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, text(input, "KeyId")));
  KIBAN_TRY_VOID(check_policy_name(input));
  return json::object{{"Policy", row.at("Policy")}, {"PolicyName", "default"}};
}

Result<json::object> list_policies(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load(context, text(input, "KeyId")));
  return page_of({"default"}, "PolicyNames", input);
}

// Rotation: kept and told, but there is no material to rotate. ------------------------------------

Result<json::object> enable_rotation(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  const std::int64_t days = number(input, "RotationPeriodInDays", 365);
  if (days < 90 || days > 2'560) {
    return fail("ValidationException", "RotationPeriodInDays must be between 90 and 2560 days");
  }
  if (!flag(metadata(row), "Enabled")) {
    return fail("DisabledException", text(metadata(row), "Arn") + " is disabled.");
  }
  row["Rotation"] = days;
  save(context, row);
  return json::object{};
}

Result<json::object> disable_rotation(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  row.erase("Rotation");
  save(context, row);
  return json::object{};
}

Result<json::object> rotation_status(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, text(input, "KeyId")));
  json::object reply{{"KeyId", metadata(row).at("Arn")},
                     {"KeyRotationEnabled", row.contains("Rotation")}};
  if (row.contains("Rotation")) reply["RotationPeriodInDays"] = row.at("Rotation");
  return reply;
}

// Tags --------------------------------------------------------------------------------------------

Result<json::object> tag(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  for (const json::value& one : input.at("Tags").as_array()) {
    set_tag(row["Tags"].as_array(), one);
  }
  save(context, row);
  return json::object{};
}

Result<json::object> untag(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  const json::array& keys = input.at("TagKeys").as_array();
  json::array kept;
  for (const json::value& one : row.at("Tags").as_array()) {
    if (std::ranges::find(keys, one.at("TagKey")) == keys.end()) kept.push_back(one);
  }
  row["Tags"] = std::move(kept);
  save(context, row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, text(input, "KeyId")));
  return page_of(row.at("Tags").as_array(), "Tags", input);
}

}  // namespace

CheckedTable key_operations() {
  return {{"CancelKeyDeletion", {cancel_deletion, "KeyId"}},
          {"CreateKey",
           {create_key,
            "Policy Description KeyUsage CustomerMasterKeySpec KeySpec Origin MultiRegion Tags "
            "BypassPolicyLockoutSafetyCheck"}},
          {"DescribeKey", {describe_key, "KeyId"}},
          {"DisableKey", {enable<false>, "KeyId"}},
          {"DisableKeyRotation", {disable_rotation, "KeyId"}},
          {"EnableKey", {enable<true>, "KeyId"}},
          {"EnableKeyRotation", {enable_rotation, "KeyId RotationPeriodInDays"}},
          {"GetKeyPolicy", {get_policy, "KeyId PolicyName"}},
          {"GetKeyRotationStatus", {rotation_status, "KeyId"}},
          {"ListKeyPolicies", {list_policies, "KeyId Limit Marker"}},
          {"ListKeys", {list_keys, "Limit Marker"}},
          {"ListResourceTags", {list_tags, "KeyId Limit Marker"}},
          {"PutKeyPolicy", {put_policy, "KeyId PolicyName Policy BypassPolicyLockoutSafetyCheck"}},
          {"ScheduleKeyDeletion", {schedule_deletion, "KeyId PendingWindowInDays"}},
          {"TagResource", {tag, "KeyId Tags"}},
          {"UntagResource", {untag, "KeyId TagKeys"}},
          {"UpdateKeyDescription", {update_description, "KeyId Description"}}};
}

}  // namespace kiban::services::kms
