// AWS::Serverless::Function.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
#include <fmt/format.h>

#include <algorithm>

#include "cfn/sam/parts.h"

namespace kiban::cfn::sam {
namespace {

constexpr std::string_view type = "AWS::Serverless::Function";

Result<void> check(const std::string& id, const json::object& properties) {
  KIBAN_TRY_VOID(check_maps(id, properties,
                            {"DeadLetterQueue", "AssumeRolePolicyDocument", "Environment", "Events",
                             "Tags", "EventInvokeConfig", "SnapStart", "FunctionUrlConfig"}));
  return check_members(id, type, properties,
                       {"FunctionName",
                        "Handler",
                        "Runtime",
                        "CodeUri",
                        "ImageUri",
                        "PackageType",
                        "InlineCode",
                        "DeadLetterQueue",
                        "Description",
                        "MemorySize",
                        "Timeout",
                        "VpcConfig",
                        "Role",
                        "AssumeRolePolicyDocument",
                        "Policies",
                        "RolePath",
                        "PermissionsBoundary",
                        "Environment",
                        "Events",
                        "Tags",
                        "PropagateTags",
                        "Tracing",
                        "KmsKeyArn",
                        "ReservedConcurrentExecutions",
                        "Layers",
                        "EventInvokeConfig",
                        "EphemeralStorage",
                        "AutoPublishAlias",
                        "AutoPublishCodeSha256",
                        "AutoPublishAliasAllProperties",
                        "VersionDescription",
                        "ProvisionedConcurrencyConfig",
                        "FileSystemConfigs",
                        "ImageConfig",
                        "CodeSigningConfigArn",
                        "Architectures",
                        "SnapStart",
                        "FunctionUrlConfig",
                        "RuntimeManagementConfig",
                        "LoggingConfig",
                        "RecursiveLoop",
                        "SourceKMSKeyArn",
                        "VersionDeletionPolicy"},
                       {"DeploymentPreference", "CapacityProviderConfig", "FunctionScalingConfig",
                        "PublishToLatestPublished", "TenancyConfig", "DurableConfig"});
}

Result<json::object> code_of(const std::string& id, const json::object& properties) {
  const std::string package = text(properties, "PackageType", "Zip");
  if (package != "Zip" && package != "Image")
    return invalid(id, fmt::format("invalid 'PackageType' : {}", package));
  json::object code;
  if (package == "Image") {
    if (!is_set(find(properties, "ImageUri"))) return invalid(id, "'ImageUri' must be set.");
    if (properties.contains("Runtime") || properties.contains("Handler") ||
        properties.contains("Layers"))
      return invalid(id,
                     "Runtime, Handler, Layers cannot be present when PackageType is of type "
                     "`Image`");
    return json::object{{"ImageUri", properties.at("ImageUri")}};
  }
  if (!is_set(find(properties, "Runtime")) || !is_set(find(properties, "Handler")))
    return invalid(id, "Runtime and Handler needs to be present when PackageType is of type `Zip`");
  if (properties.contains("ImageConfig"))
    return invalid(id,
                   "ImageUri or ImageConfig cannot be present when PackageType is of type `Zip`");
  if (const json::value* inline_code = find(properties, "InlineCode")) {
    code["ZipFile"] = *inline_code;
  } else if (const json::value* uri = find(properties, "CodeUri")) {
    KIBAN_TRY(const json::object place, s3_location(id, "CodeUri", *uri));
    code = {{"S3Bucket", place.at("Bucket")}, {"S3Key", place.at("Key")}};
    if (place.contains("Version")) code["S3ObjectVersion"] = place.at("Version");
    if (place.contains("StorageMode")) code["S3ObjectStorageMode"] = place.at("StorageMode");
  } else {
    return invalid(id, "Only one of 'InlineCode' or 'CodeUri' can be set.");
  }
  if (is_set(find(properties, "SourceKMSKeyArn")))
    code["SourceKMSKeyArn"] = properties.at("SourceKMSKeyArn");
  return code;
}

class Function {
 public:
  Function(Scope& scope, std::string id, const json::object& resource, json::object properties)
      : scope_(scope), id_(std::move(id)), resource_(resource), given_(std::move(properties)) {}

