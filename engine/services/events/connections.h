// Connections: how somebody's HTTP API is authorised to. What is secret of one lies in the secret
// `events!connection/NAME/UUID` of Secrets Manager, from where each call reads it, and is never
// told.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection.html
//
// BASIC and API_KEY are AUTHORIZED at once. OAUTH_CLIENT_CREDENTIALS is AUTHORIZING until its first
// token came, and DEAUTHORIZED, with a StateReason, when none did: as at AWS, UpdateConnection
// then authorises anew.
#pragma once

#include <string>

#include "services/base/service.h"

namespace kiban::services::events {

Result<json::object> create_connection(Context& context, const json::object& input);
Result<json::object> update_connection(Context& context, const json::object& input);
Result<json::object> describe_connection(Context& context, const json::object& input);
Result<json::object> list_connections(Context& context, const json::object& input);
Result<json::object> deauthorize_connection(Context& context, const json::object& input);
Result<json::object> delete_connection(Context& context, const json::object& input);

// The row of a connection by its ARN; nothing when it is gone or another has its name now.
std::optional<json::object> find_connection(const Context& context, std::string_view arn);

// A connection in use.
struct Connection {
  json::object row{};
  json::object parameters{};  // AuthParameters with all that is secret.
};
// Reads the secret as `as`. Errors as a state machine sees them:
// Events.ConnectionResource.ResourceNotFound, .InvalidConnectionState, .AuthInProgress,
// .AccessDenied. A connection whose secret is gone becomes DEAUTHORIZED.
Result<Connection> open_connection(Context& context, std::string_view arn, const Caller& as);
// While it is AUTHORIZING too.
Result<Connection> open_row(Context& context, json::object row, const Caller& as);

void set_state(Context& context, json::object row, std::string_view state,
               std::string_view reason = {});

}  // namespace kiban::services::events
