// What a template asks the account for: parameters, exports, outputs, secrets.
#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/cloudformation/lifecycle.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

Result<std::string> secret_value(Context& context, const Caller& as, const std::string& reference) {
  // secretsmanager:ID:SecretString:KEY:STAGE:VERSION, the id an ARN with colons of its own.
  constexpr std::string_view service = "secretsmanager:";
  constexpr std::string_view member = ":SecretString";
  const std::size_t mark = reference.find(member);
  const std::string id =
      reference.substr(service.size(), mark == std::string::npos ? mark : mark - service.size());
  std::string key;
  std::string stage;
  std::string version;
  if (mark != std::string::npos) {
    std::string rest = reference.substr(mark + member.size());
    for (std::string* part : {&key, &stage, &version}) {
      if (rest.empty()) break;
      const std::size_t end = rest.find(':', 1);
      *part = rest.substr(1, end == std::string::npos ? end : end - 1);
      rest = end == std::string::npos ? std::string() : rest.substr(end);
    }
  }
  json::object in{{"SecretId", id}};
  if (!stage.empty()) in["VersionStage"] = stage;
  if (!version.empty()) in["VersionId"] = version;
  KIBAN_TRY(const json::object got, context.call("secretsmanager", "GetSecretValue", in, as));
  if (key.empty()) return text(got, "SecretString");
  KIBAN_TRY(const json::value secret, parse_json(text(got, "SecretString")));
  const json::value* value = secret.is_object() ? find(secret.get_object(), key) : nullptr;
  if (!value) {
    return fail("ValidationError", fmt::format("Could not find a value associated with JSONKey in "
                                               "SecretString: {}",
                                               key));
  }
  return value->is_string() ? to_string(value->get_string()) : print_json(*value);
}

}  // namespace

cfn::Ports make_ports(Context& context, const std::string& region,
                      std::map<std::string, std::string> ssm, const Caller& as) {
  return {
      .ssm_parameter = [&context, ssm = std::move(ssm),
                        as](const std::string& name) -> Result<std::string> {
        if (const auto known = ssm.find(name); known != ssm.end()) return known->second;
        auto got = context.call("ssm", "GetParameter", {{"Name", name}}, as);
        if (!got) {
          return fail("ValidationError",
                      fmt::format("Unable to fetch parameters [{}] from parameter store for this "
                                  "account.",
                                  name));
        }
        return text(got->at("Parameter").as_object(), "Value");
      },
      .import_value = [&context, region](const std::string& name) -> Result<json::value> {
        const auto found = get_json(context, row_key(region, "export", name));
        if (!found) return fail("ValidationError", fmt::format("No export named {} found.", name));
        return found->at("Value");
      },
      .stack_output = [&context](const std::string& name, const std::string& where,
                                 const std::string& output) -> Result<json::value> {
        const auto uuid = context.get(row_key(where, "name", name));
        const auto stack = uuid ? get_stack(context, where, *uuid) : std::nullopt;
        for (const json::value& one : stack ? stack->outputs : json::array{}) {
          if (text(one.as_object(), "OutputKey") == output) return one.at("OutputValue");
        }
        return fail("ValidationError",
                    fmt::format("No output named {} found in stack {}.", output, name));
      },
      .dynamic_reference = [&context, as](const std::string& reference) -> Result<std::string> {
        if (reference.starts_with("secretsmanager:")) return secret_value(context, as, reference);
        if (!reference.starts_with("ssm:") && !reference.starts_with("ssm-secure:")) {
          return fail("ValidationError", "Invalid dynamic reference {{resolve:" + reference + "}}");
        }
        KIBAN_TRY(const json::object got,
                  context.call("ssm", "GetParameter",
                               {{"Name", reference.substr(reference.find(':') + 1)},
                                {"WithDecryption", true}},
                               as));
        const json::object& parameter = got.at("Parameter").as_object();
        if (reference.starts_with("ssm:") && text(parameter, "Type") == "SecureString")
          return fail(
              "ValidationError",
              fmt::format("The parameter {} is a SecureString: use ssm-secure instead of ssm",
                          text(parameter, "Name")));
        return text(parameter, "Value");
      }};
}

}  // namespace kiban::services::cloudformation
