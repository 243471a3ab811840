#include "services/events/http_calls.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/events/connections.h"
#include "services/events/http_request.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::int64_t token_timeout_seconds = 30;  // Ours.
// "If the token expires within 60 seconds" it is fetched anew.
constexpr Duration token_margin = std::chrono::seconds{60};

// The token's row: "Token", "Expires" (ms) when it does, "Fetching": the effect that is under way.
std::string token_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("token/{}", name));
}
std::string waiting_key(const Context& context, std::string_view name, std::string_view id) {
  return region_key(context, fmt::format("awaiting-token/{}/{}", name, id));
}

Caller itself(const Context& context) {
  return events_caller(context.caller().account, context.caller().region);
}

void add_parameters(const json::object& holder, std::string_view member, Additions& additions) {
  const json::object* parameters = find_object(holder, member);
  if (!parameters) return;
  const auto add = [&](std::string_view list, Pairs& to) {
    const json::array* all = find_array(*parameters, list);
    for (const json::value& one : all ? *all : json::array{})
      to.emplace_back(text(one.as_object(), "Key"), text(one.as_object(), "Value"));
  };
  add("HeaderParameters", additions.headers);
  add("QueryStringParameters", additions.query);
  add("BodyParameters", additions.body);
}

Additions additions_of(const Connection& connection, std::string_view token) {
  Additions out;
  const json::object& parameters = connection.parameters;
  const std::string type = text(connection.row, "Type");
  if (type == "BASIC") {
    const json::object& basic = parameters.at("BasicAuthParameters").as_object();
    out.headers.emplace_back(
        "Authorization", "Basic " + api::encode_base64(fmt::format("{}:{}", text(basic, "Username"),
                                                                   text(basic, "Password"))));
  } else if (type == "API_KEY") {
    const json::object& key = parameters.at("ApiKeyAuthParameters").as_object();
    out.headers.emplace_back(text(key, "ApiKeyName"), text(key, "ApiKeyValue"));
  } else {
    out.headers.emplace_back("Authorization", fmt::format("Bearer {}", token));
  }
  add_parameters(parameters, "InvocationHttpParameters", out);
  return out;
}

// AWS does not document its request for a token. This is RFC 6749's, 4.4.2, with the client's
// credentials among the parameters; the connection's OAuthHttpParameters go before.
Result<json::object> token_request(const json::object& oauth) {
  Additions additions;
  add_parameters(oauth, "OAuthHttpParameters", additions);
  const json::object& client = oauth.at("ClientParameters").as_object();
  const json::object fields{{"grant_type", "client_credentials"},
                            {"client_id", text(client, "ClientID")},
                            {"client_secret", text(client, "ClientSecret")}};
  const std::string method = text(oauth, "HttpMethod", "POST");
  json::object call{{"Method", method},
                    {"Url", text(oauth, "AuthorizationEndpoint")},
                    {"Headers", {{"Accept", "application/json"}}},
                    {"Fixed", {{"User-Agent", "Amazon/EventBridge/ApiDestinations"}}},
                    {"TimeoutSeconds", token_timeout_seconds}};
  if (method == "GET") {
    call["Query"] = fields;
  } else {
    call["Body"] = fields;
    call["ArrayFormat"] = "INDICES";
    call["ContentType"] = "application/x-www-form-urlencoded";
  }
  return build_request(call, additions);
}

void perform(Context& context, std::string id, json::object payload) {
  payload["Region"] = context.caller().region;
  payload["Account"] = context.caller().account;
  context.perform({.service = "events",
                   .kind = "http.post",
                   .id = std::move(id),
                   .payload = std::move(payload)});
}

Result<void> start_fetch(Context& context, const Connection& connection) {
  const std::string key = token_key(context, text(connection.row, "Name"));
  json::object row = get_json(context, key).value_or(json::object{});
  if (row.contains("Fetching")) return {};
  KIBAN_TRY(json::object request,
            token_request(connection.parameters.at("OAuthParameters").as_object()));
  const std::string id = fmt::format("token/{}", context.random().uuid());
  row["Fetching"] = id;
  put_json(context, key, row);
  request["TokenOf"] = text(connection.row, "Arn");
  request["Fetch"] = id;
  perform(context, id, std::move(request));
  return {};
}

std::optional<std::string> fresh_token(const Context& context, std::string_view name) {
  const auto row = get_json(context, token_key(context, name));
  if (!row || !row->contains("Token")) return std::nullopt;
  const Timestamp expires{Duration{number(*row, "Expires", INT64_MAX / 2)}};
  if (context.now() + token_margin >= expires) return std::nullopt;
  return text(*row, "Token");
}

Result<void> send(Context& context, const json::object& call, const Connection& connection) {
  const std::string name = text(connection.row, "Name");
  std::string token;
  if (text(connection.row, "Type") == "OAUTH_CLIENT_CREDENTIALS") {
    const auto kept = fresh_token(context, name);
    if (!kept) {
      put_json(context, waiting_key(context, name, context.random().uuid()), call);
      return start_fetch(context, connection);
    }
    token = *kept;
  }
  KIBAN_TRY(json::object request, build_request(call, additions_of(connection, token)));
  request["Call"] = call;
  perform(context, fmt::format("call/{}", context.random().uuid()), std::move(request));
  return {};
}