  Result<void> add() {
    KIBAN_TRY_VOID(construct());
    KIBAN_TRY_VOID(add_alias());
    KIBAN_TRY_VOID(add_url());
    json::array destination_policies;
    KIBAN_TRY_VOID(add_invoke_config(destination_policies));
    KIBAN_TRY(json::object role, role_of(std::move(destination_policies)));
    json::object role_attributes = passed_on(resource_);
    KIBAN_TRY(const bool made, use_role(role_attributes));
    KIBAN_TRY_VOID(add_events(role));
    if (made)
      scope_.made.push_back(
          {.id = id_ + "Role", .body = body("AWS::IAM::Role", std::move(role), role_attributes)});
    scope_.made.insert(
        scope_.made.begin() + static_cast<std::ptrdiff_t>(first_),
        {.id = id_,
         .body = body("AWS::Lambda::Function", std::move(made_), own_attributes(resource_))});
    if (is_set(find(given_, "PropagateTags")) && tags()) propagate_tags();
    return {};
  }

 private:
  const json::value* at(std::string_view name) const { return find(given_, name); }
  const json::object* tags() const { return find_object(given_, "Tags"); }
  json::value arn() const { return alias_.empty() ? attribute(id_, "Arn") : reference(alias_); }
  json::value name() const { return reference(alias_.empty() ? id_ : alias_); }
  void make(const std::string& id, std::string_view made_type, json::object properties,
            const json::object& attributes) {
    scope_.made.push_back({.id = id, .body = body(made_type, std::move(properties), attributes)});
  }
  bool traces() const {
    const json::value* tracing = at("Tracing");
    return is_set(tracing) && resolved(*tracing, scope_.values) != "Disabled";
  }

  Result<void> construct() {
    copy_members(made_, given_,
                 {"FunctionName",
                  "Handler",
                  "Runtime",
                  "Description",
                  "MemorySize",
                  "Timeout",
                  "VpcConfig",
                  "Role",
                  "Environment",
                  "KmsKeyArn",
                  "ReservedConcurrentExecutions",
                  "Layers",
                  "FileSystemConfigs",
                  "ImageConfig",
                  "PackageType",
                  "Architectures",
                  "SnapStart",
                  "EphemeralStorage",
                  "CodeSigningConfigArn",
                  "RuntimeManagementConfig",
                  "LoggingConfig",
                  "RecursiveLoop"});
    KIBAN_TRY(made_["Code"], code_of(id_, given_));
    made_["Tags"] = tag_list_with("lambda:createdBy", tags());
    if (traces()) made_["TracingConfig"] = json::object{{"Mode", *at("Tracing")}};
    if (!is_set(at("DeadLetterQueue"))) return {};
    const json::object* queue = find_object(given_, "DeadLetterQueue");
    if (!queue || !is_set(find(*queue, "Type")) || !is_set(find(*queue, "TargetArn")))
      return invalid(id_,
                     "'DeadLetterQueue' requires Type and TargetArn properties to be "
                     "specified.");
    const std::string kind = text(*queue, "Type");
    if (kind != "SQS" && kind != "SNS")
      return invalid(id_, "'DeadLetterQueue' requires Type of ['SQS', 'SNS']");
    made_["DeadLetterConfig"] = json::object{{"TargetArn", queue->at("TargetArn")}};
    return {};
  }

