// The property Policies: managed policies by name or ARN, documents, and policy templates.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
#include <fmt/format.h>

#include <algorithm>

#include "cfn/sam/parts.h"

namespace kiban::cfn::sam {
namespace {

// AWS's managed policies that do not lie at the root of the path, as far as roles of functions and
// workflows use them.
constexpr std::string_view service_roles[] = {"AWSBackupServiceRolePolicyForBackup",
                                              "AWSBackupServiceRolePolicyForRestores",
                                              "AWSLambdaBasicDurableExecutionRolePolicy",
                                              "AWSLambdaBasicExecutionRole",
                                              "AWSLambdaDynamoDBExecutionRole",
                                              "AWSLambdaENIManagementAccess",
                                              "AWSLambdaKinesisExecutionRole",
                                              "AWSLambdaMSKExecutionRole",
                                              "AWSLambdaRole",
                                              "AWSLambdaSQSQueueExecutionRole",
                                              "AWSLambdaVPCAccessExecutionRole",
                                              "AmazonEC2ContainerServiceAutoscaleRole",
                                              "AmazonEC2ContainerServiceEventsRole",
                                              "AmazonEC2ContainerServiceRole",
                                              "AmazonEC2ContainerServiceforEC2Role",
                                              "AmazonECSTaskExecutionRolePolicy",
                                              "AmazonRDSEnhancedMonitoringRole",
                                              "AmazonSNSRole",
                                              "AmazonSSMAutomationRole",
                                              "AmazonSSMMaintenanceWindowRole",
                                              "CloudWatchEventsBuiltInTargetExecutionAccess",
                                              "CloudWatchEventsInvocationAccess"};
constexpr std::string_view job_functions[] = {
    "Billing",     "DataScientist",       "DatabaseAdministrator", "NetworkAdministrator",
    "SupportUser", "SystemAdministrator", "ViewOnlyAccess"};

const std::map<std::string, json::object, std::less<>>& templates() {
  static const auto* const all = [] {
    auto* out = new std::map<std::string, json::object, std::less<>>;
    const auto parsed = parse_json(policy_templates);
    KIBAN_CHECK(parsed, "the policy templates are not JSON");
    for (const json::value& one : parsed->as_array())
      out->emplace(text(one.as_object(), "Name"), one.as_object());
    return out;
  }();
  return *all;
}

// {"Ref": parameter of the template} replaced by its value.
json::value filled(const json::value& value, const json::object& parameters) {
  if (value.is_array()) {
    json::array out;
    for (const json::value& one : value.get_array()) out.push_back(filled(one, parameters));
    return out;
  }
  if (!value.is_object()) return value;
  if (is_intrinsic(value)) {
    const json::string* name = find_string(value.get_object(), "Ref");
    const json::value* given = name ? find(parameters, *name) : nullptr;
    if (given) return *given;
  }
  json::object out;
  for (const auto& member : value.get_object())
    out.emplace(member.key(), filled(member.value(), parameters));
  return out;
}

// A policy template's document; other documents as they are.
Result<json::value> document_of(const std::string& id, const json::value& given,
                                std::size_t index) {
  if (is_no_value(given) || (given.is_object() && given.get_object().contains("Statement")))
    return given;
  const bool named = given.is_object() && given.get_object().size() == 1;
  const std::string name = named ? std::string(given.get_object().begin()->key()) : "";
  const auto found = templates().find(name);
  if (found == templates().end()) {
    if (name.ends_with("Policy") || name.find("Policy_v") != std::string::npos)
      return invalid(id, fmt::format("kiban does not serve the policy template {}", name));
    return invalid(
        id, fmt::format("Policy at index {} in the 'Policies' property is not valid", index));
  }
  const json::value& parameters = given.get_object().begin()->value();
  std::string missing;
  for (const json::value& parameter : found->second.at("Parameters").as_array()) {
    if (parameters.is_object() && parameters.get_object().contains(parameter.as_string())) continue;
    missing +=
        fmt::format("{}'{}'", missing.empty() ? "" : ", ", std::string_view(parameter.as_string()));
  }
  if (!missing.empty())
    return invalid(id, fmt::format("Following required parameters of template '{}' don't have "
                                   "values: [{}]",
                                   name, missing));
  return json::object{
      {"Statement", filled(found->second.at("Statement"),
                           parameters.is_object() ? parameters.get_object() : json::object{})}};
}

bool is_managed(const json::value& entry) {
  if (const json::array* parts = if_parts(entry))
    return is_no_value((*parts)[1]) ? is_managed((*parts)[2]) : is_managed((*parts)[1]);
  return entry.is_string() || is_intrinsic(entry);
}

json::value managed_policy(const json::value& entry) {
  if (entry.is_string()) return json::string(managed_policy_arn(entry.get_string()));
  const json::array* parts = if_parts(entry);
  if (!parts) return entry;
  const auto branch = [](const json::value& one) {
    return one.is_string() ? json::value(json::string(managed_policy_arn(one.get_string()))) : one;
  };
  return json::object{
      {"Fn::If", json::array{(*parts)[0], branch((*parts)[1]), branch((*parts)[2])}}};
}

}  // namespace

std::string managed_policy_arn(std::string_view name) {
  if (name.starts_with("arn:")) return std::string(name);
  std::string_view path;
  if (std::ranges::find(service_roles, name) != std::end(service_roles)) path = "service-role/";
  if (std::ranges::find(job_functions, name) != std::end(job_functions)) path = "job-function/";
  return fmt::format("arn:aws:iam::aws:policy/{}{}", path, name);
}

json::object policy(const std::string& name, json::value action, json::value resource) {
  return {{"PolicyName", name},
          {"PolicyDocument",
           {{"Statement", json::array{json::object{{"Action", std::move(action)},
                                                   {"Effect", "Allow"},
                                                   {"Resource", std::move(resource)}}}}}}};
}

json::object trust_of(std::string_view service) {
  return {
      {"Version", "2012-10-17"},
      {"Statement", json::array{json::object{{"Action", json::array{"sts:AssumeRole"}},
                                             {"Effect", "Allow"},
                                             {"Principal", {{"Service", json::array{service}}}}}}}};
}

Result<void> add_policies(const std::string& id, const json::value* given, std::string_view name,
                          Policies& out) {
  json::array entries;
  if (is_set(given)) entries = given->is_array() ? given->get_array() : json::array{*given};
  for (std::size_t index = 0; index < entries.size(); ++index) {
    const json::value& entry = entries[index];
    if (is_managed(entry)) {
      json::value managed = managed_policy(entry);
      if (std::ranges::find(out.managed, managed) == out.managed.end())
        out.managed.push_back(std::move(managed));
      continue;
    }
    const auto named = [&](json::value document) {
      if (is_no_value(document)) return document;
      return json::value(json::object{{"PolicyName", fmt::format("{}{}", name, index)},
                                      {"PolicyDocument", std::move(document)}});
    };
    if (const json::array* parts = if_parts(entry)) {
      KIBAN_TRY(json::value yes, document_of(id, (*parts)[1], index));
      KIBAN_TRY(json::value no, document_of(id, (*parts)[2], index));
      out.documents.push_back(json::object{
          {"Fn::If", json::array{(*parts)[0], named(std::move(yes)), named(std::move(no))}}});
      continue;
    }
    KIBAN_TRY(json::value document, document_of(id, entry, index));
    out.documents.push_back(named(std::move(document)));
  }
  return {};
}

}  // namespace kiban::cfn::sam
