// Refuses requests of web pages of other sites, and requests whose Host is not a name of this
// server.
//
// Browsers send a page's requests to any address, loopback included; Origin, Referer and
// Sec-Fetch-Site name the page's site. The Host header identifies a page whose own name was made to
// resolve to this server (DNS rebinding). https://fetch.spec.whatwg.org/#origin-header,
// https://www.w3.org/TR/fetch-metadata/
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http_server.h"

namespace kiban::runtime {

struct AdmissionOptions {
  // Addresses of this server, besides loopback and the one that a request came in by.
  std::vector<std::string> addresses{};
  std::vector<std::string> hosts{};    // Further names: "kiban", "*.example".
  std::vector<std::string> origins{};  // Sites whose pages may call: "http://localhost:3000".
};

class Admission {
 public:
  // Error `WrongUsage` for a host or an origin that is not written as one.
  static Result<Admission> create(AdmissionOptions options);

  // The reply to send instead of serving the request: 403, or the answer to a preflight request of
  // an allowed origin. nullopt: the request is served.
  std::optional<HttpReply> refuse(const HttpRequest& request) const;
  // Wraps the handler: replies to an allowed origin carry the CORS headers that let its pages read
  // them.
  Handler with_cors(Handler handler) const;

 private:
  explicit Admission(AdmissionOptions options) : options_(std::move(options)) {}
  bool is_own_host(std::string_view host, std::string_view local) const;
  bool is_allowed_origin(std::string_view origin) const;

  AdmissionOptions options_;
};

}  // namespace kiban::runtime
