#include "services/lambda/configuration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/lambda/credentials.h"
#include "services/lambda/layers.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

constexpr std::int64_t timeout_default = 3;
constexpr std::int64_t timeout_max = 900;
constexpr std::int64_t memory_default = 128;
constexpr std::int64_t memory_max = 10'240;
constexpr std::int64_t storage_default = 512;
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
constexpr std::size_t environment_bytes_max = 4'096;
constexpr std::size_t layers_max = 5;

// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
constexpr std::array<std::string_view, 11> runtimes{
    "python3.10", "python3.11", "python3.12", "python3.13",   "python3.14",     "nodejs18.x",
    "nodejs20.x", "nodejs22.x", "nodejs24.x", "provided.al2", "provided.al2023"};

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
constexpr std::array<std::string_view, 19> reserved_variables{"_HANDLER",
                                                              "_X_AMZN_TRACE_ID",
                                                              "AWS_DEFAULT_REGION",
                                                              "AWS_REGION",
                                                              "AWS_EXECUTION_ENV",
                                                              "AWS_LAMBDA_FUNCTION_NAME",
                                                              "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                                                              "AWS_LAMBDA_FUNCTION_VERSION",
                                                              "AWS_LAMBDA_INITIALIZATION_TYPE",
                                                              "AWS_LAMBDA_LOG_GROUP_NAME",
                                                              "AWS_LAMBDA_LOG_STREAM_NAME",
                                                              "AWS_ACCESS_KEY",
                                                              "AWS_ACCESS_KEY_ID",
                                                              "AWS_SECRET_ACCESS_KEY",
                                                              "AWS_SESSION_TOKEN",
                                                              "AWS_LAMBDA_RUNTIME_API",
                                                              "LAMBDA_TASK_ROOT",
                                                              "LAMBDA_RUNTIME_DIR",
                                                              "AWS_LAMBDA_MAX_CONCURRENCY"};

std::unexpected<Error> unsupported(std::string_view what) {
  return invalid(fmt::format("kiban does not support {} of Lambda functions", what));
}

// What would change how a function runs, and does not here.
Result<void> refuse_unsupported(const json::object& input) {
  for (const std::string_view member : {"CodeSigningConfigArn", "CapacityProviderConfig",
                                        "DurableConfig", "TenancyConfig", "PublishTo"})
    if (input.contains(member)) return unsupported(member);
  const json::array* files = find_array(input, "FileSystemConfigs");
  if (files && !files->empty()) return unsupported("FileSystemConfigs");
  const json::object* snap = find_object(input, "SnapStart");
  if (snap && text(*snap, "ApplyOn", "None") != "None") return unsupported("SnapStart");
  return {};
}

Result<void> check_bound(const json::object& input, std::string_view member, std::int64_t max) {
  const std::int64_t value = number(input, member, 0);
  if (value <= max) return {};
  std::string name(member);
  name[0] = static_cast<char>(name[0] - 'A' + 'a');
  return fail("ValidationException",
              fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy "
                          "constraint: Member must have value less than or equal to {}",
                          value, name, max));
}

Result<void> check_runtime(const json::object& shown) {
  const std::string runtime = text(shown, "Runtime");
  if (text(shown, "PackageType") == "Image") {
    if (shown.contains("Runtime") || shown.contains("Handler"))
      return invalid(
          "Please don't provide Handler or Runtime or Layer when the intent is to create "
          "functions with container images.");
    return {};
  }
  if (runtime.empty() || text(shown, "Handler").empty())
    return invalid(
        "Runtime and Handler are mandatory parameters for functions created with "
        "deployment packages.");
  if (std::ranges::find(runtimes, runtime) != runtimes.end()) return {};
  return invalid(fmt::format(
      "kiban does not run the runtime {}. It runs {}; package others as an image, or as "
      "an executable for provided.al2023",
      runtime, fmt::join(runtimes, ", ")));
}