void tell(Context& context, const json::object& call, const json::object& request,
          const json::object& reply) {
  const json::object& owner = call.at("Owner").as_object();
  const std::string service = text(owner, "Service");
  const auto plain = build_request(call, {});
  (void)context.call(service, text(owner, "Operation"),
                     {{"Payload", owner.at("Payload")},
                      {"Request", request},
                      {"Plain", plain ? *plain : json::object{}},
                      {"Reply", reply}},
                     {.account = text(owner, "Account"),
                      .region = text(owner, "Region"),
                      .arn = service + ".amazonaws.com"});
}

// The token in a reply, or why there is none.
Result<json::object> read_token(const Context& context, const json::object& reply) {
  if (reply.contains("Error"))
    return fail("NoToken", fmt::format("{}: {}", text(reply, "Error"), text(reply, "Cause")));
  const std::int64_t status = number(reply, "Status", 0);
  if (status < 200 || status > 299)
    return fail("NoToken", fmt::format("the authorization endpoint answered {} {}", status,
                                       text(reply, "Reason")));
  const auto body = parse_json(text(reply, "Body"));
  const std::string token =
      body && body->is_object() ? text(body->get_object(), "access_token") : std::string();
  if (token.empty())
    return fail("NoToken", "the authorization endpoint's answer has no access_token");
  json::object row{{"Token", token}};
  const json::value* seconds = find(body->get_object(), "expires_in");
  // Some servers give it as text.
  std::int64_t lifetime = number(body->get_object(), "expires_in", 0);
  if (seconds && seconds->is_string()) {
    const auto parsed = parse_json(seconds->get_string());
    if (parsed && parsed->is_int64()) lifetime = parsed->get_int64();
  }
  if (seconds)
    row["Expires"] = (context.now() + std::chrono::seconds{lifetime}).time_since_epoch().count();
  return row;
}

void on_token(Context& context, const json::object& effect, const json::object& reply) {
  const auto connection = find_connection(context, text(effect, "TokenOf"));
  if (!connection) return;
  const std::string name = text(*connection, "Name");
  const auto row = get_json(context, token_key(context, name));
  if (!row || text(*row, "Fetching") != text(effect, "Fetch")) return;  // It was changed meanwhile.
  auto token = read_token(context, reply);
  if (token) {
    put_json(context, token_key(context, name), *token);
    set_state(context, *connection, "AUTHORIZED");
  } else {
    context.erase(token_key(context, name));
    set_state(context, *connection, "DEAUTHORIZED",
              fmt::format("No OAuth token could be had: {}.", token.error().cause));
  }
  resume_calls(context, name);
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-deauthorize.html
void on_refused(Context& context, const json::object& call, std::int64_t status) {
  const auto row = find_connection(context, text(call, "ConnectionArn"));
  if (!row) return;
  if (text(*row, "Type") == "OAUTH_CLIENT_CREDENTIALS") {
    const std::string key = token_key(context, text(*row, "Name"));
    const auto token = get_json(context, key);
    if (token && !token->contains("Fetching")) context.erase(key);
  } else if (flag(call, "Deauthorizes") && text(*row, "State") == "AUTHORIZED") {
    set_state(context, *row, "DEAUTHORIZED",
              fmt::format("{} {} answered {}.", text(call, "Method"), text(call, "Url"), status));
  }
}

}  // namespace

Result<json::object> call_http(Context& context, const json::object& call) {
  if (call.contains("Requests")) KIBAN_TRY_VOID(decide_given(context, call));
  if (const std::string complaint = complaint_about(text(call, "Url")); !complaint.empty())
    return fail("States.Runtime", fmt::format("The endpoint is not valid: {}.", complaint));
  KIBAN_TRY(const Connection connection,
            open_connection(context, text(call, "ConnectionArn"), context.caller()));
  // What can't be built at all is told at once, not after a token came.
  KIBAN_TRY_VOID(build_request(call, additions_of(connection, "")));
  KIBAN_TRY_VOID(send(context, call, connection));
  return json::object{};
}

Result<void> fetch_token(Context& context, std::string_view connection_arn) {
  auto row = find_connection(context, connection_arn);
  if (!row)
    return fail("ResourceNotFoundException",
                fmt::format("Connection {} does not exist.", connection_arn));
  KIBAN_TRY(const Connection connection, open_row(context, *std::move(row), itself(context)));
  return start_fetch(context, connection);
}

void forget_token(Context& context, std::string_view connection_name) {
  context.erase(token_key(context, connection_name));
}

void resume_calls(Context& context, std::string_view connection_name) {
  for (const store::Row& row : context.scan(waiting_key(context, connection_name, ""))) {
    const auto call = get_json(context, row.key);
    context.erase(row.key);
    const auto connection = open_connection(context, text(*call, "ConnectionArn"), itself(context));
    const Result<void> sent = connection ? send(context, *call, *connection)
                                         : Result<void>{std::unexpected(connection.error())};
    if (!sent)
      tell(context, *call, {}, {{"Error", sent.error().name}, {"Cause", sent.error().cause}});
  }
}

void on_http_outcome(Context& context, const json::object& effect, const json::object& reply) {
  if (effect.contains("TokenOf")) return on_token(context, effect, reply);
  const json::object& call = effect.at("Call").as_object();
  const std::int64_t status = number(reply, "Status", 0);
  if (status == 401 || status == 407) on_refused(context, call, status);
  json::object request = effect;
  for (const char* ours : {"Call", "Region", "Account"}) request.erase(ours);
  tell(context, call, request, reply);
}

}  // namespace kiban::services::events
