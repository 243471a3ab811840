#include "services/lambda/layers.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "services/lambda/code.h"
#include "services/lambda/names.h"
#include "services/lambda/permissions.h"

namespace kiban::services::lambda {
namespace {

std::string layer_key(const Context& context, std::string_view name, std::int64_t version) {
  return region_key(context, fmt::format("layer/{}/{:010}", name, version));
}
std::string layer_prefix(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("layer/{}/", name));
}

std::string layer_arn(const Context& context, std::string_view name) {
  return make_arn(context, "lambda", fmt::format("layer:{}", name));
}

// LayerName is a name or an ARN.
std::string name_of(const json::object& input) {
  const std::string given = text(input, "LayerName");
  const std::size_t at = given.find(":layer:");
  return at == std::string::npos ? given : given.substr(at + 7);
}

// Versions of deleted layers are not used again.
std::string counter_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("layer-count/{}", name));
}

Result<json::object> load_layer(Context& context, const json::object& input) {
  const std::string name = name_of(input);
  const std::int64_t version = number(input, "VersionNumber");
  if (auto row = get_json(context, layer_key(context, name, version))) return *std::move(row);
  return not_found("The resource you requested does not exist.");
}

json::object shown_layer(const json::object& row) {
  json::object shown = row.at("Shown").as_object();
  shown["Content"] = {{"CodeSha256", row.at("Sha256")}, {"CodeSize", row.at("Size")}};
  return shown;
}

Result<json::object> publish_layer(Context& context, const json::object& input) {
  const std::string name = name_of(input);
  KIBAN_TRY(const json::object code, read_code(context, input.at("Content").as_object()));
  const auto kept = context.get(counter_key(context, name));
  const std::int64_t version = (kept ? std::strtoll(kept->c_str(), nullptr, 10) : 0) + 1;
  context.put(counter_key(context, name), std::to_string(version));
  json::object shown{{"LayerArn", layer_arn(context, name)},
                     {"LayerVersionArn", fmt::format("{}:{}", layer_arn(context, name), version)},
                     {"Description", text(input, "Description")},
                     {"CreatedDate", format_modified(context.now())},
                     {"Version", version}};
  for (const char* member : {"CompatibleRuntimes", "LicenseInfo", "CompatibleArchitectures"})
    if (const json::value* given = find(input, member)) shown[member] = *given;
  const json::object row{{"Shown", std::move(shown)},
                         {"Digest", code.at("Digest")},
                         {"Size", code.at("Size")},
                         {"Sha256", code.at("Sha256")}};
  put_json(context, layer_key(context, name, version), row);
  return shown_layer(row);
}

Result<json::object> get_layer(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_layer(context, input));
  return shown_layer(row);
}

Result<json::object> get_layer_by_arn(Context& context, const json::object& input) {
  const auto row = find_layer(context, text(input, "Arn"));
  if (!row) return not_found("The resource you requested does not exist.");
  return shown_layer(*row);
}

// Functions that have the layer keep it: its archive stays.
Result<json::object> delete_layer(Context& context, const json::object& input) {
  context.erase(layer_key(context, name_of(input), number(input, "VersionNumber")));
  return json::object{};
}

bool fits(const json::object& shown, const json::object& input) {
  const auto has = [&](const char* list, const char* member) {
    const json::array* values = find_array(shown, list);
    if (!input.contains(member) || !values) return true;
    for (const json::value& value : *values)
      if (value == input.at(member)) return true;
    return false;
  };
  return has("CompatibleRuntimes", "CompatibleRuntime") &&
         has("CompatibleArchitectures", "CompatibleArchitecture");
}

json::object listed(const json::object& row) {
  json::object shown = row.at("Shown").as_object();
  shown.erase("LayerArn");
  return shown;
}

// Newest first.
Result<json::object> list_layer_versions(Context& context, const json::object& input) {
  json::array all;
  const auto rows = list_json(context, layer_prefix(context, name_of(input)));
  for (auto row = rows.rbegin(); row != rows.rend(); ++row)
    if (fits(row->at("Shown").as_object(), input)) all.push_back(listed(*row));
  return reply_page(input, "LayerVersions", all);
}

Result<json::object> list_layers(Context& context, const json::object& input) {
  std::map<std::string, json::object> newest;
  for (const json::object& row : list_json(context, region_key(context, "layer/"))) {
    const json::object& shown = row.at("Shown").as_object();
    if (fits(shown, input)) newest[text(shown, "LayerArn")] = listed(row);
  }
  json::array all;
  for (auto& [arn, version] : newest)
    all.push_back({{"LayerName", arn.substr(arn.rfind(':') + 1)},
                   {"LayerArn", arn},
                   {"LatestMatchingVersion", std::move(version)}});
  return reply_page(input, "Layers", all);
}

std::string policy_key_of(const Context& context, const json::object& input) {
  return region_key(context, fmt::format("layer-policy/{}/{:010}", name_of(input),
                                         number(input, "VersionNumber")));
}

Result<json::object> add_permission(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_layer(context, input));
  return add_statement(context, policy_key_of(context, input),
                       text(row.at("Shown").as_object(), "LayerVersionArn"), input);
}

Result<json::object> remove_permission(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_layer(context, input));
  return remove_statement(context, policy_key_of(context, input), input);
}

Result<json::object> get_layer_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_layer(context, input));
  const auto policy = get_json(context, policy_key_of(context, input));
  if (!policy) return not_found("No policy is associated with the given resource.");
  return json::object{{"Policy", print_json(policy->at("Policy"))},
                      {"RevisionId", policy->at("RevisionId")}};
}

}  // namespace

std::optional<json::object> find_layer(const Context& context, std::string_view version_arn) {
  const auto arn = parse_arn(version_arn);
  constexpr std::string_view mark = "layer:";
  if (!arn || arn->region != context.caller().region || arn->account != context.caller().account ||
      !arn->resource.starts_with(mark))
    return std::nullopt;
  const std::string rest = arn->resource.substr(mark.size());
  const std::size_t colon = rest.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::int64_t version = std::strtoll(rest.c_str() + colon + 1, nullptr, 10);
  return get_json(context, layer_key(context, rest.substr(0, colon), version));
}

OperationTable layer_operations() {
  return {{"AddLayerVersionPermission", add_permission},
          {"DeleteLayerVersion", delete_layer},
          {"GetLayerVersion", get_layer},
          {"GetLayerVersionByArn", get_layer_by_arn},
          {"GetLayerVersionPolicy", get_layer_policy},
          {"ListLayerVersions", list_layer_versions},
          {"ListLayers", list_layers},
          {"PublishLayerVersion", publish_layer},
          {"RemoveLayerVersionPermission", remove_permission}};
}

}  // namespace kiban::services::lambda
