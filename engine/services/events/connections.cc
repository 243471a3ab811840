#include "services/events/connections.h"

#include <fmt/format.h>

#include <array>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/events/http_calls.h"
#include "services/events/http_request.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
constexpr std::size_t connections_max = 3'000;
constexpr std::size_t page_size = 100;

// A row: Name, Arn, Description, Type, State, StateReason, SecretArn, KmsKeyIdentifier, Shown
// (AuthParameters as they may be told), Created, Modified, Authorized (ms).

// The members of the secret. AWS does not document them; the names are those seen in its secrets.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> secret_names{{
    {"Username", "username"},
    {"Password", "password"},
    {"ApiKeyName", "api_key_name"},
    {"ApiKeyValue", "api_key_value"},
    {"ClientID", "client_id"},
    {"ClientSecret", "client_secret"},
    {"AuthorizationEndpoint", "authorization_endpoint"},
    {"HttpMethod", "http_method"},
    {"OAuthHttpParameters", "oauth_http_parameters"},
    {"InvocationHttpParameters", "invocation_http_parameters"},
    {"HeaderParameters", "header_parameters"},
    {"QueryStringParameters", "query_string_parameters"},
    {"BodyParameters", "body_parameters"},
    {"Key", "key"},
    {"Value", "value"},
    {"IsValueSecret", "is_value_secret"},
}};

enum class To : std::uint8_t { Secret, Api };

json::value renamed(const json::value& value, To to) {
  if (const json::array* array = value.if_array()) {
    json::array out;
    for (const json::value& one : *array) out.push_back(renamed(one, to));
    return out;
  }
  const json::object* object = value.if_object();
  if (!object) return value;
  json::object out;
  for (const auto& [name, member] : *object) {
    for (const auto& [api, secret] : secret_names) {
      if (name == (to == To::Secret ? api : secret))
        out[to == To::Secret ? secret : api] = renamed(member, to);
    }
  }
  return out;
}

struct Kind {
  std::string_view type{};
  std::string_view member{};                       // Of AuthParameters.
  std::array<std::string_view, 2> secret_parts{};  // Of that member, never told.
};
constexpr std::array<Kind, 3> kinds{{
    {"BASIC", "BasicAuthParameters", {"Username", "Password"}},
    {"API_KEY", "ApiKeyAuthParameters", {"ApiKeyName", "ApiKeyValue"}},
    {"OAUTH_CLIENT_CREDENTIALS", "OAuthParameters", {"ClientID", "ClientSecret"}},
}};

const Kind& kind_of(std::string_view type) {
  for (const Kind& kind : kinds)
    if (kind.type == type) return kind;
  return kinds.front();
}

bool is_oauth(const json::object& row) { return text(row, "Type") == "OAUTH_CLIENT_CREDENTIALS"; }

// The secret is flat: what authorises, and the parameters of calls.
json::object secret_of(const Kind& kind, const json::object& parameters) {
  json::object flat = parameters.at(kind.member).as_object();
  if (const json::object* client = find_object(flat, "ClientParameters")) {
    const json::object members = *client;
    flat.erase("ClientParameters");
    for (const auto& [name, value] : members) flat[name] = value;
  }
  if (parameters.contains("InvocationHttpParameters"))
    flat["InvocationHttpParameters"] = parameters.at("InvocationHttpParameters");
  return renamed(flat, To::Secret).as_object();
}

json::object parameters_of(const Kind& kind, const json::object& secret) {
  json::object flat = renamed(secret, To::Api).as_object();
  json::object out;
  if (flat.contains("InvocationHttpParameters")) {
    out["InvocationHttpParameters"] = flat.at("InvocationHttpParameters");
    flat.erase("InvocationHttpParameters");
  }
  if (kind.type == "OAUTH_CLIENT_CREDENTIALS") {
    json::object client;
    for (const std::string_view part : kind.secret_parts) {
      client[part] = text(flat, part);
      flat.erase(part);
    }
    flat["ClientParameters"] = std::move(client);
  }
  out[kind.member] = std::move(flat);
  return out;
}

json::value without_secret_values(const json::value& parameters) {
  json::object out;
  for (const auto& [kind, list] : parameters.as_object()) {
    json::array shown;
    for (const json::value& each : list.as_array()) {
      json::object one = each.as_object();
      one["IsValueSecret"] = flag(one, "IsValueSecret");
      if (flag(one, "IsValueSecret")) one.erase("Value");
      shown.emplace_back(std::move(one));
    }
    out[kind] = std::move(shown);
  }
  return out;
}

