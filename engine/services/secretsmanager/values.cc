#include <fmt/format.h>

#include <algorithm>

#include "services/secretsmanager/rows.h"

namespace kiban::services::secretsmanager {
namespace {

Result<json::object> put_value(Context& context, const json::object& input) {
  if (input.contains("RotationToken"))
    return fail("InvalidParameterException", "kiban does not honour RotationToken");
  KIBAN_TRY(json::object row, load_alive(context, input));
  if (!has_value(input)) {
    return fail("InvalidParameterException",
                "You must provide either SecretString or SecretBinary.");
  }
  KIBAN_TRY(const std::string id, add_version(context, row, input));
  save(context, row);
  json::object out = named(row);
  out["VersionId"] = id;
  out["VersionStages"] = row.at("Versions").at(id).at("Stages");
  return out;
}

Result<json::object> get_value(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_alive(context, input));
  const std::string id = text(input, "VersionId");
  KIBAN_TRY(
      json::object value,
      value_of(row, id, text(input, "VersionStage", id.empty() ? current : std::string_view{})));
  KIBAN_TRY_VOID(use_secrets_key(context, row, text(value, "VersionId"), {"kms:Decrypt"}));
  return value;
}

Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, text(input, "SecretId")));
  json::array versions;
  for (const auto& [id, version] : row.at("Versions").as_object()) {
    const bool deprecated = version.at("Stages").as_array().empty();
    if (deprecated && !flag(input, "IncludeDeprecated")) continue;
    json::object entry{{"VersionId", id}, {"CreatedDate", version.at("CreatedDate")}};
    if (!deprecated) entry["VersionStages"] = version.at("Stages");
    versions.push_back(std::move(entry));
  }
  auto page = paginate(versions, static_cast<std::size_t>(number(input, "MaxResults", 100)),
                       find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextTokenException", page.error().cause);
  json::object out = named(row);
  out["Versions"] = std::move(page->entries);
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

std::unexpected<Error> invalid(std::string why) {
  return fail("InvalidParameterException", std::move(why));
}

// Which version has the label now; empty: none.
std::string holder_of(const json::object& row, std::string_view stage) {
  for (const auto& [id, version] : row.at("Versions").as_object())
    if (has_stage(version, stage)) return id;
  return {};
}

// May the label go from `from` to `to`?
Result<void> check_move(const json::object& row, const std::string& stage, const std::string& from,
                        const std::string& to) {
  const json::object& versions = row.at("Versions").as_object();
  for (const std::string& id : {from, to})
    if (!id.empty() && !versions.contains(id))
      return fail("ResourceNotFoundException",
                  "Secrets Manager can't find the specified secret version.");
  if (from.empty() && to.empty())
    return invalid("You must provide MoveToVersionId or RemoveFromVersionId.");
  const std::string holder = holder_of(row, stage);
  if (to.empty() && stage == current)
    return invalid(
        "You can only move staging label AWSCURRENT to a different secret version. It can't be "
        "completely removed.");
  if (!from.empty() && holder != from)
    return invalid(fmt::format("The staging label {} isn't attached to version {}.", stage, from));
  if (from.empty() && !holder.empty() && holder != to)
    return invalid(fmt::format(
        "The parameter RemoveFromVersionId can't be empty. Staging label {} is currently attached "
        "to version {}, so you must explicitly reference that version in RemoveFromVersionId.",
        stage, holder));
  return {};
}

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
Result<json::object> update_stage(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_alive(context, input));
  const std::string stage = text(input, "VersionStage");
  const std::string from = text(input, "RemoveFromVersionId");
  const std::string to = text(input, "MoveToVersionId");
  KIBAN_TRY_VOID(check_move(row, stage, from, to));
  drop_stage(row, stage);
  if (!to.empty()) {
    if (stage == current && from != to && !from.empty()) {
      drop_stage(row, previous);
      stages_of(row["Versions"].as_object().at(from)).emplace_back(previous);
    }
    stages_of(row["Versions"].as_object().at(to)).emplace_back(stage);
  }
  row["LastChangedDate"] = epoch_seconds(context.now());
  save(context, row);
  return named(row);
}

}  // namespace

OperationTable value_operations() {
  return {{"GetSecretValue", get_value},
          {"ListSecretVersionIds", list_versions},
          {"PutSecretValue", put_value},
          {"UpdateSecretVersionStage", update_stage}};
}

}  // namespace kiban::services::secretsmanager
