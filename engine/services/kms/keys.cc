#include <algorithm>
#include <array>

#include "services/base/tags.h"
#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

void set_tag(json::array& tags, const json::value& tag) {
  const auto same = std::ranges::find_if(
      tags, [&](const json::value& other) { return other.at("TagKey") == tag.at("TagKey"); });
  if (same == tags.end()) {
    tags.push_back(tag);
  } else {
    *same = tag;
  }
}

bool has_tag(const json::array& tags, const json::value& tag) {
  return std::ranges::any_of(
      tags, [&](const json::value& other) { return other.at("TagKey") == tag.at("TagKey"); });
}

Result<void> check_tags(const json::array& tags) {
  return too_many_tags(tags) ? Result<void>{fail("TagException", "Too many tags")} : Result<void>{};
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
  if (input.contains("KeySpec") && input.contains("CustomerMasterKeySpec")) {
    return fail("ValidationException",
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
                "CustomerMasterKeySpec is deprecated.");
  }
  const std::string policy = text(input, "Policy", default_policy(context));
  KIBAN_TRY_VOID(check_policy(context, policy, flag(input, "BypassPolicyLockoutSafetyCheck")));
  json::array tags;
  const json::array* given = find_array(input, "Tags");
  for (const json::value& tag : given ? *given : json::array{}) {
    if (has_tag(tags, tag)) return fail("TagException", "Duplicate tag keys");
    set_tag(tags, tag);
  }
  KIBAN_TRY_VOID(check_tags(tags));
  const json::object made = make_metadata(context, text(input, "Description"), "CUSTOMER");
  json::object row{{"Metadata", made}, {"Policy", policy}, {"Tags", std::move(tags)}};
  save(context, row);
  return json::object{{"KeyMetadata", made}};
}

Result<json::object> describe_key(Context& context, const json::object& input) {
  if (auto managed = aws_managed_key(context, text(input, "KeyId")))
    return json::object{{"KeyMetadata", metadata(*managed)}};
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
  KIBAN_TRY(json::object row, load_key(context, text(input, "KeyId")));
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
  KIBAN_TRY_VOID(
      check_policy(context, text(input, "Policy"), flag(input, "BypassPolicyLockoutSafetyCheck")));
  row["Policy"] = text(input, "Policy");
  save(context, row);
  return json::object{};
}

Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_key(context, text(input, "KeyId")));
  KIBAN_TRY_VOID(check_policy_name(input));
  return json::object{{"Policy", row.at("Policy")}, {"PolicyName", "default"}};
}

Result<json::object> list_policies(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_key(context, text(input, "KeyId")));
  return page_of({"default"}, "PolicyNames", input);
}

// Tags --------------------------------------------------------------------------------------------

Result<json::object> tag(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_live(context, text(input, "KeyId")));
  for (const json::value& one : input.at("Tags").as_array()) {
    set_tag(row["Tags"].as_array(), one);
  }
  KIBAN_TRY_VOID(check_tags(row["Tags"].as_array()));
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
  KIBAN_TRY(const json::object row, load_key(context, text(input, "KeyId")));
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
          {"EnableKey", {enable<true>, "KeyId"}},
          {"GetKeyPolicy", {get_policy, "KeyId PolicyName"}},
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
