#include "cli/signal_route.h"

#include "runtime/json_reply.h"
#include "services/cloudformation/signals.h"

namespace kiban::cli {

using services::cloudformation::signal_path;

runtime::Handler make_signal_route(runtime::KernelThread& kernel, std::string account) {
  return [&kernel, account = std::move(account)](const runtime::HttpRequest& request,
                                                 const runtime::Respond& respond) {
    if (request.method != "PUT" && request.method != "POST")
      return runtime::refuse(respond, 405, "A response or a signal is sent by PUT.");
    std::string place = request.target.substr(signal_path.size());
    place = place.substr(0, place.find('?'));
    const std::size_t slash = place.find('/');
    if (slash == std::string::npos) return runtime::refuse(respond, 404, "There is no such URL.");
    kernel.submit({.service = "cloudformation",
                   .operation = "kiban:Signal",
                   .input = {{"Token", place.substr(slash + 1)}, {"Body", request.body}},
                   .caller = {.account = account,
                              .region = place.substr(0, slash),
                              .arn = "cloudformation.amazonaws.com"},
                   .reply = [respond](const Result<json::object>& result) {
                     if (result) return respond([] { return runtime::HttpReply{.status = 200}; });
                     const int status = result.error().name == "AccessDenied" ? 403 : 400;
                     runtime::refuse(respond, status, result.error().cause);
                   }});
  };
}

}  // namespace kiban::cli