Result<void> check_environment(const json::object& shown) {
  const json::object* environment = find_object(shown, "Environment");
  const json::object* variables = environment ? find_object(*environment, "Variables") : nullptr;
  if (!variables) return {};
  std::vector<std::string_view> reserved;
  for (const auto& member : *variables)
    if (std::ranges::find(reserved_variables, std::string_view(member.key())) !=
        reserved_variables.end())
      reserved.emplace_back(member.key());
  if (!reserved.empty())
    return invalid(fmt::format(
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported for "
        "modification. Reserved keys used in this request: {}",
        fmt::join(reserved, ", ")));
  if (print_json(*variables).size() <= environment_bytes_max) return {};
  return invalid(fmt::format(
      "Lambda was unable to configure your environment variables because the environment "
      "variables you have provided exceeded the {} bytes limit. String measured: {}",
      environment_bytes_max, print_json(*variables)));
}

Result<void> check_role(Context& context, const json::object& shown) {
  if (caller_of(context, text(shown, "FunctionName"), text(shown, "Role"))) return {};
  return invalid("The role defined for the function cannot be assumed by Lambda.");
}

Result<void> check_dead_letters(const json::object& shown) {
  const json::object* config = find_object(shown, "DeadLetterConfig");
  const std::string target = config ? text(*config, "TargetArn") : "";
  if (target.empty()) return {};
  const auto arn = parse_arn(target);
  if (arn && (arn->service == "sqs" || arn->service == "sns")) return {};
  return invalid(fmt::format("The provided target ARN is invalid: {}", target));
}

Result<void> check_key(Context& context, const json::object& shown) {
  const std::string key = text(shown, "KMSKeyArn");
  if (key.empty()) return {};
  const auto found = context.call("kms", "DescribeKey", {{"KeyId", key}}, context.caller());
  const json::object* metadata = found ? find_object(*found, "KeyMetadata") : nullptr;
  if (metadata && text(*metadata, "KeyState") == "Enabled") return {};
  return invalid(fmt::format(
      "Lambda was unable to configure access to your environment variables because the KMS key "
      "is invalid for CreateGrant. KMS key {} does not exist or is not enabled.",
      key));
}

// Layers by the ARNs of their versions, as the configuration shows them.
Result<void> read_layers(Context& context, json::object& shown, const json::object& input) {
  const json::array* given = find_array(input, "Layers");
  if (!given) return {};
  if (given->size() > layers_max)
    return invalid(fmt::format("Cannot reference more than {} layers.", layers_max));
  json::array layers;
  for (const json::value& arn : *given) {
    const auto layer = find_layer(context, std::string_view(arn.as_string()));
    if (!layer)
      return invalid(
          fmt::format("Layer version {} does not exist.", std::string_view(arn.as_string())));
    KIBAN_TRY_VOID(context.authorise("lambda:GetLayerVersion", std::string_view(arn.as_string())));
    layers.push_back({{"Arn", arn}, {"CodeSize", layer->at("Size")}});
  }
  shown["Layers"] = std::move(layers);
  if (shown.at("Layers").as_array().empty()) shown.erase("Layers");
  return {};
}

// The VPC is that of the first subnet.
Result<void> read_network(Context& context, json::object& shown, const json::object& input) {
  const json::object* given = find_object(input, "VpcConfig");
  if (!given) return {};
  json::object network{{"SubnetIds", json::array{}},
                       {"SecurityGroupIds", json::array{}},
                       {"VpcId", ""},
                       {"Ipv6AllowedForDualStack", flag(*given, "Ipv6AllowedForDualStack")}};
  for (const char* member : {"SubnetIds", "SecurityGroupIds"})
    if (const json::array* ids = find_array(*given, member)) network[member] = *ids;
  const json::array& subnets = network.at("SubnetIds").as_array();
  if (!subnets.empty()) {
    const auto found =
        context.call("ec2", "DescribeSubnets", {{"SubnetIds", subnets}}, context.caller());
    if (!found)
      return invalid(
          fmt::format("Error occurred while DescribeSubnets. EC2 Error Code: {}. EC2 "
                      "Error Message: {}",
                      found.error().name, found.error().cause));
    const json::array* described = find_array(*found, "Subnets");
    if (described && !described->empty())
      network["VpcId"] = text(described->front().as_object(), "VpcId");
  }
  if (subnets.empty() && network.at("SecurityGroupIds").as_array().empty())
    shown.erase("VpcConfig");
  else
    shown["VpcConfig"] = std::move(network);
  return {};
}

