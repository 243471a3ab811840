// AWS::Serverless::StateMachine and AWS::Serverless::LayerVersion.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-statemachine.html
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-layerversion.html
#include <fmt/format.h>

#include <algorithm>

#include "cfn/sam/parts.h"
#include "core/letters.h"

namespace kiban::cfn::sam {
namespace {

constexpr std::string_view machine_type = "AWS::Serverless::StateMachine";
constexpr std::string_view layer_type = "AWS::Serverless::LayerVersion";
constexpr std::size_t definition_depth_max = 200;  // Our own bound.

bool is_dynamic(const json::value& value) {
  if (is_intrinsic(value)) return true;
  if (!value.is_string()) return false;
  const std::string_view text = value.get_string();
  return text.starts_with("{{resolve:") && text.ends_with("}}");
}

// Functions in a definition become substitutions, in the order of the sorted keys.
void take_out(json::value& value, json::object& substitutions, std::size_t depth) {
  if (depth > definition_depth_max) return;
  const auto replace = [&](json::value& one) {
    if (!is_dynamic(one)) return take_out(one, substitutions, depth + 1);
    const std::string name = fmt::format("definition_substitution_{}", substitutions.size() + 1);
    substitutions[name] = std::move(one);
    one = json::string("${" + name + "}");
  };
  if (value.is_array())
    for (json::value& one : value.get_array()) replace(one);
  if (!value.is_object()) return;
  std::vector<std::string> keys;
  for (const auto& member : value.get_object()) keys.emplace_back(member.key());
  std::ranges::sort(keys);
  for (const std::string& key : keys) replace(value.get_object()[key]);
}

class StateMachine {
 public:
  StateMachine(Scope& scope, std::string id, const json::object& resource, json::object properties)
      : scope_(scope), id_(std::move(id)), resource_(resource), given_(std::move(properties)) {}

  Result<void> add() {
    KIBAN_TRY_VOID(define());
    KIBAN_TRY_VOID(add_role());
    const auto copy_as = [&](std::string_view as, std::string_view member) {
      if (const json::value* value = at(member)) made_[as] = *value;
    };
    copy_as("StateMachineName", "Name");
    copy_as("StateMachineType", "Type");
    copy_as("LoggingConfiguration", "Logging");
    copy_as("TracingConfiguration", "Tracing");
    made_["Tags"] = tag_list_with("stateMachine:createdBy", tags());
    scope_.made.push_back({.id = id_,
                           .body = body("AWS::StepFunctions::StateMachine", std::move(made_),
                                        own_attributes(resource_))});
    KIBAN_TRY_VOID(add_alias());
    KIBAN_TRY_VOID(add_events());
    if (is_set(at("PropagateTags")) && tags() && !tags()->empty()) propagate_tags();
    return {};
  }

 private:
  const json::value* at(std::string_view name) const { return find(given_, name); }
  const json::object* tags() const { return find_object(given_, "Tags"); }

  Result<void> define() {
    const json::value* uri = at("DefinitionUri");
    if (is_set(at("Definition")) && is_set(uri))
      return invalid(id_, "Specify either 'Definition' or 'DefinitionUri' property and not both.");
    json::object substitutions;
    if (is_set(at("Definition"))) {
      json::value definition = *at("Definition");
      take_out(definition, substitutions, 0);
      json::array lines;
      for (const std::string& line : pretty_lines(definition)) lines.push_back(json::string(line));
      made_["DefinitionString"] = json::object{{"Fn::Join", json::array{"\n", std::move(lines)}}};
    } else if (is_set(uri)) {
      if (uri->is_object() &&
          (!uri->get_object().contains("Bucket") || !uri->get_object().contains("Key")))
        return invalid(id_, "'DefinitionUri' requires Bucket and Key properties to be specified.");
      KIBAN_TRY(json::object place, s3_location(id_, "DefinitionUri", *uri));
      place.erase("StorageMode");
      made_["DefinitionS3Location"] = std::move(place);
    } else {
      return invalid(id_, "Either 'Definition' or 'DefinitionUri' property must be specified.");
    }
    const json::object* own = find_object(given_, "DefinitionSubstitutions");
    json::object all = own ? *own : json::object{};
    for (const auto& one : substitutions) all[one.key()] = one.value();
    if (!all.empty()) made_["DefinitionSubstitutions"] = std::move(all);
    return {};
  }

