#include "lambda/runtime_call.h"

#include <fmt/format.h>

#include "core/json.h"
#include "core/letters.h"

namespace kiban::lambda {
namespace {

constexpr std::string_view prefix = "/2018-06-01/runtime/";
constexpr std::string_view invocation = "invocation/";

RefusedCall refuse(int status, std::string_view type, std::string_view message) {
  return {.reply = error_reply(status, type, message)};
}

RefusedCall not_served(std::string_view what) {
  return refuse(501, "NotImplemented", fmt::format("kiban does not serve {} to functions", what));
}

bool wants_streaming(const runtime::HttpRequest& request) {
  for (const auto& [name, value] : request.headers)
    if (same_letters(name, "lambda-runtime-function-response-mode"))
      return same_letters(value, "streaming");
  return false;
}

// APIs of the same address that are another's. The dates are those of their versions.
// docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html, telemetry-api-reference.html
std::string_view other_api(std::string_view path) {
  if (path.starts_with("/2020-01-01/extension")) return "the Extensions API";
  if (path.starts_with("/2020-08-15/logs")) return "the Logs API";
  if (path.starts_with("/2022-07-01/telemetry")) return "the Telemetry API";
  if (path.starts_with("/2018-06-01/runtime/restore")) return "SnapStart (runtime/restore)";
  return {};
}

}  // namespace

Call parse_call(const runtime::HttpRequest& request) {
  const std::string_view path =
      std::string_view(request.target).substr(0, request.target.find('?'));
  if (const std::string_view other = other_api(path); !other.empty()) return not_served(other);
  const bool post = request.method == "POST";
  const auto wrong_method = [] {
    return refuse(405, "MethodNotAllowed", "the Runtime API has no such method at this path");
  };
  if (!path.starts_with(prefix)) return refuse(404, "NotFound", "page not found");
  std::string_view rest = path.substr(prefix.size());
  if (rest == "init/error") return post ? Call{InitErrorCall{}} : wrong_method();
  if (rest == "invocation/next")
    return request.method == "GET" ? Call{NextCall{}} : Call{wrong_method()};
  if (!rest.starts_with(invocation)) return refuse(404, "NotFound", "page not found");
  rest.remove_prefix(invocation.size());
  const std::size_t slash = rest.find('/');
  const std::string_view verb = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
  if (verb != "response" && verb != "error") return refuse(404, "NotFound", "page not found");
  if (!post) return wrong_method();
  return ResponseCall{.request_id = std::string(rest.substr(0, slash)),
                      .error = verb == "error",
                      .streaming = wants_streaming(request)};
}

runtime::HttpReply error_reply(int status, std::string_view type, std::string_view message) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = print_json(json::object{{"errorMessage", message}, {"errorType", type}})};
}

runtime::HttpReply accepted_reply() {
  return {.status = 202,
          .headers = {{"Content-Type", "application/json"}},
          .body = R"({"status":"OK"})"};
}

}  // namespace kiban::lambda
