#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>

#include "services/base/pages.h"
#include "services/base/table_service.h"
#include "services/logs/metric_filters.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"
#include "services/logs/purge.h"

namespace kiban::services::logs {
namespace {

constexpr std::int64_t retention_days[] = {1,    3,    5,    7,    14,   30,  60,  90,
                                           120,  150,  180,  365,  400,  545, 731, 1096,
                                           1827, 2192, 2557, 2922, 3288, 3653};

// "If you attempt to associate a KMS key with the log group but the KMS key does not exist or the
// KMS key is disabled, you receive an InvalidParameterException error": CreateLogGroup. The lines
// themselves are not encrypted with the key: docs/limits.md.
Result<void> check_key(Context& context, std::string_view group, const json::object& input) {
  const std::string key = text(input, "kmsKeyId");
  if (!key.starts_with("arn:"))
    return invalid(fmt::format("kmsKeyId must be the ARN of a key, not '{}'", key));
  Caller own = context.caller();
  own.arn = "logs.amazonaws.com";
  const auto found = context.call("kms", "DescribeKey", {{"KeyId", key}}, own);
  const json::object* metadata = found ? find_object(*found, "KeyMetadata") : nullptr;
  if (metadata && text(*metadata, "KeyState") == "Enabled") return {};
  return invalid(fmt::format(
      "The specified KMS key does not exist or is not allowed to be used with LogGroup '{}'",
      group_arn(context, group)));
}

json::object describe(const Context& context, std::string_view name, const json::object& row) {
  json::object group{{"logGroupName", name},
                     {"creationTime", row.at("Created")},
                     {"metricFilterCount", count_metric_filters(context, name)},
                     {"arn", group_arn(context, name) + ":*"},
                     {"logGroupArn", group_arn(context, name)},
                     {"storedBytes", 0},
                     {"logGroupClass", text(row, "Class", "STANDARD")},
                     {"deletionProtectionEnabled", flag(row, "Protected")}};
  if (const json::value* days = find(row, "RetentionInDays")) group["retentionInDays"] = *days;
  if (const json::value* key = find(row, "KmsKeyId")) group["kmsKeyId"] = *key;
  return group;
}

Result<void> check_describe(const json::object& input) {
  if (flag(input, "includeLinkedAccounts"))
    return invalid("kiban has no monitoring accounts: includeLinkedAccounts cannot be true");
  if (input.contains("accountIdentifiers"))
    return invalid("accountIdentifiers requires includeLinkedAccounts to be true.");
  // "The only other filter that you can choose to specify is includeLinkedAccounts."
  for (const char* other : {"logGroupNamePrefix", "logGroupNamePattern", "logGroupClass"}) {
    if (input.contains("logGroupIdentifiers") && input.contains(other))
      return invalid(
          fmt::format("logGroupIdentifiers and {} cannot be specified together.", other));
  }
  return {};
}

bool selected(const json::object& input, std::string_view name, const json::object& row) {
  const std::string contains = text(input, "logGroupNamePattern");
  if (!contains.empty() && !name.contains(contains)) return false;
  if (const json::string* wanted = find_string(input, "logGroupClass");
      wanted && *wanted != text(row, "Class", "STANDARD"))
    return false;
  const json::array* names = find_array(input, "logGroupIdentifiers");
  return !names || std::ranges::any_of(*names, [&](const json::value& each) {
    return std::string_view(each.as_string()) == name;
  });
}

// AssociateKmsKey and DisassociateKmsKey: "You must specify either the resourceIdentifier parameter
// or the logGroup parameter, but you can't specify both."
Result<std::string> group_of_key_request(const Context& context, const json::object& input) {
  const std::string resource = text(input, "resourceIdentifier");
  const std::string group = text(input, "logGroupName");
  if (resource.empty() == group.empty())
    return invalid("You must specify either logGroupName or resourceIdentifier, but not both.");
  if (!group.empty()) return group;
  if (resource.contains(":query-result:"))
    return invalid("kiban does not serve queries: resourceIdentifier must be a log group's ARN");
  return group_of_arn(context, resource);
}

}  // namespace

Result<json::object> create_group(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  if (boost::algorithm::istarts_with(group, "aws/"))
    return invalid("Log groups starting with AWS/ are reserved for AWS.");
  if (text(input, "logGroupClass") == "DELIVERY")
    return invalid("kiban does not serve log groups of the class DELIVERY");
  if (context.get(group_key(context, group)))
    return fail("ResourceAlreadyExistsException", "The specified log group already exists");
  const json::object* tags = find_object(input, "tags");
  json::object row{{"Created", milliseconds(context.now())},
                   {"Latest", true},
                   {"Tags", tags ? *tags : json::object{}}};
  if (input.contains("logGroupClass")) row["Class"] = text(input, "logGroupClass");
  if (flag(input, "deletionProtectionEnabled")) row["Protected"] = true;
  if (input.contains("kmsKeyId")) {
    KIBAN_TRY_VOID(check_key(context, group, input));
    row["KmsKeyId"] = text(input, "kmsKeyId");
  }
  finish_purge(context, group + separator);
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> delete_group(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  KIBAN_TRY(const json::object row, load_group(context, group));
  if (flag(row, "Protected"))
    return fail("ValidationException",
                fmt::format("The log group '{}' cannot be deleted: its deletion protection is "
                            "enabled.",
                            group));
  purge(context, group + separator);
  erase_rows(context, filter_key(context, group, ""));
  context.erase(group_key(context, group));
  cancel_sweep(context, group);
  return json::object{};
}

Result<json::object> put_protection(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of(context, input));
  KIBAN_TRY(json::object row, load_group(context, group));
  row["Protected"] = flag(input, "deletionProtectionEnabled");
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> associate_key(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of_key_request(context, input));
  KIBAN_TRY(json::object row, load_group(context, group));
  KIBAN_TRY_VOID(check_key(context, group, input));
  row["KmsKeyId"] = text(input, "kmsKeyId");
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> disassociate_key(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of_key_request(context, input));
  KIBAN_TRY(json::object row, load_group(context, group));
  row.erase("KmsKeyId");
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> put_retention(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  KIBAN_TRY(json::object row, load_group(context, group));
  const std::int64_t days = number(input, "retentionInDays", 0);
  if (std::ranges::find(retention_days, days) == std::end(retention_days))
    return invalid(fmt::format("{} is not a retention in days that CloudWatch Logs knows", days));
  row["RetentionInDays"] = days;
  put_json(context, group_key(context, group), row);
  schedule_sweep(context, group);
  return json::object{};
}

Result<json::object> delete_retention(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  KIBAN_TRY(json::object row, load_group(context, group));
  row.erase("RetentionInDays");
  put_json(context, group_key(context, group), row);
  cancel_sweep(context, group);
  return json::object{};
}

Result<json::object> describe_groups(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_describe(input));
  const std::string base = group_key(context, "");
  const auto entry = [&](const store::Row& row) -> std::optional<json::value> {
    const std::string name = row.key.substr(base.size());
    const json::object fields = object_of(row.key, row.value);
    if (!selected(input, name, fields)) return std::nullopt;
    json::object group = describe(context, name, fields);
    if (!input.contains("logGroupNamePattern")) return group;
    // "If you use logGroupNamePattern in your request, then only arn, creationTime, and
    // logGroupName are included in the response": DescribeLogGroups.
    return json::object{
        {"arn", group["arn"]}, {"creationTime", group["creationTime"]}, {"logGroupName", name}};
  };
  const auto limit = static_cast<std::size_t>(number(input, "limit", 50));
  KIBAN_TRY(Page page, page_of_rows(context, base + text(input, "logGroupNamePrefix"), limit,
                                    find_string(input, "nextToken"), entry));
  json::object reply{{"logGroups", std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *page.next_token;
  return reply;
}

}  // namespace kiban::services::logs