json::object shown_parameters(const Kind& kind, json::object parameters) {
  json::object& own = parameters[kind.member].as_object();
  own.erase(kind.secret_parts[1]);
  if (own.contains("ClientParameters"))
    own["ClientParameters"].as_object().erase(kind.secret_parts[1]);
  if (own.contains("OAuthHttpParameters"))
    own["OAuthHttpParameters"] = without_secret_values(own["OAuthHttpParameters"]);
  if (parameters.contains("InvocationHttpParameters"))
    parameters["InvocationHttpParameters"] =
        without_secret_values(parameters["InvocationHttpParameters"]);
  return parameters;
}

Result<void> check_parameters(const Kind& kind, const json::object& parameters) {
  for (const Kind& other : kinds) {
    if (other.type != kind.type && parameters.contains(other.member))
      return invalid(fmt::format("Parameter {} is not valid for AuthorizationType {}.",
                                 other.member, kind.type));
  }
  const json::object* own = find_object(parameters, kind.member);
  if (!own)
    return invalid(
        fmt::format("Parameter {} is required for AuthorizationType {}.", kind.member, kind.type));
  const json::object* client = find_object(*own, "ClientParameters");
  const bool oauth = kind.type == "OAUTH_CLIENT_CREDENTIALS";
  for (const std::string_view part : kind.secret_parts) {
    const json::object& holder = oauth && client ? *client : *own;
    if (text(holder, part).empty())
      return invalid(
          fmt::format("Parameter {} is required for AuthorizationType {}.", part, kind.type));
  }
  if (!oauth) return {};
  if (text(*own, "HttpMethod").empty())
    return invalid("Parameter HttpMethod is required for OAuthParameters.");
  const std::string complaint = complaint_about(text(*own, "AuthorizationEndpoint"));
  if (complaint.empty()) return {};
  return invalid(
      fmt::format("Parameter AuthorizationEndpoint is not valid. Reason: {}.", complaint));
}

// What is for private APIs, reached through VPC Lattice.
Result<void> refuse_private(const json::object& input, std::string_view operation) {
  KIBAN_TRY_VOID(refuse_members(input, operation, {"InvocationConnectivityParameters"}));
  if (const json::object* parameters = find_object(input, "AuthParameters"))
    KIBAN_TRY_VOID(refuse_members(*parameters, operation, {"ConnectivityParameters"}));
  return {};
}

std::unexpected<Error> not_found(std::string_view name) {
  return fail(
      "ResourceNotFoundException",
      fmt::format("Failed to describe the connection(s). Connection '{}' does not exist.", name));
}

Result<json::object> load(const Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (auto row = get_json(context, connection_key(context, name))) return *std::move(row);
  return not_found(name);
}

double seconds_of(const json::object& row, std::string_view member) {
  return epoch_seconds(Timestamp{Duration{number(row, member, 0)}});
}

json::object with_times(const json::object& row, json::object shown) {
  shown["ConnectionState"] = row.at("State");
  shown["CreationTime"] = seconds_of(row, "Created");
  shown["LastModifiedTime"] = seconds_of(row, "Modified");
  if (row.contains("Authorized")) shown["LastAuthorizedTime"] = seconds_of(row, "Authorized");
  return shown;
}

// What the operations that change a connection answer.
json::object outlined(const json::object& row) {
  return with_times(row, {{"ConnectionArn", row.at("Arn")}});
}

json::object listed(const json::object& row) {
  json::object shown{{"ConnectionArn", row.at("Arn")},
                     {"Name", row.at("Name")},
                     {"AuthorizationType", row.at("Type")}};
  if (row.contains("StateReason")) shown["StateReason"] = row.at("StateReason");
  return with_times(row, std::move(shown));
}

Caller itself(const Context& context) {
  return events_caller(context.caller().account, context.caller().region);
}

