#include "kernel/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "api/codec.h"
#include "api/model.h"
#include "core/letters.h"

namespace kiban::kernel {

namespace {

// "SNS:Publish" in SNS's messages, "sqs:sendmessage" in those of SQS.
std::string spelt(std::string_view action) {
  if (action.starts_with("sns:")) return fmt::format("SNS:{}", action.substr(4));
  if (action.starts_with("sqs:")) return lower_case(action);
  return std::string(action);
}

std::string_view policy_kind(iam::Source source) {
  switch (source) {
    case iam::Source::Resource:
      return "a resource-based policy";
    case iam::Source::Boundary:
      return "a permissions boundary";
    case iam::Source::Session:
      return "a session policy";
    default:
      return "an identity-based policy";
  }
}

std::string_view missing_kind(const std::vector<std::string_view>& missing) {
  const auto has = [&](std::string_view kind) {
    return std::ranges::find(missing, kind) != missing.end();
  };
  if (has("identity")) return "identity-based policy";
  if (has("boundary")) return "permissions boundary";
  if (has("session")) return "session policy";
  return "resource-based policy";
}

// docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
std::string encoded_message(const DecisionRecord& record) {
  json::array conditions;
  for (const services::ConditionKey& key : record.keys) {
    json::array values;
    for (const std::string& value : key.values) values.push_back(json::object{{"value", value}});
    conditions.push_back(json::object{{"key", key.name}, {"values", {{"items", values}}}});
  }
  const std::string& who = record.session.empty() ? record.principal : record.session;
  return api::encode_base64(
      print_json(json::object{{"allowed", false},
                              {"explicitDeny", record.verdict == iam::Verdict::ExplicitlyDenied},
                              {"matchedStatements", {{"items", json::array{}}}},
                              {"failures", {{"items", json::array{}}}},
                              {"context",
                               {{"principal", {{"id", who}, {"arn", who}}},
                                {"action", record.action},
                                {"resource", record.resource},
                                {"conditions", {{"items", std::move(conditions)}}}}}}));
}

}  // namespace

std::string denial_text(const std::string& who, const DecisionRecord& record,
                        const iam::Decision& decision) {
  const std::string action = spelt(record.action);
  const bool names_resource = record.resource != "*" || (!record.action.starts_with("ec2:") &&
                                                         !record.action.starts_with("s3:"));
  std::string text = fmt::format("User: {} is not authorized to perform: {}", who, action);
  if (names_resource) text += fmt::format(" on resource: {}", record.resource);
  if (decision.verdict == iam::Verdict::ExplicitlyDenied)
    return text + fmt::format(" with an explicit deny in {}",
                              policy_kind(decision.statements.front().source));
  return text +
         fmt::format(" because no {} allows the {} action", missing_kind(record.missing), action);
}

std::string_view refusal_name(std::string_view folder) {
  if (folder == "sns") return "AuthorizationErrorException";
  const api::Service* model = api::find_service(folder);
  if (model == nullptr) return "AccessDeniedException";
  switch (model->protocol) {
    case api::Protocol::Ec2:
      return "UnauthorizedOperation";
    case api::Protocol::Query:
    case api::Protocol::RestXml:
      return "AccessDenied";
    default:
      return "AccessDeniedException";
  }
}

std::string refusal_text(std::string_view folder, const DecisionRecord& record) {
  if (folder != "ec2") return record.text;
  std::string text = "You are not authorized to perform this operation. " + record.text;
  if (!record.action.starts_with("ec2:Describe"))
    text += ". Encoded authorization failure message: " + encoded_message(record);
  return text;
}

}  // namespace kiban::kernel
