#include "containers/task_route.h"

#include <utility>

#include "runtime/process_driver.h"

namespace kiban::containers {
namespace {

runtime::HttpReply reply_of(const Result<json::object>& result) {
  runtime::HttpReply reply{.headers = {{"Content-Type", "application/json"}}};
  if (result) {
    reply.body = print_json(*result);
    return reply;
  }
  const std::string& name = result.error().name;
  reply.status = name == "NotFound" ? 404 : name == "NotServed" ? 501 : 403;
  reply.body = print_json({{"code", result.error().name}, {"message", result.error().cause}});
  return reply;
}

}  // namespace

runtime::Handler make_task_route(std::string_view path, runtime::KernelThread& kernel,
                                 TaskRouteScope scope, TaskAt task_at) {
  const bool credentials = path == runtime::task_credentials_path;
  return [&kernel, credentials, skip = path.size(), scope = std::move(scope),
          task_at = std::move(task_at)](const runtime::HttpRequest& request,
                                        runtime::Respond respond) {
    if (request.method != "GET") {
      respond([] { return reply_of(fail("NotFound", "only GET is served here")); });
      return;
    }
    json::object input{{credentials ? "Id" : "Path", request.target.substr(skip)}};
    if (const auto task = task_at(request.peer)) input["Task"] = *task;
    kernel.submit(
        {.service = "ecs",
         .operation = credentials ? "kiban:TaskCredentials" : "kiban:TaskMetadata",
         .input = std::move(input),
         .caller = {.account = scope.account, .region = scope.region, .arn = "ecs.amazonaws.com"},
         .reply = [respond = std::move(respond)](Result<json::object> result) {
           respond([result = std::move(result)] { return reply_of(result); });
         }});
  };
}

}  // namespace kiban::containers
