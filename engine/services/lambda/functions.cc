#include "services/lambda/functions.h"

#include <fmt/format.h>

#include "services/base/tags.h"
#include "services/lambda/code.h"
#include "services/lambda/concurrency.h"
#include "services/lambda/configuration.h"
#include "services/lambda/host.h"
#include "services/lambda/layers.h"
#include "services/lambda/mappings.h"
#include "services/lambda/names.h"
#include "services/lambda/versions.h"

namespace kiban::services::lambda {
namespace {

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; of names:
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
constexpr std::size_t name_characters_max = 64;

void show_code(json::object& shown, const json::object& code) {
  shown["CodeSize"] = code.at("Size");
  shown["CodeSha256"] = code.at("Sha256");
}

void touch(Context& context, json::object& shown) {
  shown["LastModified"] = format_modified(context.now());
  shown["RevisionId"] = context.random().uuid();
}

// The archives of the layers, which stay when the layers are deleted.
json::object digests_of(const Context& context, const json::object& shown) {
  json::object out;
  const json::array* layers = find_array(shown, "Layers");
  for (const json::value& layer : layers ? *layers : json::array{}) {
    const std::string arn = text(layer.as_object(), "Arn");
    if (const auto row = find_layer(context, arn)) out[arn] = row->at("Digest");
  }
  return out;
}

Result<void> check_revision(const json::object& input, const json::object& shown) {
  const std::string given = text(input, "RevisionId");
  if (given.empty() || given == text(shown, "RevisionId")) return {};
  return fail("PreconditionFailedException",
              "The Revision Id provided does not match the latest Revision Id. Call the "
              "GetFunction/GetAlias API to retrieve the latest Revision Id");
}

// What a new or changed function answers: it is ready with the batch that keeps it, and shown so
// from then on.
json::object being_created(json::object shown) {
  shown["State"] = "Pending";
  shown["StateReason"] = "The function is being created.";
  shown["StateReasonCode"] = "Creating";
  shown["LastUpdateStatus"] = "Successful";
  return shown;
}
json::object being_updated(json::object shown) {
  shown = shown_configuration(std::move(shown));
  shown["LastUpdateStatus"] = "InProgress";
  shown["LastUpdateStatusReason"] = "The function is being created.";
  shown["LastUpdateStatusReasonCode"] = "Creating";
  return shown;
}

// The function's own row and that of $LATEST, for operations that change $LATEST.
struct Latest {
  FunctionName function{};
  json::object row{};
};
Result<Latest> load_latest(Context& context, const json::object& input) {
  KIBAN_TRY(FunctionName function, read_name(context, input));
  if (!function.qualifier.empty() && function.qualifier != latest)
    return invalid("This operation is permitted on $LATEST only.");
  function.qualifier.clear();
  KIBAN_TRY_VOID(load_function(context, function));
  KIBAN_TRY(json::object row, load_version(context, function));
  return Latest{.function = std::move(function), .row = std::move(row)};
}

Result<json::object> create_function(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  if (!function.qualifier.empty())
    return invalid("CreateFunction takes no qualifier in FunctionName.");
  if (function.name.size() > name_characters_max)
    return invalid(
        fmt::format("Function name length exceeded {} characters.", name_characters_max));
  if (context.get(function_key(context, function.name)))
    return conflict(fmt::format("Function already exist: {}", function.name));
  const json::object* tags = find_object(input, "Tags");
  if (tags && too_many_tags(*tags)) return invalid("A function has 50 tags at most.");
  json::object request = input;
  request["FunctionName"] = function.name;
  KIBAN_TRY(json::object shown, new_configuration(context, request));
  KIBAN_TRY(const json::object code, read_code(context, input.at("Code").as_object()));
  if (code.contains("Uri") != (text(shown, "PackageType") == "Image"))
    return invalid(code.contains("Uri") ? "PackageType must be Image for functions of an ImageUri."
                                        : "Please provide ImageUri when PackageType is Image.");
  show_code(shown, code);
  touch(context, shown);
  put_json(context, function_key(context, function.name),
           {{"Name", function.name}, {"Tags", tags ? *tags : json::object{}}, {"LastVersion", 0}});
  put_json(context, version_key(context, function.name, latest),
           {{"Shown", shown}, {"Code", code}, {"LayerDigests", digests_of(context, shown)}});
  if (!flag(input, "Publish")) return being_created(std::move(shown));
  KIBAN_TRY(json::object published, publish(context, function.name, {}));
  return being_created(std::move(published));
}

Result<json::object> update_code(Context& context, const json::object& input) {
  KIBAN_TRY(Latest found, load_latest(context, input));
  json::object& shown = found.row["Shown"].as_object();
  KIBAN_TRY_VOID(check_revision(input, shown));
  if (input.contains("PublishTo"))
    return invalid("kiban does not support PublishTo of Lambda functions");
  json::object source;
  for (const char* member :
       {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri", "SourceKMSKeyArn"})
    if (const json::value* given = find(input, member)) source[member] = *given;
  KIBAN_TRY(const json::object code, read_code(context, source));
  if (code.contains("Uri") != (text(shown, "PackageType") == "Image"))
    return invalid("The package type of a function can't be changed.");
  show_code(shown, code);
  if (input.contains("Architectures")) {
    KIBAN_TRY(const json::array architectures, read_architectures(input));
    shown["Architectures"] = architectures;
  }
  touch(context, shown);
  if (flag(input, "DryRun")) return shown_configuration(shown);
  found.row["Code"] = code;
  put_json(context, version_key(context, found.function.name, latest), found.row);
  if (!flag(input, "Publish")) return being_updated(shown);
  KIBAN_TRY(json::object published, publish(context, found.function.name, {}));
  return being_updated(std::move(published));
}

Result<json::object> update_configuration(Context& context, const json::object& input) {
  KIBAN_TRY(Latest found, load_latest(context, input));
  const json::object& before = found.row.at("Shown").as_object();
  KIBAN_TRY_VOID(check_revision(input, before));
  KIBAN_TRY(json::object shown, changed_configuration(context, before, input));
  touch(context, shown);
  found.row["Shown"] = shown;
  if (input.contains("Layers")) found.row["LayerDigests"] = digests_of(context, shown);
  put_json(context, version_key(context, found.function.name, latest), found.row);
  return being_updated(std::move(shown));
}

// ARN and version as the request named them.
json::object addressed(const Context& context, const FunctionName& function,
                       const json::object& row) {
  json::object shown = shown_configuration(row.at("Shown").as_object());
  if (!function.qualifier.empty()) shown["FunctionArn"] = arn_of(context, function);
  return shown;
}

Result<json::object> get_configuration(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(const json::object row, load_version(context, function));
  return addressed(context, function, row);
}

// Without Code.Location: the archive can't be downloaded.
Result<json::object> get_function(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(const json::object owner, load_function(context, function));
  KIBAN_TRY(const json::object row, load_version(context, function));
  const json::object& code = row.at("Code").as_object();
  json::object reply{{"Configuration", addressed(context, function, row)}};
  if (code.contains("Uri"))
    reply["Code"] = {
        {"RepositoryType", "ECR"},
        {"ImageUri", code.at("Uri")},
        {"ResolvedImageUri", fmt::format("{}/{}@{}", text(code, "Registry"),
                                         text(code, "Repository"), text(code, "ImageDigest"))}};
  else
    reply["Code"] = {{"RepositoryType", "S3"}};
  if (!owner.at("Tags").as_object().empty()) reply["Tags"] = owner.at("Tags");
  if (owner.contains("Concurrency"))
    reply["Concurrency"] = {{"ReservedConcurrentExecutions", owner.at("Concurrency")}};
  return reply;
}

Result<json::object> list_functions(Context& context, const json::object& input) {
  if (input.contains("MasterRegion"))
    return invalid("kiban does not support MasterRegion: it has no Lambda@Edge");
  json::array all;
  const bool versions = text(input, "FunctionVersion") == "ALL";
  for (const json::object& row : list_json(context, region_key(context, "version/"))) {
    const json::object& shown = row.at("Shown").as_object();
    if (!versions && text(shown, "Version") != latest) continue;
    json::object entry = shown_configuration(shown);
    if (versions)
      entry["FunctionArn"] =
          function_arn(context, text(shown, "FunctionName"), text(shown, "Version"));
    for (const char* member :
         {"State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason"})
      entry.erase(member);
    all.emplace_back(std::move(entry));
  }
  return reply_page(input, "Functions", all);
}

void retire(Context& context, std::string_view name, std::string_view version) {
  json::object payload{{"FunctionName", name}, {"FunctionArn", function_arn(context, name)}};
  if (!version.empty()) payload["Version"] = version;
  context.perform({.service = "lambda",
                   .kind = std::string(retire_effect),
                   .id = fmt::format("retire/{}", context.random().uuid()),
                   .payload = std::move(payload)});
}

Result<json::object> delete_version(Context& context, const FunctionName& function) {
  if (function.qualifier == latest)
    return invalid("$LATEST version cannot be deleted without deleting the function.");
  if (!is_version(function.qualifier))
    return invalid("Deletion of functions by alias is not supported: delete the alias.");
  KIBAN_TRY_VOID(load_version(context, function));
  for (const json::object& alias :
       list_json(context, qualified_key(context, "alias", function.name, "")))
    if (text(alias, "FunctionVersion") == function.qualifier)
      return conflict(
          fmt::format("Version is currently referenced by alias {}.", text(alias, "Name")));
  context.erase(version_key(context, function.name, function.qualifier));
  retire(context, function.name, function.qualifier);
  return json::object{{"StatusCode", 204}};
}

Result<json::object> delete_function(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  if (!function.qualifier.empty()) return delete_version(context, function);
  const std::string& name = function.name;
  forget_reserved(context, name);
  end_provisioned(context, name);
  for (const char* kind : {"version", "alias", "policy", "event-config", "provisioned"})
    for (const store::Row& row : context.scan(qualified_key(context, kind, name, "")))
      context.erase(row.key);
  context.erase(region_key(context, fmt::format("credentials/{}", name)));
  context.erase(function_key(context, name));
  retire(context, name, {});
  return json::object{{"StatusCode", 204}};
}

// --- Tags
// ------------------------------------------------------------------------------------------

// The row that keeps the tags of a function or an event source mapping.
Result<std::string> tagged_key(Context& context, const json::object& input) {
  const std::string arn = text(input, "Resource");
  constexpr std::string_view mark = ":event-source-mapping:";
  if (const std::size_t at = arn.find(mark); at != std::string::npos) {
    const std::string key = mapping_key(context, arn.substr(at + mark.size()));
    if (context.get(key)) return key;
    return not_found(fmt::format("The resource you requested does not exist. ({})", arn));
  }
  KIBAN_TRY(const FunctionName function, read_name(context, {{"FunctionName", arn}}));
  if (!function.qualifier.empty())
    return invalid(
        "Tags on function aliases and versions are not supported. Please specify a "
        "function ARN.");
  KIBAN_TRY_VOID(load_function(context, function));
  return function_key(context, function.name);
}

json::object tags_in(const json::object& row) {
  const json::object* tags = find_object(row, "Tags");
  return tags ? *tags : json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string key, tagged_key(context, input));
  return json::object{{"Tags", tags_in(*get_json(context, key))}};
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string key, tagged_key(context, input));
  json::object row = *get_json(context, key);
  json::object tags = tags_in(row);
  for (const auto& tag : input.at("Tags").as_object()) tags[tag.key()] = tag.value();
  if (too_many_tags(tags)) return invalid("A resource has 50 tags at most.");
  row["Tags"] = std::move(tags);
  put_json(context, key, row);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string key, tagged_key(context, input));
  json::object row = *get_json(context, key);
  json::object tags = tags_in(row);
  for (const json::value& name : input.at("TagKeys").as_array()) tags.erase(name.as_string());
  row["Tags"] = std::move(tags);
  put_json(context, key, row);
  return json::object{};
}

// A function without code signing has an empty answer.
Result<json::object> get_code_signing(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  return json::object{{"FunctionName", function.name}};
}

Result<json::object> get_recursion(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  return json::object{{"RecursiveLoop", "Allow"}};
}

Result<json::object> get_runtime_management(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY(const json::object row, load_version(context, function));
  return json::object{{"UpdateRuntimeOn", "Auto"},
                      {"FunctionArn", row.at("Shown").at("FunctionArn")}};
}

}  // namespace

OperationTable function_operations() {
  return {{"CreateFunction", create_function},
          {"DeleteFunction", delete_function},
          {"GetFunction", get_function},
          {"GetFunctionCodeSigningConfig", get_code_signing},
          {"GetFunctionConfiguration", get_configuration},
          {"GetFunctionRecursionConfig", get_recursion},
          {"GetRuntimeManagementConfig", get_runtime_management},
          {"ListFunctions", list_functions},
          {"ListTags", list_tags},
          {"TagResource", tag_resource},
          {"UntagResource", untag_resource},
          {"UpdateFunctionCode", update_code},
          {"UpdateFunctionConfiguration", update_configuration}};
}

}  // namespace kiban::services::lambda
