// Who may talk to the server at all: no web page of another site, and nobody under a name that is
// not this server's.
//
// Browsers send a page's requests to any address, loopback included, and tell by Origin, Referer
// and Sec-Fetch-Site whose page it was. A page whose own name was made to resolve to this server
// (DNS rebinding) is told by its Host. https://fetch.spec.whatwg.org/#origin-header,
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
  std::vector<std::string> origins{};  // Whose pages may call: "http://localhost:3000".
};

class Admission {
 public:
  // Error `WrongUsage` for a host or an origin that is not written as one.
  static Result<Admission> create(AdmissionOptions options);

  // What to reply instead of serving the request: 403, or the answer to a preflight of an origin
  // that is allowed.
  std::optional<HttpReply> refuse(const HttpRequest& request) const;
  // The same handler, whose replies an allowed origin's pages may read.
  Handler with_cors(Handler handler) const;

 private:
  explicit Admission(AdmissionOptions options) : options_(std::move(options)) {}
  bool is_own_host(std::string_view host, std::string_view local) const;
  bool is_allowed_origin(std::string_view origin) const;

  AdmissionOptions options_;
};

}  // namespace kiban::runtime