// Puts the parameters into the connection's secret, made when there is none.
Result<void> keep_secret(Context& context, json::object& row, const json::object& parameters) {
  const Kind& kind = kind_of(text(row, "Type"));
  const std::string value = print_json(secret_of(kind, parameters));
  if (row.contains("SecretArn")) {
    KIBAN_TRY_VOID(context.call("secretsmanager", "PutSecretValue",
                                {{"SecretId", row.at("SecretArn")}, {"SecretString", value}},
                                itself(context)));
  } else {
    json::object input{{"Name", fmt::format("events!connection/{}/{}", text(row, "Name"),
                                            context.random().uuid())},
                       {"SecretString", value}};
    if (row.contains("KmsKeyIdentifier")) input["KmsKeyId"] = row.at("KmsKeyIdentifier");
    KIBAN_TRY(const json::object made,
              context.call("secretsmanager", "CreateSecret", input, itself(context)));
    row["SecretArn"] = made.at("ARN");
  }
  row["Shown"] = shown_parameters(kind, parameters);
  return {};
}

void drop_secret(Context& context, json::object& row) {
  if (row.contains("SecretArn"))
    (void)context.call("secretsmanager", "DeleteSecret",
                       {{"SecretId", row.at("SecretArn")}, {"ForceDeleteWithoutRecovery", true}},
                       itself(context));
  row.erase("SecretArn");
  row.erase("Shown");
}

// New parameters are there: authorised, or on the way.
Result<void> authorize(Context& context, json::object& row) {
  row.erase("StateReason");
  row["State"] = is_oauth(row) ? "AUTHORIZING" : "AUTHORIZED";
  if (!is_oauth(row)) row["Authorized"] = context.now().time_since_epoch().count();
  put_json(context, connection_key(context, text(row, "Name")), row);
  forget_token(context, text(row, "Name"));
  if (is_oauth(row)) return fetch_token(context, text(row, "Arn"));
  resume_calls(context, text(row, "Name"));
  return {};
}

// Members that an update leaves out stay.
json::object merged(json::object old, const json::object& given) {
  for (const auto& [name, value] : given) {
    json::value* had = old.if_contains(name);
    const bool deeper =
        had && had->is_object() && value.is_object() && !name.ends_with("HttpParameters");
    if (deeper)
      *had = merged(had->get_object(), value.get_object());
    else
      old[name] = value;
  }
  return old;
}

}  // namespace

Result<json::object> create_connection(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  KIBAN_TRY_VOID(refuse_private(input, "CreateConnection"));
  const Kind& kind = kind_of(text(input, "AuthorizationType"));
  const json::object* parameters = find_object(input, "AuthParameters");
  KIBAN_TRY_VOID(check_parameters(kind, parameters ? *parameters : json::object{}));
  if (context.get(connection_key(context, name)))
    return fail("ResourceAlreadyExistsException",
                fmt::format("Connection {} already exists.", name));
  if (context.scan(connection_key(context, ""), {}, connections_max).size() >= connections_max)
    return fail("LimitExceededException",
                "The requested resource exceeds the maximum number allowed.");
  const std::int64_t now = context.now().time_since_epoch().count();
  json::object row{
      {"Name", name},
      {"Arn",
       make_arn(context, "events", fmt::format("connection/{}/{}", name, context.random().uuid()))},
      {"Type", kind.type},
      {"Created", now},
      {"Modified", now}};
  for (const char* member : {"Description", "KmsKeyIdentifier"})
    if (!text(input, member).empty()) row[member] = input.at(member);
  KIBAN_TRY_VOID(keep_secret(context, row, *parameters));
  KIBAN_TRY_VOID(authorize(context, row));
  return outlined(row);
}

Result<json::object> update_connection(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_private(input, "UpdateConnection"));
  KIBAN_TRY_VOID(refuse_members(input, "UpdateConnection", {"KmsKeyIdentifier"}));
  KIBAN_TRY(json::object row, load(context, input));
  const std::string type = text(input, "AuthorizationType", text(row, "Type"));
  const json::object* given = find_object(input, "AuthParameters");
  if (!given && type != text(row, "Type"))
    return invalid("Parameter AuthParameters is required to change AuthorizationType.");
  row["Modified"] = context.now().time_since_epoch().count();
  if (input.contains("Description")) row["Description"] = input.at("Description");
  json::object parameters;
  if (type == text(row, "Type") && row.contains("SecretArn")) {
    if (auto old = open_row(context, row, itself(context))) parameters = old->parameters;
  }
  row["Type"] = type;
  parameters = merged(std::move(parameters), given ? *given : json::object{});
  if (!given && !row.contains("SecretArn")) {  // Still without authorization.
    put_json(context, connection_key(context, text(row, "Name")), row);
    return outlined(row);
  }
  KIBAN_TRY_VOID(check_parameters(kind_of(type), parameters));
  KIBAN_TRY_VOID(keep_secret(context, row, parameters));
  KIBAN_TRY_VOID(authorize(context, row));
  return outlined(row);
}

