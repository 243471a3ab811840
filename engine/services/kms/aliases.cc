#include <algorithm>

#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

// https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
constexpr std::ptrdiff_t aliases_of_key_max = 50;

Result<void> check_alias_name(std::string_view name) {
  if (!name.starts_with("alias/") || name.size() == std::string_view("alias/").size())
    return fail("ValidationException",
                "Alias must start with the prefix \"alias/\" and have a name behind it");
  if (name.starts_with("alias/aws/"))
    return fail("InvalidAliasNameException",
                "Aliases that begin with alias/aws/ are reserved by AWS");
  return {};
}

Result<json::object> load_alias(const Context& context, const json::object& input) {
  const std::string name = text(input, "AliasName");
  auto row = get_json(context, alias_key(context.caller().region, name));
  if (row) return *std::move(row);
  return fail("NotFoundException",
              fmt::format("Alias {} is not found.", make_arn(context, "kms", name)));
}

// An alias's target is named by id or ARN, never by another alias.
Result<std::string> find_target(const Context& context, const json::object& input) {
  const std::string target = text(input, "TargetKeyId");
  if (target.find("alias/") != std::string::npos) {
    return fail("ValidationException", "Aliases must refer to keys. Not aliases");
  }
  KIBAN_TRY(json::object row, load_live(context, target));
  return id_of(row);
}

Result<json::object> create_alias(Context& context, const json::object& input) {
  const std::string name = text(input, "AliasName");
  KIBAN_TRY_VOID(check_alias_name(name));
  const std::string key = alias_key(context.caller().region, name);
  if (context.get(key)) {
    return fail("AlreadyExistsException", fmt::format("An alias with the name {} already exists",
                                                      make_arn(context, "kms", name)));
  }
  KIBAN_TRY(const std::string target, find_target(context, input));
  const auto aliases = list_json(context, alias_key(context.caller().region, ""));
  if (std::ranges::count_if(aliases, [&](const json::object& alias) {
        return text(alias, "TargetKeyId") == target;
      }) >= aliases_of_key_max)
    return fail("LimitExceededException",
                fmt::format("A key has at most {} aliases", aliases_of_key_max));
  const double now = epoch_seconds(context.now());
  put_json(context, key,
           {{"AliasName", name},
            {"AliasArn", make_arn(context, "kms", name)},
            {"TargetKeyId", target},
            {"CreationDate", now},
            {"LastUpdatedDate", now}});
  return json::object{};
}

Result<json::object> update_alias(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_alias_name(text(input, "AliasName")));
  KIBAN_TRY(json::object row, load_alias(context, input));
  KIBAN_TRY(row["TargetKeyId"], find_target(context, input));
  row["LastUpdatedDate"] = epoch_seconds(context.now());
  put_json(context, alias_key(context.caller().region, text(input, "AliasName")), row);
  return json::object{};
}

Result<json::object> delete_alias(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_alias_name(text(input, "AliasName")));
  KIBAN_TRY_VOID(load_alias(context, input));
  context.erase(alias_key(context.caller().region, text(input, "AliasName")));
  return json::object{};
}

Result<json::object> list_aliases(Context& context, const json::object& input) {
  std::string target;
  if (input.contains("KeyId")) {
    KIBAN_TRY(json::object row, load_key(context, text(input, "KeyId")));
    target = id_of(row);
  }
  json::array out;
  for (json::object& row : list_json(context, alias_key(context.caller().region, ""))) {
    if (target.empty() || text(row, "TargetKeyId") == target) out.push_back(std::move(row));
  }
  return page_of(out, "Aliases", input);
}

}  // namespace

void delete_key(Context& context, const json::object& timer) {
  const std::string region = text(timer, "Region");
  const std::string id = text(timer, "KeyId");
  context.erase(key_key(region, id));
  for (const json::object& row : list_json(context, alias_key(region, ""))) {
    if (text(row, "TargetKeyId") == id) context.erase(alias_key(region, text(row, "AliasName")));
  }
}

CheckedTable alias_operations() {
  return {{"CreateAlias", {create_alias, "AliasName TargetKeyId"}},
          {"DeleteAlias", {delete_alias, "AliasName"}},
          {"ListAliases", {list_aliases, "KeyId Limit Marker"}},
          {"UpdateAlias", {update_alias, "AliasName TargetKeyId"}}};
}

}  // namespace kiban::services::kms
