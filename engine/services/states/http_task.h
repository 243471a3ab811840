// HTTP Tasks, arn:aws:states:::http:invoke: EventBridge calls the API through a connection, and the
// task ends when the answer is there.
// https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
#pragma once

#include <variant>

#include "asl/interpreter.h"
#include "services/base/service.h"
#include "services/states/integrations.h"

namespace kiban::services::states {

// Not in the API: takes what came of a call, as services/events/http_calls.h tells it, with the
// Payload that call_http was given.
constexpr std::string_view answered_operation = "kiban:HttpAnswered";

bool is_http_task(const asl::TaskResource& resource);

// Begins the call. Refused with States.Runtime when the parameters are no request, and with
// Events.ConnectionResource.… when the connection can't be used. An ApiEndpoint of plain HTTP is
// called on loopback only.
std::variant<Called, Refused> call_http(Context& context, const asl::StartTask& task,
                                        const Origin& origin, const Caller& as,
                                        const json::object& payload);

// {"Headers", "ResponseBody", "StatusCode", "StatusText"}. Refused with
// States.Http.StatusCode.NNN for any status but 2xx, with States.Http.Socket when no answer came
// within 60 seconds, with States.Runtime for an answer that is no text.
std::variant<Called, Refused> read_http_answer(const json::object& answer);

// What TestState's TRACE shows of it: {"request", "response"}. Without secrets the request is
// shown as the state defines it, without what the connection adds.
enum class Secrets : std::uint8_t { Hide, Reveal };
json::object http_trace(const json::object& answer, Secrets secrets);

}  // namespace kiban::services::states
