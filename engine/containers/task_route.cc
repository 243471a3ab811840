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
                                 std::string account, std::string region) {
  const bool credentials = path == runtime::task_credentials_path;
  return
      [&kernel, credentials, skip = path.size(), account = std::move(account),
       region = std::move(region)](const runtime::HttpRequest& request, runtime::Respond respond) {
        if (request.method != "GET") {
          respond([] { return reply_of(fail("NotFound", "only GET is served here")); });
          return;
        }
        kernel.submit({.service = "ecs",
                       .operation = credentials ? "kiban:TaskCredentials" : "kiban:TaskMetadata",
                       .input = {{credentials ? "Id" : "Path", request.target.substr(skip)}},
                       .caller = {.account = account, .region = region, .arn = "ecs.amazonaws.com"},
                       .reply = [respond = std::move(respond)](Result<json::object> result) {
                         respond([result = std::move(result)] { return reply_of(result); });
                       }});
      };
}

}  // namespace kiban::containers
