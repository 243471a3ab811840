#include "services/secretsmanager/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/secretsmanager/password.h"

namespace kiban::services::secretsmanager {
namespace {

constexpr std::string_view current = "AWSCURRENT";
constexpr std::string_view previous = "AWSPREVIOUS";
constexpr std::string_view letters_and_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::int64_t recovery_days_default = 30;

// A row: Name, ARN, Description, KmsKeyId, Tags, CreatedDate, LastChangedDate, DeletedDate (when a
// deletion waits) and Versions: {VersionId: {SecretString | SecretBinary, CreatedDate, Stages}}.
std::string secret_key(const Context& context, std::string_view name) {
  return fmt::format("secretsmanager/{}/secret/{}", context.caller().region, name);
}

std::unexpected<Error> not_found() {
  return fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
}

// By name, by ARN, or by ARN without the six random characters at its end.
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

// Versions without a label are deprecated, and AWS removes them in time; we at once.
void drop_unlabelled(json::object& row) {
  json::object kept;
  for (auto& [id, version] : row["Versions"].as_object()) {
    if (!stages_of(version).empty()) kept.emplace(id, std::move(version));
  }
  row["Versions"] = std::move(kept);
}

// Does the version that ClientRequestToken names hold the value of the request?
bool is_version(const json::object& row, const json::object& input) {
  const json::value* same = find(row.at("Versions").as_object(), text(input, "ClientRequestToken"));
  if (!same || !input.contains("ClientRequestToken")) return false;
  const json::object& version = same->as_object();
  return text(version, "SecretString") == text(input, "SecretString") &&
         text(version, "SecretBinary") == text(input, "SecretBinary");
}

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
Result<std::string> add_version(Context& context, json::object& row, const json::object& input) {
  const std::string id = text(input, "ClientRequestToken", context.random().uuid());
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
  const json::array stages = given ? *given : json::array{json::string(current)};
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
  drop_unlabelled(row);
  row["LastChangedDate"] = epoch_seconds(context.now());
  return id;
}

bool has_value(const json::object& input) {
  return input.contains("SecretString") || input.contains("SecretBinary");
}

json::object named(const json::object& row) {
  return {{"ARN", row.at("ARN")}, {"Name", row.at("Name")}};
}

Result<json::object> create_secret(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (input.contains("AddReplicaRegions")) {
    return fail("InvalidParameterException", "kiban does not honour AddReplicaRegions");
  }
  if (const auto old = get_json(context, secret_key(context, name))) {
    if (old->contains("DeletedDate")) {
      return fail("InvalidRequestException",
                  "You can't create this secret because a secret with this name is already "
                  "scheduled for deletion.");
    }
    // "If a version with this value already exists and the version's SecretString and SecretBinary
    // values are the same as those in the request, then the request is ignored": CreateSecret,
    // ClientRequestToken.
    if (is_version(*old, input)) {
      json::object again = named(*old);
      again["VersionId"] = text(input, "ClientRequestToken");
      return again;
    }
    return fail("ResourceExistsException",
                fmt::format("The operation failed because the secret {} already exists.", name));
  }
  const double now = epoch_seconds(context.now());
  const std::string suffix = context.random().pick(letters_and_digits, 6);
  json::object row{
      {"Name", name},
      {"ARN", make_arn(context, "secretsmanager", fmt::format("secret:{}-{}", name, suffix))},
      {"Tags", json::array{}},
      {"CreatedDate", now},
      {"LastChangedDate", now},
      {"Versions", json::object{}}};
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

Result<json::object> put_value(Context& context, const json::object& input) {
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

Result<json::object> update_secret(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_alive(context, input));
  for (const std::string_view member : {"Description", "KmsKeyId"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  json::object out = named(row);
  if (has_value(input)) {
    KIBAN_TRY(out["VersionId"], add_version(context, row, input));
  }
  row["LastChangedDate"] = epoch_seconds(context.now());
  save(context, row);
  return out;
}

Result<json::object> get_value(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_alive(context, input));
  const std::string id = text(input, "VersionId");
  const std::string stage = text(input, "VersionStage", id.empty() ? current : std::string_view{});
  for (const auto& [version_id, version] : row.at("Versions").as_object()) {
    if (!id.empty() && version_id != id) continue;
    if (!stage.empty() && !has_stage(version, stage)) continue;
    json::object out = named(row);
    for (const std::string_view member : {"SecretString", "SecretBinary", "CreatedDate"}) {
      if (version.as_object().contains(member)) out[member] = version.at(member);
    }
    out["VersionId"] = version_id;
    out["VersionStages"] = version.at("Stages");
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

json::object described(const json::object& row, std::string_view stages_member) {
  json::object out = row;
  out.erase("Versions");
  json::object stages;
  for (const auto& [id, version] : row.at("Versions").as_object()) {
    stages[id] = version.at("Stages");
  }
  if (!stages.empty()) out[stages_member] = std::move(stages);
  return out;
}

Result<json::object> describe_secret(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, text(input, "SecretId")));
  return described(row, "VersionIdsToStages");
}

Result<json::object> list_secrets(Context& context, const json::object& input) {
  if (input.contains("Filters")) {
    return fail("InvalidParameterException", "kiban does not honour Filters of ListSecrets");
  }
  json::array all;
  for (const store::Row& row : context.scan(secret_key(context, ""))) {
    const auto secret = get_json(context, row.key);
    const bool deleted = secret->contains("DeletedDate");
    if (deleted && !flag(input, "IncludePlannedDeletion")) continue;
    all.push_back(described(*secret, "SecretVersionsToStages"));
  }
  auto page = paginate(all, static_cast<std::size_t>(number(input, "MaxResults", 100)),
                       find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextTokenException", page.error().cause);
  json::object out{{"SecretList", page->entries}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, text(input, "SecretId")));
  json::array versions;
  for (const auto& [id, version] : row.at("Versions").as_object()) {
    versions.push_back(json::object{{"VersionId", id},
                                    {"VersionStages", version.at("Stages")},
                                    {"CreatedDate", version.at("CreatedDate")}});
  }
  json::object out = named(row);
  out["Versions"] = std::move(versions);
  return out;
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
  KIBAN_TRY(json::object row,
            force ? load(context, text(input, "SecretId")) : load_alive(context, input));
  const std::string name = text(row, "Name");
  json::object out = named(row);
  if (force) {
    context.erase(secret_key(context, name));
    context.cancel_timer("secretsmanager", secret_key(context, name));
    out["DeletionDate"] = epoch_seconds(context.now());
    return out;
  }
  const Timestamp at = context.now() + std::chrono::days{days};
  row["DeletedDate"] = epoch_seconds(context.now());
  save(context, row);
  context.set_timer("secretsmanager", secret_key(context, name), at,
                    {{"Key", secret_key(context, name)}});
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
  row["Tags"] = std::move(kept);
  save(context, row);
  return json::object{};
}

const OperationTable operations = {
    {"CreateSecret", create_secret},     {"DeleteSecret", delete_secret},
    {"DescribeSecret", describe_secret}, {"GetRandomPassword", random_password},
    {"GetSecretValue", get_value},       {"ListSecretVersionIds", list_versions},
    {"ListSecrets", list_secrets},       {"PutSecretValue", put_value},
    {"RestoreSecret", restore_secret},   {"TagResource", change_tags},
    {"UntagResource", change_tags},      {"UpdateSecret", update_secret},
};

class SecretsManager : public TableService {
 public:
  SecretsManager() : TableService("secretsmanager", operations) {}
  void on_timer(Context& context, const json::object& payload) override {
    context.erase(text(payload, "Key"));
  }
};

}  // namespace

std::unique_ptr<Service> make_secretsmanager() { return std::make_unique<SecretsManager>(); }

}  // namespace kiban::services::secretsmanager
