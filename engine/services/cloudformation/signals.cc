#include "services/cloudformation/signals.h"

#include <fmt/format.h>

#include "services/cloudformation/deployment.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::string_view function_endpoint_row = "cloudformation/function-endpoint";
constexpr std::size_t token_digits = 48;
constexpr std::size_t unique_id_bytes_max = 200;  // Our own bounds.
constexpr std::size_t signals_max = 1'000;

std::string signal_key(std::string_view region, std::string_view token) {
  return row_key(region, "signal", token);
}

std::string signals_prefix(std::string_view region, std::string_view token) {
  return row_key(region, "signals", fmt::format("{}/", token));
}

// The resource, among those that are there and those that go, that waits for that token's response.
Resource* waiting_for(Stack& stack, const std::string& token) {
  for (std::vector<Resource>* all : {&stack.resources, &stack.doomed})
    for (Resource& resource : *all)
      if (text(resource.handler, "Token") == token) return &resource;
  return nullptr;
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-waitcondition.html
Result<void> keep_wait_signal(Context& context, const std::string& token, const std::string& body) {
  const auto parsed = parse_json(body);
  if (!parsed || !parsed->is_object())
    return fail("ValidationError", "A wait condition signal is a JSON object.");
  const json::object& given = parsed->get_object();
  const std::string status = text(given, "Status");
  if (status != "SUCCESS" && status != "FAILURE")
    return fail("ValidationError", "Status must be SUCCESS or FAILURE.");
  const std::string id = text(given, "UniqueId");
  if (id.empty() || id.size() > unique_id_bytes_max || id.find('/') != std::string::npos)
    return fail("ValidationError", "UniqueId must be given, at most 200 bytes, without a slash.");
  const std::string& region = context.caller().region;
  const std::string prefix = signals_prefix(region, token);
  if (context.scan(prefix, {}, signals_max).size() >= signals_max)
    return fail("ValidationError", "There are too many signals of this wait condition handle.");
  put_json(context, prefix + id,
           {{"Status", status},
            {"UniqueId", id},
            {"Data", text(given, "Data")},
            {"Reason", text(given, "Reason")}});
  const std::string active = row_key(region, "active", "");
  for (const store::Row& row : context.scan(active)) {
    auto stack = get_stack(context, region, row.key.substr(active.size()));
    if (stack && stack->operation != StackOperation::None) advance(context, *stack);
  }
  return {};
}

void keep_response(Context& context, const json::object& row, const std::string& token,
                   const std::string& body) {
  const std::string& region = context.caller().region;
  context.erase(signal_key(region, token));
  auto stack = get_stack(context, region, text(row, "Uuid"));
  Resource* resource = stack ? waiting_for(*stack, token) : nullptr;
  if (!resource) return;
  resource->handler.erase("Token");
  if (body.size() > response_bytes_max) {
    resource->handler["TooLong"] = true;
  } else {
    resource->handler["Response"] = body;
  }
  advance(context, *stack);
}

}  // namespace

SignalUrl new_signal_url(Context& context, const std::string& region, const json::object& row) {
  const std::string token = context.secrets().hex(token_digits);
  put_json(context, signal_key(region, token), row);
  return {.token = token,
          .url = fmt::format("{}{}{}/{}", context.endpoint(), signal_path, region, token)};
}

std::string url_for_functions(const Context& context, const std::string& url) {
  const auto endpoint = context.get(function_endpoint_row);
  return endpoint ? *endpoint + url.substr(url.find(signal_path)) : url;
}

void keep_function_endpoint(Context& context, const std::string& endpoint) {
  if (!endpoint.empty()) return context.put(function_endpoint_row, endpoint);
  if (context.get(function_endpoint_row)) context.erase(function_endpoint_row);
}

void revoke_signal_url(Context& context, const std::string& region, const std::string& token) {
  if (token.empty()) return;
  context.erase(signal_key(region, token));
  for (const store::Row& row : context.scan(signals_prefix(region, token))) context.erase(row.key);
}

std::string token_of(std::string_view url) {
  const std::size_t at = url.find(signal_path);
  return at == std::string_view::npos ? "" : std::string(url.substr(url.rfind('/') + 1));
}

std::vector<json::object> signals_of(const Context& context, const std::string& region,
                                     const std::string& token) {
  return list_json(context, signals_prefix(region, token));
}

Result<json::object> signal(Context& context, const json::object& input) {
  const std::string token = text(input, "Token");
  const auto row = token.find('/') == std::string::npos
                       ? get_json(context, signal_key(context.caller().region, token))
                       : std::nullopt;
  if (!row) return fail("AccessDenied", "The URL is not known or was used already.");
  const std::string body = text(input, "Body");
  if (row->contains("Uuid")) {
    keep_response(context, *row, token, body);
  } else {
    KIBAN_TRY_VOID(keep_wait_signal(context, token, body));
  }
  return json::object{};
}

}  // namespace kiban::services::cloudformation
