// A request to somebody's HTTP API, out of what was asked for and what a connection adds.
// https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace kiban::services::events {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// What a connection adds; it goes before what the caller asked for.
struct Additions {
  Pairs headers{};
  Pairs query{};
  Pairs body{};
};

// AWS calls HTTPS only. kiban also calls plain HTTP on this machine's own loopback, where a
// developer's server listens: localhost, *.localhost, 127.0.0.0/8, [::1]. The text says what is
// wrong; empty: nothing.
std::string complaint_about(std::string_view url);

// The payload of the effect http.post of a call:
//   {"Method", "Url", "Headers"?: {name: text}, "Query"?: {name: value or list}, "BodyText"? |
//   "Body"?: any,
//    "ArrayFormat"?: the body is a form, "ContentType"?: of a body, when nobody else says,
//    "Fixed"?: headers that nobody overrides, "TimeoutSeconds"}
// A body that is text is sent as it is. Error States.Runtime: the connection has body parameters
// and the body is no JSON object.
Result<json::object> build_request(const json::object& call, const Additions& additions);

// "a%5B0%5D=1&b=x": application/x-www-form-urlencoded. `array_format` is INDICES, REPEAT, COMMAS
// or BRACKETS.
std::string encode_form(const json::value& value, std::string_view array_format);

}  // namespace kiban::services::events