// Groups and levels: https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html
void read_logging(json::object& shown, const json::object& input) {
  const json::object* given = find_object(input, "LoggingConfig");
  if (!given && shown.contains("LoggingConfig")) return;
  json::object logging{{"LogFormat", "Text"},
                       {"LogGroup", fmt::format("/aws/lambda/{}", text(shown, "FunctionName"))}};
  for (const auto& member : given ? *given : json::object{}) logging[member.key()] = member.value();
  if (text(logging, "LogFormat") == "JSON") {
    for (const char* level : {"ApplicationLogLevel", "SystemLogLevel"})
      if (!logging.contains(level)) logging[level] = "INFO";
  } else {
    logging.erase("ApplicationLogLevel");
    logging.erase("SystemLogLevel");
  }
  shown["LoggingConfig"] = std::move(logging);
}

// Members that are shown as they were given.
constexpr std::array<std::string_view, 10> plain_members{
    "Runtime",    "Role",        "Handler",   "Description",      "Timeout",
    "MemorySize", "Environment", "KMSKeyArn", "DeadLetterConfig", "EphemeralStorage"};

Result<void> check(Context& context, const json::object& shown, const json::object& input) {
  KIBAN_TRY_VOID(check_bound(input, "Timeout", timeout_max));
  KIBAN_TRY_VOID(check_bound(input, "MemorySize", memory_max));
  KIBAN_TRY_VOID(check_runtime(shown));
  KIBAN_TRY_VOID(check_environment(shown));
  KIBAN_TRY_VOID(check_dead_letters(shown));
  if (input.contains("KMSKeyArn")) KIBAN_TRY_VOID(check_key(context, shown));
  if (input.contains("Role")) KIBAN_TRY_VOID(check_role(context, shown));
  return {};
}

}  // namespace

Result<json::array> read_architectures(const json::object& input) {
  const json::array* given = find_array(input, "Architectures");
  if (!given || given->empty()) return json::array{"x86_64"};
  if (given->size() > 1) return invalid("Architectures takes one value: x86_64 or arm64.");
  return *given;
}

Result<json::object> changed_configuration(Context& context, json::object shown,
                                           const json::object& input) {
  KIBAN_TRY_VOID(refuse_unsupported(input));
  for (const std::string_view member : plain_members)
    if (const json::value* given = find(input, member)) shown[member] = *given;
  // What was emptied is not shown.
  const json::object* environment = find_object(shown, "Environment");
  const json::object* variables = environment ? find_object(*environment, "Variables") : nullptr;
  if (environment && (!variables || variables->empty())) shown.erase("Environment");
  const json::object* dead_letters = find_object(shown, "DeadLetterConfig");
  if (dead_letters && text(*dead_letters, "TargetArn").empty()) shown.erase("DeadLetterConfig");
  if (shown.contains("KMSKeyArn") && text(shown, "KMSKeyArn").empty()) shown.erase("KMSKeyArn");
  if (const json::object* tracing = find_object(input, "TracingConfig"))
    shown["TracingConfig"] = {{"Mode", text(*tracing, "Mode", "PassThrough")}};
  if (const json::object* image = find_object(input, "ImageConfig")) {
    if (image->empty())
      shown.erase("ImageConfigResponse");
    else
      shown["ImageConfigResponse"] = {{"ImageConfig", *image}};
  }
  read_logging(shown, input);
  KIBAN_TRY_VOID(read_layers(context, shown, input));
  KIBAN_TRY_VOID(read_network(context, shown, input));
  KIBAN_TRY_VOID(check(context, shown, input));
  return shown;
}

Result<json::object> new_configuration(Context& context, const json::object& input) {
  const std::string name = text(input, "FunctionName");
  KIBAN_TRY(const json::array architectures, read_architectures(input));
  json::object shown{{"FunctionName", name},
                     {"FunctionArn", function_arn(context, name)},
                     {"Description", ""},
                     {"Timeout", timeout_default},
                     {"MemorySize", memory_default},
                     {"Version", latest},
                     {"TracingConfig", {{"Mode", "PassThrough"}}},
                     {"PackageType", text(input, "PackageType", "Zip")},
                     {"Architectures", architectures},
                     {"EphemeralStorage", {{"Size", storage_default}}},
                     {"SnapStart", {{"ApplyOn", "None"}, {"OptimizationStatus", "Off"}}}};
  return changed_configuration(context, std::move(shown), input);
}

}  // namespace kiban::services::lambda
