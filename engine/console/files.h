// How the console's files are served: by name, compressed, with headers that keep the page to
// itself.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "console/assets.h"
#include "runtime/http_server.h"

namespace kiban::console {

// Whether a request's Accept-Encoding admits the coding: RFC 9110, 12.5.3. A request without the
// header admits everything; "*" and q-values count.
bool admits_coding(const runtime::HttpRequest& request, std::string_view coding);

// GET or HEAD of `path`, below the prefix and without a query. A path that no asset has is answered
// with index.html, as the page routes by its own URL; below "assets/" it is 404. A client that
// admits neither brotli nor gzip gets 406.
runtime::HttpReply serve_file(std::span<const Asset> all, const runtime::HttpRequest& request,
                              std::string_view path);

// Adds what every reply of the console has: the content security policy and its like.
void add_security_headers(runtime::HttpReply& reply);

}  // namespace kiban::console
