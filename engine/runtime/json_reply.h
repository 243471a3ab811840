// Replies of the server's own routes, which are JSON.
#pragma once

#include <string>

#include "core/json.h"
#include "runtime/http_server.h"

namespace kiban::runtime {

inline void respond_with(const Respond& respond, int status, const json::object& value) {
  respond([reply = HttpReply{.status = status,
                             .headers = {{"Content-Type", "application/json"}},
                             .body = print_json(value) + "\n"}] { return reply; });
}

inline void refuse(const Respond& respond, int status, const std::string& why) {
  respond_with(respond, status, {{"message", why}});
}

}  // namespace kiban::runtime
