#include "services/lambda/versions.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

std::unexpected<Error> stale_revision() {
  return fail("PreconditionFailedException",
              "The Revision Id provided does not match the latest Revision Id. Call the "
              "GetFunction/GetAlias API to retrieve the latest Revision Id");
}

Result<json::object> publish_version(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  if (input.contains("PublishTo"))
    return invalid("kiban does not support PublishTo of Lambda functions");
  KIBAN_TRY_VOID(load_function(context, function));
  KIBAN_TRY(json::object shown, publish(context, function.name, input));
  return shown_configuration(std::move(shown));
}

Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  json::array all;
  for (const json::object& row : list_json(context, version_key(context, function.name, ""))) {
    json::object shown = shown_configuration(row.at("Shown").as_object());
    shown["FunctionArn"] = function_arn(context, function.name, text(shown, "Version"));
    all.emplace_back(std::move(shown));
  }
  return reply_page(input, "Versions", all);
}

// --- Aliases
// ---------------------------------------------------------------------------------------

std::string alias_key(const Context& context, const std::string& name, std::string_view alias) {
  return qualified_key(context, "alias", name, alias);
}

Result<json::object> load_alias(Context& context, const std::string& name,
                                const std::string& alias) {
  if (auto row = get_json(context, alias_key(context, name, alias))) return *std::move(row);
  return not_found(fmt::format("Cannot find alias arn: {}", function_arn(context, name, alias)));
}

// https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
Result<void> check_routing(Context& context, const std::string& name, const json::object& alias) {
  const std::string version = text(alias, "FunctionVersion");
  KIBAN_TRY_VOID(load_version(context, {.name = name, .qualifier = version}));
  const json::object* routing = find_object(alias, "RoutingConfig");
  const json::object* weights =
      routing ? find_object(*routing, "AdditionalVersionWeights") : nullptr;
  if (!weights || weights->empty()) return {};
  if (weights->size() > 1)
    return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1");
  if (version == latest)
    return invalid("$LATEST is not supported for an alias pointing to more than 1 version");
  const std::string other(weights->begin()->key());
  if (other == latest)
    return invalid("$LATEST is not supported for an alias pointing to more than 1 version");
  if (other == version)
    return invalid(
        fmt::format("Invalid function version {}. Function version {} is already "
                    "included in routing configuration.",
                    other, other));
  KIBAN_TRY_VOID(load_version(context, {.name = name, .qualifier = other}));
  return {};
}

void read_routing(json::object& alias, const json::object& input) {
  const json::object* routing = find_object(input, "RoutingConfig");
  if (!routing) return;
  const json::object* weights = find_object(*routing, "AdditionalVersionWeights");
  if (weights && !weights->empty())
    alias["RoutingConfig"] = *routing;
  else
    alias.erase("RoutingConfig");
}

Result<json::object> create_alias(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  const std::string name = text(input, "Name");
  const std::string key = alias_key(context, function.name, name);
  if (context.get(key))
    return conflict(
        fmt::format("Alias already exists: {}", function_arn(context, function.name, name)));
  json::object alias{{"AliasArn", function_arn(context, function.name, name)},
                     {"Name", name},
                     {"FunctionVersion", input.at("FunctionVersion")},
                     {"Description", text(input, "Description")},
                     {"RevisionId", context.random().uuid()}};
  read_routing(alias, input);
  KIBAN_TRY_VOID(check_routing(context, function.name, alias));
  put_json(context, key, alias);
  return alias;
}

Result<json::object> update_alias(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  KIBAN_TRY(json::object alias, load_alias(context, function.name, text(input, "Name")));
  const std::string revision = text(input, "RevisionId");
  if (!revision.empty() && revision != text(alias, "RevisionId")) return stale_revision();
  for (const char* member : {"FunctionVersion", "Description"})
    if (const json::value* given = find(input, member)) alias[member] = *given;
  read_routing(alias, input);
  KIBAN_TRY_VOID(check_routing(context, function.name, alias));
  alias["RevisionId"] = context.random().uuid();
  put_json(context, alias_key(context, function.name, text(input, "Name")), alias);
  return alias;
}

Result<json::object> get_alias(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  return load_alias(context, function.name, text(input, "Name"));
}

Result<json::object> delete_alias(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  const std::string name = text(input, "Name");
  context.erase(alias_key(context, function.name, name));  // One that is gone is deleted, as AWS.
  for (const char* kind : {"policy", "event-config"})
    context.erase(qualified_key(context, kind, function.name, name));
  return json::object{};
}

Result<json::object> list_aliases(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  const std::string version = text(input, "FunctionVersion");
  json::array all;
  for (json::object& alias : list_json(context, alias_key(context, function.name, ""))) {
    const json::object* routing = find_object(alias, "RoutingConfig");
    const bool routed =
        routing && routing->at("AdditionalVersionWeights").as_object().contains(version);
    if (version.empty() || text(alias, "FunctionVersion") == version || routed)
      all.emplace_back(std::move(alias));
  }
  return reply_page(input, "Aliases", all);
}

// What must be equal for two versions to be the same.
json::object content_of(json::object row) {
  json::object& shown = row["Shown"].as_object();
  for (const char* member : {"FunctionArn", "Version", "LastModified", "RevisionId"})
    shown.erase(member);
  return row;
}

}  // namespace

json::object shown_configuration(json::object kept) {
  kept["State"] = "Active";
  kept["LastUpdateStatus"] = "Successful";
  return kept;
}

Result<json::object> publish(Context& context, const std::string& name, const json::object& input) {
  KIBAN_TRY(json::object owner, load_function(context, {.name = name}));
  KIBAN_TRY(json::object row, load_version(context, {.name = name}));
  json::object& shown = row["Shown"].as_object();
  const std::string sha = text(input, "CodeSha256");
  if (!sha.empty() && sha != text(shown, "CodeSha256"))
    return invalid(
        fmt::format("CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST "
                    "({}). Please try again with the CodeSHA256 in $LATEST.",
                    sha, text(shown, "CodeSha256")));
  const std::string revision = text(input, "RevisionId");
  if (!revision.empty() && revision != text(shown, "RevisionId")) return stale_revision();
  if (const json::value* description = find(input, "Description"))
    if (!description->as_string().empty()) shown["Description"] = *description;
  const std::int64_t last = number(owner, "LastVersion");
  const auto before = get_json(context, version_key(context, name, std::to_string(last)));
  if (before && content_of(*before) == content_of(row)) return before->at("Shown").as_object();
  const std::string version = std::to_string(last + 1);
  shown["Version"] = version;
  shown["FunctionArn"] = function_arn(context, name, version);
  shown["RevisionId"] = context.random().uuid();
  owner["LastVersion"] = last + 1;
  put_json(context, function_key(context, name), owner);
  put_json(context, version_key(context, name, version), row);
  return shown;
}

std::string choose_version(Context& context, const json::object& alias) {
  const json::object* routing = find_object(alias, "RoutingConfig");
  const json::object* weights =
      routing ? find_object(*routing, "AdditionalVersionWeights") : nullptr;
  if (weights && !weights->empty()) {
    const auto& other = *weights->begin();
    if (context.random().unit() < other.value().to_number<double>())
      return std::string(other.key());
  }
  return text(alias, "FunctionVersion");
}

OperationTable version_operations() {
  return {{"CreateAlias", create_alias},
          {"DeleteAlias", delete_alias},
          {"GetAlias", get_alias},
          {"ListAliases", list_aliases},
          {"ListVersionsByFunction", list_versions},
          {"PublishVersion", publish_version},
          {"UpdateAlias", update_alias}};
}

}  // namespace kiban::services::lambda
