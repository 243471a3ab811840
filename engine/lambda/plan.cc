#include "lambda/plan.h"

#include <fmt/format.h>

namespace kiban::lambda {
namespace {

json::object object_of(const json::object& from, std::string_view key) {
  const json::object* found = find_object(from, key);
  return found ? *found : json::object{};
}

std::optional<Credentials> credentials_of(const json::object& payload) {
  const json::object* given = find_object(payload, "Credentials");
  if (!given) return std::nullopt;
  Credentials credentials{.access_key_id = text(*given, "AccessKeyId"),
                          .secret_access_key = text(*given, "SecretAccessKey"),
                          .token = text(*given, "Token")};
  if (const auto end = parse_iso8601(text(*given, "Expiration"))) credentials.expiration = *end;
  return credentials;
}

}  // namespace

std::string Plan::region() const {
  std::string_view rest = function_arn;  // arn:aws:lambda:REGION:…
  for (int part = 0; part < 3; ++part) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
  return std::string(rest.substr(0, rest.find(':')));
}

Result<Plan> parse_plan(const json::object& payload) {
  const json::object config = object_of(payload, "Config");
  Plan plan{.function_arn = text(payload, "FunctionArn"),
            .function_name = text(payload, "FunctionName"),
            .version = text(payload, "Version", "$LATEST"),
            .revision = text(config, "RevisionId"),
            .runtime = text(config, "Runtime"),
            .handler = text(config, "Handler"),
            .package = text(config, "PackageType") == "Image" ? Package::Image : Package::Zip,
            .image = object_of(config, "Image"),
            .memory_mb = number(config, "MemorySize", 128),
            .timeout = std::chrono::seconds{number(config, "Timeout", 3)},
            .storage_mb = number(config, "EphemeralStorage", 512),
            .environment = object_of(config, "Environment"),
            .code_digest = text(config, "CodeDigest"),
            .code_folder = text(config, "CodeDir"),
            .log_group = text(config, "LogGroup"),
            .log_format = text(config, "LogFormat") == "JSON" ? LogFormat::Json : LogFormat::Text,
            .credentials = credentials_of(payload)};
  if (const json::array* layers = find_array(config, "Layers"))
    for (const json::value& layer : *layers)
      if (layer.is_object()) plan.layers.push_back(text(layer.get_object(), "Digest"));
  const auto missing = [](std::string_view member) {
    return fail("InvalidPlan", fmt::format("the invocation has no {}", member));
  };
  if (plan.function_arn.empty()) return missing("FunctionArn");
  if (plan.package == Package::Image) return plan;
  if (plan.runtime.empty()) return missing("Runtime");
  if (plan.code_digest.empty() && plan.code_folder.empty()) return missing("CodeDigest");
  return plan;
}

}  // namespace kiban::lambda