Result<json::object> describe_connection(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, input));
  json::object shown = listed(row);
  for (const char* member : {"Description", "SecretArn", "KmsKeyIdentifier"})
    if (row.contains(member)) shown[member] = row.at(member);
  if (row.contains("Shown")) shown["AuthParameters"] = row.at("Shown");
  return shown;
}

Result<json::object> list_connections(Context& context, const json::object& input) {
  json::array all;
  const std::string state = text(input, "ConnectionState");
  for (const json::object& row :
       list_json(context, connection_key(context, text(input, "NamePrefix")))) {
    if (state.empty() || text(row, "State") == state) all.push_back(listed(row));
  }
  const auto limit = static_cast<std::size_t>(number(input, "Limit", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"Connections", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

// "Removes all authorization parameters from the connection."
Result<json::object> deauthorize_connection(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, input));
  drop_secret(context, row);
  forget_token(context, text(row, "Name"));
  row["Modified"] = context.now().time_since_epoch().count();
  set_state(context, row, "DEAUTHORIZED");
  resume_calls(context, text(row, "Name"));
  row["State"] = "DEAUTHORIZING";
  return outlined(row);
}

Result<json::object> delete_connection(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, input));
  drop_secret(context, row);
  forget_token(context, text(row, "Name"));
  context.erase(connection_key(context, text(row, "Name")));
  resume_calls(context, text(row, "Name"));
  row["State"] = "DELETING";
  return outlined(row);
}

std::optional<json::object> find_connection(const Context& context, std::string_view text_of_arn) {
  const auto arn = parse_arn(text_of_arn);
  constexpr std::string_view mark = "connection/";
  if (!arn || arn->service != "events" || !arn->resource.starts_with(mark)) return std::nullopt;
  std::string name = arn->resource.substr(mark.size());
  name = name.substr(0, name.find('/'));
  auto row = get_json(context, connection_key(context, name));
  if (!row || text(*row, "Arn") != text_of_arn) return std::nullopt;
  return row;
}

void set_state(Context& context, json::object row, std::string_view state,
               std::string_view reason) {
  row["State"] = state;
  row.erase("StateReason");
  if (!reason.empty()) row["StateReason"] = reason.substr(0, 512);
  if (state == "AUTHORIZED") row["Authorized"] = context.now().time_since_epoch().count();
  put_json(context, connection_key(context, text(row, "Name")), row);
}

Result<Connection> open_row(Context& context, json::object row, const Caller& as) {
  const auto secret =
      context.call("secretsmanager", "GetSecretValue", {{"SecretId", text(row, "SecretArn")}}, as);
  const auto value = secret ? parse_json(text(*secret, "SecretString"))
                            : Result<json::value>{std::unexpected(secret.error())};
  if (value && value->is_object())
    return Connection{.row = row,
                      .parameters = parameters_of(kind_of(text(row, "Type")), value->get_object())};
  if (!secret && secret.error().name.starts_with("AccessDenied"))
    return fail("Events.ConnectionResource.AccessDenied", secret.error().cause);
  const std::string reason = fmt::format("The secret of the connection can't be read: {}",
                                         secret ? "it is no JSON object" : secret.error().cause);
  set_state(context, std::move(row), "DEAUTHORIZED", reason);
  return fail("Events.ConnectionResource.InvalidConnectionState", reason);
}

Result<Connection> open_connection(Context& context, std::string_view arn, const Caller& as) {
  auto row = find_connection(context, arn);
  if (!row)
    return fail("Events.ConnectionResource.ResourceNotFound",
                fmt::format("Connection {} does not exist.", arn));
  const std::string state = text(*row, "State");
  if (state == "AUTHORIZING")
    return fail("Events.ConnectionResource.AuthInProgress",
                fmt::format("Connection {} is being authorized.", arn));
  if (state != "AUTHORIZED")
    return fail("Events.ConnectionResource.InvalidConnectionState",
                fmt::format("Connection {} is {}{}{}.", arn, state,
                            row->contains("StateReason") ? ": " : "", text(*row, "StateReason")));
  return open_row(context, *std::move(row), as);
}

}  // namespace kiban::services::events