  Result<void> add_role() {
    if (is_set(at("Role"))) {
      if (is_set(at("Policies")))
        return invalid(id_, "Specify either 'Role' or 'Policies' property and not both.");
      made_["RoleArn"] = *at("Role");
      return {};
    }
    json::array entries;
    if (const json::value* given = at("Policies"))
      entries = given->is_array() ? given->get_array() : json::array{*given};
    const json::object* tracing = find_object(given_, "Tracing");
    if (tracing && flag(*tracing, "Enabled")) entries.push_back("AWSXrayWriteOnlyAccess");
    Policies policies;
    const json::value all(std::move(entries));
    KIBAN_TRY_VOID(add_policies(id_, &all, id_ + "RolePolicy", policies));
    json::object role{{"AssumeRolePolicyDocument", trust_of("states.amazonaws.com")},
                      {"ManagedPolicyArns", std::move(policies.managed)},
                      {"Tags", tag_list_with("stateMachine:createdBy", tags())}};
    if (!policies.documents.empty()) role["Policies"] = std::move(policies.documents);
    if (const json::value* path = at("RolePath")) role["Path"] = *path;
    copy_members(role, given_, {"PermissionsBoundary"});
    scope_.made.push_back({.id = id_ + "Role",
                           .body = body("AWS::IAM::Role", std::move(role), passed_on(resource_))});
    made_["RoleArn"] = attribute(id_ + "Role", "Arn");
    return {};
  }

  Result<void> add_alias() {
    if (!is_set(at("AutoPublishAlias"))) {
      if (is_set(at("UseAliasAsEventTarget")))
        return invalid(id_,
                       "'UseAliasAsEventTarget' requires 'AutoPublishAlias' property to be "
                       "specified.");
      if (is_set(at("DeploymentPreference")))
        return invalid(id_,
                       "'DeploymentPreference' requires 'AutoPublishAlias' property to be "
                       "specified.");
      return {};
    }
    if (!at("AutoPublishAlias")->is_string())
      return invalid(id_, "'AutoPublishAlias' must be a string");
    json::object attributes = passed_on(resource_);
    for (const char* name : {"DeletionPolicy", "UpdateReplacePolicy"})
      if (!attributes.contains(name)) attributes[name] = "Retain";
    const std::string version = id_ + "Version";
    scope_.made.push_back(
        {.id = version,
         .body = body("AWS::StepFunctions::StateMachineVersion",
                      {{"StateMachineArn", reference(id_)},
                       {"StateMachineRevisionId", attribute(id_, "StateMachineRevisionId")}},
                      attributes)});
    alias_ = id_ + "Alias" + text(given_, "AutoPublishAlias");
    const json::object* given = find_object(given_, "DeploymentPreference");
    json::object preference =
        given && !given->empty() ? *given : json::object{{"Type", "ALL_AT_ONCE"}};
    preference["StateMachineVersionArn"] = reference(version);
    scope_.made.push_back({.id = alias_,
                           .body = body("AWS::StepFunctions::StateMachineAlias",
                                        {{"Name", *at("AutoPublishAlias")},
                                         {"DeploymentPreference", std::move(preference)}},
                                        passed_on(resource_))});
    return {};
  }

  Result<void> add_events() {
    if (!is_set(at("Events"))) return {};
    const json::object* events = find_object(given_, "Events");
    if (!events) return invalid(id_, "Property 'Events' should be a map.");
    const bool by_alias = is_set(at("UseAliasAsEventTarget"));
    Target target{
        .id = id_, .arn = reference(by_alias ? alias_ : id_), .attributes = passed_on(resource_)};
    if (const json::value* boundary = at("PermissionsBoundary"))
      target.permissions_boundary = *boundary;
    for (const auto& event : *events)
      KIBAN_TRY_VOID(add_event(scope_, target, event.key(), event.value(), nullptr));
    return {};
  }

