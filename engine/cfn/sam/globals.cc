// The section Globals.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
#include <fmt/format.h>

#include <algorithm>

#include "cfn/sam/parts.h"

namespace kiban::cfn::sam {
namespace {

struct Section {
  std::string_view name{};
  std::vector<std::string_view> properties{};  // Empty: any, of a type that is not served.
};

const std::vector<Section>& sections() {
  static const auto* const all =
      new std::vector<Section>{{"Function",
                                {"Architectures",
                                 "AssumeRolePolicyDocument",
                                 "AutoPublishAlias",
                                 "AutoPublishAliasAllProperties",
                                 "CapacityProviderConfig",
                                 "CodeSigningConfigArn",
                                 "CodeUri",
                                 "DeadLetterQueue",
                                 "DeploymentPreference",
                                 "Description",
                                 "DurableConfig",
                                 "Environment",
                                 "EphemeralStorage",
                                 "EventInvokeConfig",
                                 "FileSystemConfigs",
                                 "FunctionScalingConfig",
                                 "FunctionUrlConfig",
                                 "Handler",
                                 "KmsKeyArn",
                                 "Layers",
                                 "LoggingConfig",
                                 "MemorySize",
                                 "PermissionsBoundary",
                                 "PropagateTags",
                                 "ProvisionedConcurrencyConfig",
                                 "PublishToLatestPublished",
                                 "RecursiveLoop",
                                 "ReservedConcurrentExecutions",
                                 "RolePath",
                                 "Runtime",
                                 "RuntimeManagementConfig",
                                 "SnapStart",
                                 "SourceKMSKeyArn",
                                 "Tags",
                                 "TenancyConfig",
                                 "Timeout",
                                 "Tracing",
                                 "VersionDeletionPolicy",
                                 "VpcConfig"}},
                               {"StateMachine", {"PropagateTags"}},
                               {"LayerVersion", {"PublishLambdaVersion"}},
                               {"Api", {}},
                               {"HttpApi", {}},
                               {"WebSocketApi", {}},
                               {"SimpleTable", {}}};
  return *all;
}

std::unexpected<Error> wrong(const std::string& why) {
  return fail("ValidationError", "'Globals' section is invalid. " + why);
}

Result<void> check(const json::object& globals) {
  for (const auto& entry : globals) {
    const auto found = std::ranges::find(sections(), std::string_view(entry.key()), &Section::name);
    if (found == sections().end())
      return wrong(fmt::format("'{}' is not supported.", std::string_view(entry.key())));
    if (!entry.value().is_object())
      return wrong(fmt::format("Value of {} must be a dictionary", found->name));
    if (found->properties.empty()) continue;
    for (const auto& property : entry.value().get_object()) {
      const std::string_view name = property.key();
      if (std::ranges::find(found->properties, name) == found->properties.end())
        return wrong(fmt::format("'{}' is not a supported property of '{}'.", name, found->name));
    }
  }
  return {};
}

// The resource's own value wins; objects are merged, lists joined.
json::value merged(const json::value& global, const json::value& own) {
  if (global.is_object() && own.is_object() && !is_intrinsic(global) && !is_intrinsic(own)) {
    json::object out = global.get_object();
    for (const auto& member : own.get_object()) {
      json::value& there = out[member.key()];
      there = there.is_null() ? member.value() : merged(there, member.value());
    }
    return out;
  }
  if (global.is_array() && own.is_array()) {
    json::array out = global.get_array();
    for (const json::value& one : own.get_array()) out.push_back(one);
    return out;
  }
  return own;
}

// Those that the resource does not ignore.
Result<json::object> wanted(const std::string& id, json::object globals,
                            const json::value* ignored) {
  if (!ignored) return globals;
  if (*ignored == "*") return json::object{};
  const auto refused = [&] {
    return invalid(id,
                   fmt::format("Resource {} has invalid resource attribute 'IgnoreGlobals'.", id));
  };
  if (!ignored->is_array()) return refused();
  for (const json::value& name : ignored->get_array()) {
    if (!name.is_string() || !globals.contains(name.get_string())) return refused();
    globals.erase(name.get_string());
  }
  return globals;
}

}  // namespace

Result<void> merge_globals(json::object& tree) {
  const json::value* section = find(tree, "Globals");
  if (!section) return {};
  if (!section->is_object()) return wrong("It must be a non-empty dictionary");
  const json::object globals = section->get_object();
  KIBAN_TRY_VOID(check(globals));
  tree.erase("Globals");
  for (auto& entry : tree["Resources"].as_object()) {
    if (!entry.value().is_object()) continue;
    json::object& resource = entry.value().get_object();
    const std::string type = text(resource, "Type");
    constexpr std::string_view prefix = "AWS::Serverless::";
    const json::object* of_type =
        type.starts_with(prefix) ? find_object(globals, type.substr(prefix.size())) : nullptr;
    if (!of_type) continue;
    KIBAN_TRY(json::object values, wanted(entry.key(), *of_type, find(resource, "IgnoreGlobals")));
    const json::object* own = find_object(resource, "Properties");
    json::object properties = own ? *own : json::object{};
    const json::value architectures =
        properties.contains("Architectures") ? properties.at("Architectures") : json::value();
    json::value all = merged(json::value(std::move(values)), json::value(std::move(properties)));
    if (!architectures.is_null()) all.get_object()["Architectures"] = architectures;
    resource["Properties"] = std::move(all);
  }
  return {};
}

}  // namespace kiban::cfn::sam