  // AutoPublishAlias: a version whose logical id changes with the code, and an alias of it.
  Result<void> add_alias() {
    const json::value* given = at("AutoPublishAlias");
    if (!is_set(given)) {
      if (is_set(at("ProvisionedConcurrencyConfig")))
        return invalid(id_,
                       "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined "
                       "on the function");
      if (at("VersionDeletionPolicy"))
        return invalid(id_, "'VersionDeletionPolicy' requires 'AutoPublishAlias'.");
      return {};
    }
    const json::value alias = resolved(*given, scope_.values);
    if (!alias.is_string())
      return invalid(id_, "'AutoPublishAlias' must be a string or a Ref to a template parameter");
    alias_name_ = to_string(alias.get_string());
    const bool digits =
        std::ranges::all_of(alias_name_, [](char c) { return c >= '0' && c <= '9'; });
    const bool good = !digits && std::ranges::all_of(alias_name_, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    });
    if (!good)
      return invalid(id_, fmt::format("AutoPublishAlias name ('{}') must contain only alphanumeric "
                                      "characters, hyphens, or underscores matching "
                                      "(?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.",
                                      alias_name_));
    KIBAN_TRY(const std::string hash, code_hash());
    const std::string version = id_ + "Version" + hash;
    json::object attributes = passed_on(resource_);
    const json::value* policy_given = at("VersionDeletionPolicy");
    if (!attributes.contains("DeletionPolicy"))
      attributes["DeletionPolicy"] = policy_given ? *policy_given : json::value("Retain");
    json::object version_properties{{"FunctionName", reference(id_)}};
    if (const json::value* text = at("VersionDescription"))
      version_properties["Description"] = *text;
    make(version, "AWS::Lambda::Version", std::move(version_properties), attributes);
    std::string suffix;
    for (const char c : alias_name_) suffix += c == '-' ? 'D' : c == '_' ? 'U' : c;
    alias_ = id_ + "Alias" + suffix;
    json::object alias_properties{{"Name", alias_name_},
                                  {"FunctionName", reference(id_)},
                                  {"FunctionVersion", attribute(version, "Version")}};
    if (is_set(at("ProvisionedConcurrencyConfig")))
      alias_properties["ProvisionedConcurrencyConfig"] = *at("ProvisionedConcurrencyConfig");
    make(alias_, "AWS::Lambda::Alias", std::move(alias_properties), passed_on(resource_));
    scope_.properties[id_ + ".Alias"] = alias_;
    scope_.properties[id_ + ".Version"] = version;
    return {};
  }

  // Ten digits of AutoPublishCodeSha256, which also goes into the description, or else a hash of
  // the code, the environment and so on.
  Result<std::string> code_hash() {
    // The translator leaves the code with the parameters' values.
    made_["Code"] = resolved(made_.at("Code"), scope_.values);
    if (is_set(at("AutoPublishCodeSha256"))) {
      const json::value sha = resolved(*at("AutoPublishCodeSha256"), scope_.values);
      if (!sha.is_string()) return invalid(id_, "AutoPublishCodeSha256 must be a string");
      const json::value description =
          at("Description") ? resolved(*at("Description"), scope_.values) : json::value();
      if (!is_set(&description)) {
        made_["Description"] = sha;
      } else if (description.is_string()) {
        made_["Description"] = fmt::format("{} {}", std::string_view(description.get_string()),
                                           std::string_view(sha.get_string()));
      } else {
        made_["Description"] =
            json::object{{"Fn::Join", json::array{" ", json::array{description, sha}}}};
      }
      return to_string(sha.get_string()).substr(0, 10);
    }
    if (is_set(at("AutoPublishAliasAllProperties")))
      return invalid(id_, "kiban does not honour the property AutoPublishAliasAllProperties of " +
                              std::string(type));
    json::object hashed = made_.at("Code").as_object();
    if (const json::object* environment = find_object(made_, "Environment"))
      for (const auto& one : *environment) hashed[one.key()] = one.value();
    if (is_set(find(made_, "MemorySize"))) hashed["MemorySize"] = made_.at("MemorySize");
    const json::object* snap = find_object(made_, "SnapStart");
    if (snap && text(*snap, "ApplyOn", "None") != "None") hashed["SnapStart"] = *snap;
    return hash_of(hashed);
  }

  Result<void> add_url() {
    const json::object* config = find_object(given_, "FunctionUrlConfig");
    if (!config || config->empty()) return {};
    const json::value* auth = find(*config, "AuthType");
    const bool known = auth && (*auth == "NONE" || *auth == "AWS_IAM" || is_intrinsic(*auth));
    if (!known && !is_intrinsic(*config))
      return invalid(id_,
                     "AuthType is required to configure function property "
                     "`FunctionUrlConfig`. Please provide either AWS_IAM or NONE.");
    json::object url{{"TargetFunctionArn", name()}};
    copy_members(url, *config, {"AuthType", "InvokeMode"});
    if (is_set(find(*config, "Cors"))) url["Cors"] = config->at("Cors");
    const json::object attributes = passed_on(resource_);
    make(id_ + "Url", "AWS::Lambda::Url", std::move(url), attributes);
    if (!auth || *auth != "NONE") return {};
    make(id_ + "UrlPublicPermissions", "AWS::Lambda::Permission",
         {{"Action", "lambda:InvokeFunctionUrl"},
          {"FunctionName", name()},
          {"Principal", "*"},
          {"FunctionUrlAuthType", *auth}},
         attributes);
    make(id_ + "URLInvokeAllowPublicAccess", "AWS::Lambda::Permission",
         {{"Action", "lambda:InvokeFunction"},
          {"FunctionName", name()},
          {"Principal", "*"},
          {"InvokedViaFunctionUrl", true}},
         attributes);
    return {};
  }

