#include "services/base/key_use.h"

#include <fmt/format.h>

#include "services/base/table_service.h"

namespace kiban::services {

namespace {

std::vector<ConditionKey> keys_of(const Caller& caller, const KeyUse& use) {
  std::vector<ConditionKey> keys{
      {.name = "kms:ViaService",
       .values = {fmt::format("{}.{}.amazonaws.com", use.service, caller.region)}},
      {.name = "kms:CallerAccount", .values = {caller.account}}};
  ConditionKey names{.name = "kms:EncryptionContextKeys"};
  for (const auto& [name, value] : use.encryption_context) {
    keys.push_back({.name = "kms:EncryptionContext:" + name, .values = {value}});
    names.values.push_back(name);
  }
  if (!names.values.empty()) keys.push_back(std::move(names));
  return keys;
}

}  // namespace

Result<void> use_key(Context& context, const KeyUse& use) {
  if (use.key.empty() || use.key.find("alias/aws/") != std::string::npos) return {};
  const Caller& caller = context.caller();
  const Caller service{.account = caller.account,
                       .region = caller.region,
                       .arn = fmt::format("{}.amazonaws.com", use.service)};
  const auto found = context.call("kms", "DescribeKey", {{"KeyId", use.key}}, service);
  if (!found) return {};
  const json::object& metadata = found->at("KeyMetadata").as_object();
  if (text(metadata, "KeyManager") == "AWS") return {};
  for (const std::string_view action : use.actions)
    KIBAN_TRY_VOID(context.decide({.action = std::string(action),
                                   .resource = text(metadata, "Arn"),
                                   .keys = keys_of(caller, use)}));
  return {};
}

}  // namespace kiban::services
