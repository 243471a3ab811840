// Calls of HTTP APIs through connections. What is sent is an effect, performed by the runtime; what
// comes back is told to whoever asked, by an operation of their own:
//   {"Payload": theirs, "Request": as sent, "Plain": without what the connection adds,
//    "Reply": {"Status", "Reason", "Headers", "Body"} or {"Error", "Cause"}}
// A call of an OAuth connection waits for a token when there is none. A token is kept until a
// minute before it expires, or a call is answered 401 or 407.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::events {

// Not in the API. Called as whoever needs the right to use the connection. The input is a call as
// build_request takes it (http_request.h) and {"ConnectionArn", "Requests": what the caller needs
// besides (services/base/rights.h), "Deauthorizes": does a 401 deauthorise a connection without
// OAuth?, "Owner": {"Service", "Operation", "Region", "Account", "Payload"}}. Errors as of
// open_connection, States.Runtime.
constexpr std::string_view call_operation = "kiban:CallHttp";
Result<json::object> call_http(Context& context, const json::object& call);

// What came of an effect of ours.
void on_http_outcome(Context& context, const json::object& effect, const json::object& reply);

void forget_token(Context& context, std::string_view connection_name);
// Calls that waited for a token go on, or learn that there will be none.
void resume_calls(Context& context, std::string_view connection_name);
// Makes an AUTHORIZING connection AUTHORIZED, in the end.
Result<void> fetch_token(Context& context, std::string_view connection_arn);

}  // namespace kiban::services::events
