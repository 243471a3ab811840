#include "services/lambda/destinations.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "services/base/table_service.h"
#include "services/lambda/credentials.h"
#include "services/lambda/invocations.h"

namespace kiban::services::lambda {
namespace {

std::string queue_url(const Context& context, const Arn& arn) {
  return fmt::format("{}/{}/{}", context.endpoint(), arn.account, arn.resource);
}

// A payload that is JSON is shown as JSON.
json::value document_of(const std::string& words) {
  auto parsed = parse_json(words);
  return parsed ? *std::move(parsed) : json::value(words);
}

json::object record_of(const Context& context, const Ended& ended) {
  const std::string_view qualifier =
      ended.function.qualifier.empty() ? latest : std::string_view(ended.function.qualifier);
  json::object record{{"version", "1.0"},
                      {"timestamp", format_iso8601(context.now())},
                      {"requestContext",
                       {{"requestId", ended.id},
                        {"functionArn", function_arn(context, ended.function.name, qualifier)},
                        {"condition", ended.condition},
                        {"approximateInvokeCount", ended.attempts}}},
                      {"requestPayload", document_of(ended.payload)}};
  if (ended.outcome.empty()) return record;
  json::object response{{"statusCode", 200}, {"executedVersion", text(ended.outcome, "Version")}};
  if (const json::value* error = find(ended.outcome, "FunctionError"))
    response["functionError"] = *error;
  record["responseContext"] = std::move(response);
  record["responsePayload"] = document_of(text(ended.outcome, "Payload", "null"));
  return record;
}

std::string destination_of(const Ended& ended, std::string_view end) {
  const json::object* config = find_object(ended.config, "DestinationConfig");
  const json::object* chosen = config ? find_object(*config, end) : nullptr;
  return chosen ? text(*chosen, "Destination") : std::string();
}

void tell(Context& context, const Ended& ended, const std::string& destination,
          std::string_view outcome, const json::object& version) {
  if (destination.empty()) return;
  const auto as =
      caller_of(context, ended.function.name, text(version.at("Shown").as_object(), "Role"));
  const auto sent =
      as ? send_record(context, destination, record_of(context, ended),
                       fmt::format("Lambda Function Invocation Result - {}", outcome), *as)
         : std::unexpected(as.error());
  if (!sent) count_metric(context, "DestinationDeliveryFailures", "Count", ended.function.name);
}

// The event itself, with what went wrong as attributes.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
void send_to_dead_letters(Context& context, const Ended& ended, const json::object& version) {
  const json::object& shown = version.at("Shown").as_object();
  const json::object* config = find_object(shown, "DeadLetterConfig");
  const auto arn = parse_arn(config ? text(*config, "TargetArn") : std::string());
  if (!arn) return;
  const auto attribute = [](std::string_view type, std::string value) {
    return json::object{{"DataType", type}, {"StringValue", std::move(value)}};
  };
  const auto answer = parse_json(text(ended.outcome, "Payload", "{}"));
  const std::string message = answer && answer->is_object()
                                  ? text(answer->get_object(), "errorMessage", "-")
                                  : std::string("-");
  constexpr std::size_t error_message_bytes_max = 1'024;
  json::object attributes{
      {"RequestID", attribute("String", ended.id)},
      {"ErrorCode", attribute("Number", "200")},
      {"ErrorMessage", attribute("String", message.substr(0, error_message_bytes_max))}};
  const auto as = caller_of(context, ended.function.name, text(shown, "Role"));
  Result<json::object> sent = json::object{};
  if (!as)
    sent = std::unexpected(as.error());
  else if (arn->service == "sqs")
    sent = context.call("sqs", "SendMessage",
                        {{"QueueUrl", queue_url(context, *arn)},
                         {"MessageBody", ended.payload},
                         {"MessageAttributes", std::move(attributes)}},
                        *as);
  else
    sent = context.call("sns", "Publish",
                        {{"TopicArn", print_arn(*arn)},
                         {"Message", ended.payload},
                         {"MessageAttributes", std::move(attributes)}},
                        *as);
  if (!sent) count_metric(context, "DeadLetterErrors", "Count", ended.function.name);
}

}  // namespace

bool is_destination(const Arn& arn) {
  return arn.service == "sqs" || arn.service == "sns" || arn.service == "lambda" ||
         (arn.service == "events" && arn.resource.starts_with("event-bus/"));
}

Result<void> send_record(Context& context, const std::string& destination,
                         const json::object& record, std::string_view detail_type,
                         const Caller& as) {
  KIBAN_TRY(const Arn arn, parse_arn(destination));
  const std::string words = print_json(record);
  if (arn.service == "sqs") {
    KIBAN_TRY_VOID(context.call(
        "sqs", "SendMessage", {{"QueueUrl", queue_url(context, arn)}, {"MessageBody", words}}, as));
  } else if (arn.service == "sns") {
    KIBAN_TRY_VOID(
        context.call("sns", "Publish", {{"TopicArn", destination}, {"Message", words}}, as));
  } else if (arn.service == "lambda") {
    KIBAN_TRY_VOID(context.call("lambda", "Invoke",
                                {{"FunctionName", destination},
                                 {"InvocationType", "Event"},
                                 {"Payload", api::encode_base64(words)}},
                                as));
  } else {
    const json::value* source = find(record.at("requestContext").as_object(), "functionArn");
    KIBAN_TRY_VOID(context.call(
        "events", "PutEvents",
        {{"Entries",
          {{{"Source", "lambda"},
            {"DetailType", detail_type},
            {"Detail", words},
            {"EventBusName", destination},
            {"Resources", json::array{destination, source ? *source : json::value("")}}}}}},
        as));
  }
  return {};
}

void tell_success(Context& context, const Ended& ended) {
  const auto version = load_version(context, ended.function);
  if (version) tell(context, ended, destination_of(ended, "OnSuccess"), "Success", *version);
}

void tell_failure(Context& context, const Ended& ended) {
  const auto version = load_version(context, ended.function);
  if (!version) return;
  send_to_dead_letters(context, ended, *version);
  tell(context, ended, destination_of(ended, "OnFailure"), "Failure", *version);
}

}  // namespace kiban::services::lambda
