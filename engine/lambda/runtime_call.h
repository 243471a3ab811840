// The requests of a runtime to the Runtime API, and their replies. Pure.
// docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "runtime/http_server.h"

namespace kiban::lambda {

// docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB, as Lambda counts them.
constexpr std::size_t response_bytes_max = 6'291'556;

struct NextCall {};
struct ResponseCall {
  std::string request_id{};
  bool error{false};      // The handler failed; the body says how.
  bool streaming{false};  // Lambda-Runtime-Function-Response-Mode: streaming.
};
struct InitErrorCall {};
struct RefusedCall {
  runtime::HttpReply reply{};
};
using Call = std::variant<NextCall, ResponseCall, InitErrorCall, RefusedCall>;

Call parse_call(const runtime::HttpRequest& request);

// {"errorType", "errorMessage"}
runtime::HttpReply error_reply(int status, std::string_view type, std::string_view message);
runtime::HttpReply accepted_reply();  // 202 {"status":"OK"}

}  // namespace kiban::lambda