  void propagate_tags() {
    constexpr std::string_view tagged[] = {"AWS::StepFunctions::StateMachine", "AWS::IAM::Role",
                                           "AWS::SQS::Queue"};
    tag_made(scope_, first_, tagged, tag_list(tags()));
  }

  Scope& scope_;
  std::string id_;
  const json::object& resource_;
  json::object given_;
  std::size_t first_{scope_.made.size()};
  json::object made_{};
  std::string alias_{};
};

// A layer's DeletionPolicy: Retain unless RetentionPolicy or the resource says otherwise.
Result<json::object> layer_attributes(const std::string& id, const json::object& resource,
                                      const json::object& properties) {
  json::object attributes = passed_on(resource);
  copy_members(attributes, resource, {"DependsOn"});
  if (!attributes.contains("DeletionPolicy")) attributes["DeletionPolicy"] = "Retain";
  const json::value* retention = find(properties, "RetentionPolicy");
  if (!retention) return attributes;
  const std::string wanted = retention->is_string() ? to_string(retention->get_string()) : "";
  for (const char* option : {"Retain", "Delete"}) {
    if (lower_case(wanted) != lower_case(option)) continue;
    attributes["DeletionPolicy"] = option;
    return attributes;
  }
  return invalid(id,
                 "'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].");
}

}  // namespace

Result<void> add_state_machine(Scope& scope, const std::string& id, const json::object& resource) {
  const json::object* given = find_object(resource, "Properties");
  json::object properties = given ? *given : json::object{};
  KIBAN_TRY_VOID(
      check_members(id, machine_type, properties,
                    {"Definition", "DefinitionUri", "Logging", "Role", "RolePath",
                     "DefinitionSubstitutions", "Events", "Name", "Type", "Tags", "PropagateTags",
                     "Policies", "Tracing", "PermissionsBoundary", "AutoPublishAlias",
                     "DeploymentPreference", "UseAliasAsEventTarget"}));
  return StateMachine(scope, id, resource, std::move(properties)).add();
}

// Each version of a layer is a resource of its own, whose logical id has a hash of what it is.
Result<void> add_layer_version(Scope& scope, const std::string& id, const json::object& resource) {
  const json::object* given = find_object(resource, "Properties");
  json::object properties = given ? *given : json::object{};
  KIBAN_TRY_VOID(check_members(
      id, layer_type, properties,
      {"LayerName", "Description", "PublishLambdaVersion", "ContentUri", "CompatibleArchitectures",
       "CompatibleRuntimes", "LicenseInfo", "RetentionPolicy"}));
  if (!properties.contains("ContentUri"))
    return invalid(id, "Missing required property 'ContentUri'.");
  for (const char* name : {"LayerName", "LicenseInfo", "Description", "RetentionPolicy"})
    if (json::value* value = properties.if_contains(name))
      *value = resolved(std::move(*value), scope.values);
  KIBAN_TRY(const json::object attributes, layer_attributes(id, resource, properties));
  json::object hashed{{"Type", layer_type}, {"Properties", properties}};
  copy_members(hashed, resource, {"DependsOn", "UpdatePolicy", "Condition"});
  const std::string made_id = id + hash_of(json::object{{id, std::move(hashed)}});
  KIBAN_TRY(const json::object place,
            s3_location(made_id, "ContentUri", properties.at("ContentUri")));
  json::object content{{"S3Bucket", place.at("Bucket")}, {"S3Key", place.at("Key")}};
  if (place.contains("Version")) content["S3ObjectVersion"] = place.at("Version");
  if (place.contains("StorageMode")) content["S3ObjectStorageMode"] = place.at("StorageMode");
  json::object made{{"Content", std::move(content)}};
  made["LayerName"] =
      is_set(find(properties, "LayerName")) ? properties.at("LayerName") : json::value(id);
  copy_members(made, properties,
               {"Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo"});
  scope.made.push_back(
      {.id = made_id, .body = body("AWS::Lambda::LayerVersion", std::move(made), attributes)});
  scope.ids[id] = made_id;
  return {};
}

}  // namespace kiban::cfn::sam
