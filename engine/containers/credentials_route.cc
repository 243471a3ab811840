#include "containers/credentials_route.h"

#include <utility>

namespace kiban::containers {
namespace {

runtime::HttpReply reply_of(const Result<json::object>& result) {
  runtime::HttpReply reply{.headers = {{"Content-Type", "application/json"}}};
  if (result) {
    reply.body = print_json(*result);
    return reply;
  }
  reply.status = result.error().name == "NotFound" ? 404 : 403;
  reply.body = print_json({{"code", result.error().name}, {"message", result.error().cause}});
  return reply;
}

}  // namespace

runtime::Handler make_credentials_route(runtime::KernelThread& kernel, std::string account,
                                        std::string region) {
  return [&kernel, account = std::move(account), region = std::move(region)](
             runtime::HttpRequest request, runtime::Respond respond) {
    if (request.method != "GET") {
      respond([] { return reply_of(fail("NotFound", "only GET is served here")); });
      return;
    }
    kernel.submit({.service = "ecs",
                   .operation = "kiban:TaskCredentials",
                   .input = {{"Id", request.target.substr(credentials_path.size())}},
                   .caller = {.account = account, .region = region, .arn = "ecs.amazonaws.com"},
                   .reply = [respond = std::move(respond)](Result<json::object> result) {
                     respond([result = std::move(result)] { return reply_of(result); });
                   }});
  };
}

}  // namespace kiban::containers
