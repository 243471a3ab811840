#include "services/secretsmanager/rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/key_use.h"

namespace kiban::services::secretsmanager {
namespace {

// "Secrets Manager keeps 100 of the most recent versions": those without a label go first.
constexpr std::size_t versions_max = 100;
constexpr std::size_t stages_max = 20;  // Of a version.

std::unexpected<Error> not_found() {
  return fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
}

void drop_oldest(json::object& row) {
  json::object& versions = row["Versions"].as_object();
  while (versions.size() > versions_max) {
    auto oldest = versions.end();
    for (auto each = versions.begin(); each != versions.end(); ++each) {
      if (!stages_of(each->value()).empty()) continue;
      const auto created = [](const json::value& version) {
        return version.at("CreatedDate").to_number<double>();
      };
      if (oldest == versions.end() || created(each->value()) < created(oldest->value()))
        oldest = each;
    }
    if (oldest == versions.end()) return;
    versions.erase(oldest);
  }
}

}  // namespace

std::string secret_key(const Context& context, std::string_view name) {
  return fmt::format("secretsmanager/{}/secret/{}", context.caller().region, name);
}

Result<json::object> load(const Context& context, std::string_view id) {
  std::string name(id);
  const std::size_t mark = name.find(":secret:");
  if (name.starts_with("arn:") && mark != std::string::npos) name = name.substr(mark + 8);
  if (auto row = get_json(context, secret_key(context, name))) return *std::move(row);
  const std::size_t dash = name.rfind('-');
  if (!id.starts_with("arn:") || dash == std::string::npos) return not_found();
  auto row = get_json(context, secret_key(context, name.substr(0, dash)));
  if (!row || text(*row, "ARN") != id) return not_found();
  return *std::move(row);
}

Result<json::object> load_alive(const Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, text(input, "SecretId")));
  if (!row.contains("DeletedDate")) return row;
  return fail("InvalidRequestException",
              "You can't perform this operation on the secret because it was marked for deletion.");
}

void save(Context& context, const json::object& row) {
  put_json(context, secret_key(context, text(row, "Name")), row);
}

std::vector<json::object> all_secrets(const Context& context) {
  return list_json(context, secret_key(context, ""));
}

json::array& stages_of(json::value& version) { return version.as_object()["Stages"].as_array(); }

bool has_stage(const json::value& version, std::string_view stage) {
  const json::array& stages = version.at("Stages").as_array();
  return std::ranges::find(stages, json::value(stage)) != stages.end();
}

void drop_stage(json::object& row, std::string_view stage) {
  for (auto& [id, version] : row["Versions"].as_object()) {
    json::array& stages = stages_of(version);
    const auto found = std::ranges::find(stages, json::value(stage));
    if (found != stages.end()) stages.erase(found);
  }
}

bool has_value(const json::object& input) {
  return input.contains("SecretString") || input.contains("SecretBinary");
}

bool is_version(const json::object& row, const json::object& input) {
  const json::value* same = find(row.at("Versions").as_object(), text(input, "ClientRequestToken"));
  if (!same || !input.contains("ClientRequestToken")) return false;
  const json::object& version = same->as_object();
  return text(version, "SecretString") == text(input, "SecretString") &&
         text(version, "SecretBinary") == text(input, "SecretBinary");
}

// The text is AWS's: GiamPy5/terraform-aws-directus#10.
Result<void> use_secrets_key(Context& context, const json::object& row, std::string_view version,
                             std::vector<std::string_view> actions) {
  const auto allowed =
      use_key(context, {.key = text(row, "KmsKeyId"),
                        .service = "secretsmanager",
                        .actions = std::move(actions),
                        .encryption_context = {{"SecretARN", text(row, "ARN")},
                                               {"SecretVersionId", std::string(version)}}});
  if (allowed) return {};
  return fail("AccessDeniedException", "Access to KMS is not allowed");
}

Result<std::string> add_version(Context& context, json::object& row, const json::object& input) {
  const std::string id = text(input, "ClientRequestToken", context.random().uuid());
  KIBAN_TRY_VOID(use_secrets_key(context, row, id, {"kms:GenerateDataKey", "kms:Decrypt"}));
  json::object value;
  for (const std::string_view member : {"SecretString", "SecretBinary"}) {
    if (input.contains(member)) value[member] = input.at(member);
  }
  json::object& versions = row["Versions"].as_object();
  if (versions.contains(id)) {
    if (is_version(row, input)) return id;
    return fail("ResourceExistsException",
                fmt::format("You can't use ClientRequestToken {} because that value is already in "
                            "use for a version of secret {}.",
                            id, text(row, "ARN")));
  }
  const json::array* given = find_array(input, "VersionStages");
  json::array stages = given ? *given : json::array{json::string(current)};
  // "If this operation creates the first version for the secret, then Secrets Manager automatically
  // attaches the staging label AWSCURRENT to it."
  if (versions.empty() && std::ranges::find(stages, json::value(current)) == stages.end())
    stages.emplace_back(current);
  if (stages.size() > stages_max)
    return fail("LimitExceededException", "A version has at most 20 staging labels.");
  for (const json::value& stage : stages) {
    if (stage == json::value(current)) {
      drop_stage(row, previous);
      for (auto& [other, version] : versions) {
        if (has_stage(version, current)) stages_of(version).emplace_back(previous);
      }
    }
    drop_stage(row, stage.as_string());
  }
  value["CreatedDate"] = epoch_seconds(context.now());
  value["Stages"] = stages;
  versions[id] = std::move(value);
  drop_oldest(row);
  row["LastChangedDate"] = epoch_seconds(context.now());
  return id;
}

Result<json::object> value_of(const json::object& row, std::string_view id,
                              std::string_view stage) {
  for (const auto& [version_id, version] : row.at("Versions").as_object()) {
    if (!id.empty() && version_id != id) continue;
    if (!stage.empty() && !has_stage(version, stage)) continue;
    json::object out = named(row);
    for (const std::string_view member : {"SecretString", "SecretBinary", "CreatedDate"}) {
      if (version.as_object().contains(member)) out[member] = version.at(member);
    }
    out["VersionId"] = version_id;
    if (!version.at("Stages").as_array().empty()) out["VersionStages"] = version.at("Stages");
    return out;
  }
  return fail("ResourceNotFoundException",
              id.empty() ? fmt::format("Secrets Manager can't find the specified secret value for "
                                       "staging label: {}",
                                       stage)
                         : fmt::format("Secrets Manager can't find the specified secret value for "
                                       "VersionId: {}",
                                       id));
}

json::object named(const json::object& row) {
  return {{"ARN", row.at("ARN")}, {"Name", row.at("Name")}};
}

json::object described(const json::object& row, std::string_view stages_member) {
  json::object out = row;
  out.erase("Versions");
  out.erase("Policy");
  json::object stages;
  for (const auto& [id, version] : row.at("Versions").as_object()) {
    if (!version.at("Stages").as_array().empty()) stages[id] = version.at("Stages");
  }
  if (!stages.empty()) out[stages_member] = std::move(stages);
  return out;
}

}  // namespace kiban::services::secretsmanager