  // A destination of asynchronous invocations; without an ARN a queue or a topic is made.
  Result<json::value> destination(const json::object& config, const std::string& id,
                                  json::array& policies) {
    const std::string kind = text(config, "Type");
    const std::pair<std::string_view, std::pair<std::string_view, std::string_view>> kinds[] = {
        {"SQS", {"SQSPolicy", "sqs:SendMessage"}},
        {"SNS", {"SNSPolicy", "sns:publish"}},
        {"EventBridge", {"EventBridgePolicy", "events:PutEvents"}},
        {"Lambda", {"LambdaPolicy", "lambda:InvokeFunction"}}};
    const auto found = std::ranges::find(kinds, kind, [](const auto& one) { return one.first; });
    if (found == std::end(kinds))
      return invalid(id_, fmt::format("'Type: {}' must be one of ['SQS', 'SNS', 'EventBridge', "
                                      "'Lambda', 'S3Bucket']",
                                      kind));
    const json::value* given = find(config, "Destination");
    if (given && if_parts(*given))
      return invalid(id_, "kiban does not honour Fn::If in a Destination of EventInvokeConfig");
    json::value arn = given ? *given : json::value();
    if (!given) {
      if (kind != "SQS" && kind != "SNS")
        return invalid(id_, "Destination is required if Type is not ['SQS', 'SNS']");
      const std::string made = id + (kind == "SQS" ? "Queue" : "Topic");
      make(made, kind == "SQS" ? "AWS::SQS::Queue" : "AWS::SNS::Topic", {}, passed_on(resource_));
      arn = kind == "SQS" ? attribute(made, "Arn") : reference(made);
      scope_.properties[id_ + (kind == "SQS" ? ".DestinationQueue" : ".DestinationTopic")] = made;
    }
    policies.push_back(
        policy(id + std::string(found->second.first), json::string(found->second.second), arn));
    return arn;
  }

  Result<void> add_invoke_config(json::array& policies) {
    const json::object* given = find_object(given_, "EventInvokeConfig");
    if (!given || given->empty()) return {};
    const json::value whole = resolved(*given, scope_.values);
    const json::object& config = whole.get_object();
    const std::string id = id_ + "EventInvokeConfig";
    json::object destinations;
    const json::object* wanted = find_object(config, "DestinationConfig");
    for (const char* name : {"OnSuccess", "OnFailure"}) {
      const json::value* one = wanted ? find(*wanted, name) : nullptr;
      if (!one) continue;
      if (!one->is_object())
        return invalid(id_,
                       fmt::format("EventInvokeConfig.DestinationConfig.{} must be a map.", name));
      KIBAN_TRY(json::value arn, destination(one->get_object(), id + name, policies));
      destinations[name] = json::object{{"Destination", std::move(arn)}};
    }
    json::object properties{{"FunctionName", reference(id_)},
                            {"Qualifier", alias_name_.empty() ? "$LATEST" : alias_name_},
                            {"DestinationConfig", std::move(destinations)}};
    copy_members(properties, config, {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"});
    json::object attributes = own_attributes(resource_);
    attributes.erase("DependsOn");
    if (!alias_.empty()) attributes["DependsOn"] = json::array{alias_};
    make(id, "AWS::Lambda::EventInvokeConfig", std::move(properties), attributes);
    return {};
  }

  Result<json::object> role_of(json::array destination_policies) {
    Policies policies;
    const auto manage = [&](std::string_view policy_name) {
      policies.managed.push_back(json::string(managed_policy_arn(policy_name)));
    };
    manage("AWSLambdaBasicExecutionRole");
    if (traces()) manage("AWSXrayWriteOnlyAccess");
    if (is_set(at("VpcConfig"))) manage("AWSLambdaVPCAccessExecutionRole");
    if (const json::object* queue = find_object(given_, "DeadLetterQueue");
        is_set(at("DeadLetterQueue"))) {
      json::object document{
          {"Version", "2012-10-17"},
          {"Statement",
           json::array{json::object{
               {"Action", text(*queue, "Type") == "SQS" ? "sqs:SendMessage" : "sns:Publish"},
               {"Resource", queue->at("TargetArn")},
               {"Effect", "Allow"}}}}};
      policies.documents.push_back(json::object{{"PolicyName", "DeadLetterQueuePolicy"},
                                                {"PolicyDocument", std::move(document)}});
    }
    for (json::value& one : destination_policies) policies.documents.push_back(std::move(one));
    KIBAN_TRY_VOID(add_policies(id_, at("Policies"), id_ + "RolePolicy", policies));
    json::object role;
    const json::value* trust = at("AssumeRolePolicyDocument");
    role["AssumeRolePolicyDocument"] = trust ? *trust : trust_of("lambda.amazonaws.com");
    role["ManagedPolicyArns"] = std::move(policies.managed);
    if (!policies.documents.empty()) role["Policies"] = std::move(policies.documents);
    if (const json::value* path = at("RolePath")) role["Path"] = *path;
    copy_members(role, given_, {"PermissionsBoundary"});
    role["Tags"] = tag_list_with("lambda:createdBy", tags());
    return role;
  }

  // Whether the function's own role is made; where Role is an Fn::If, in one of its branches.
  Result<bool> use_role(json::object& role_attributes) {
    const json::value arn = attribute(id_ + "Role", "Arn");
    if (!is_set(at("Role"))) {
      made_["Role"] = arn;
      return true;
    }
    const json::value* given = at("Role");
    const json::array* parts = if_parts(*given);
    if (!parts) return false;
    const bool first = is_no_value((*parts)[1]);
    const bool second = is_no_value((*parts)[2]);
    if (!first && !second) return false;
    const std::string condition(parts->at(0).as_string());
    if (first && second) {
      made_["Role"] = arn;
    } else if (first) {
      made_["Role"] = json::object{{"Fn::If", json::array{condition, arn, (*parts)[2]}}};
      role_attributes["Condition"] = condition;
    } else {
      made_["Role"] = json::object{{"Fn::If", json::array{condition, (*parts)[1], arn}}};
      role_attributes["Condition"] = "NOT" + condition;
      scope_.conditions["NOT" + condition] =
          json::object{{"Fn::Not", json::array{json::object{{"Condition", condition}}}}};
    }
    return true;
  }

  Result<void> add_events(json::object& role) {
    if (!is_set(at("Events"))) return {};
    const json::object* events = find_object(given_, "Events");
    if (!events) return invalid(id_, "Property 'Events' should be a map.");
    const Target target{.id = id_,
                        .arn = arn(),
                        .name = name(),
                        .attributes = passed_on(resource_),
                        .is_function = true};
    std::vector<std::string> names;
    for (const auto& event : *events) names.emplace_back(event.key());
    std::ranges::sort(names);
    for (const std::string& event : names)
      KIBAN_TRY_VOID(add_event(scope_, target, event, events->at(event), &role));
    return {};
  }

  void propagate_tags() {
    constexpr std::string_view tagged[] = {"AWS::Lambda::Function", "AWS::IAM::Role",
                                           "AWS::SQS::Queue", "AWS::SNS::Topic"};
    tag_made(scope_, first_, tagged, tag_list(tags()));
  }

  Scope& scope_;
  std::string id_;
  const json::object& resource_;
  json::object given_;
  std::size_t first_{scope_.made.size()};  // Of what this function makes.
  json::object made_{};
  std::string alias_name_{};
  std::string alias_{};  // Its logical id.
};

}  // namespace

Result<void> add_function(Scope& scope, const std::string& id, const json::object& resource) {
  const json::object* given = find_object(resource, "Properties");
  json::object properties = given ? *given : json::object{};
  KIBAN_TRY_VOID(check(id, properties));
  return Function(scope, id, resource, std::move(properties)).add();
}

}  // namespace kiban::cfn::sam
