// Lines "name: value" are the headers. Every Host and Origin of a request that is admitted names
// this server: localhost or a name below it, an allowed name or a name below it, or an IP address.
#include <algorithm>
#include <string>

#include "core/letters.h"
#include "core/result.h"
#include "runtime/admission.h"

namespace {

// The host of "scheme://host:port/path" or "host:port", in lower case and without a final dot.
std::string host_in(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  if (!url.starts_with('[')) url = url.substr(0, url.find(':'));
  if (url.ends_with('.')) url.remove_suffix(1);
  return kiban::lower_case(url);
}

// "localhost" for "localhost" and "a.localhost", but not for "evillocalhost".
bool is_at_or_below(std::string_view host, std::string_view parent) {
  if (host == parent) return true;
  return host.ends_with(parent) && host[host.size() - parent.size() - 1] == '.';
}

bool ends_with_address(std::string_view host) {
  if (host.starts_with('[')) return host.ends_with(']');
  const std::size_t dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  return !last.empty() && last.find_first_not_of("0123456789") == std::string_view::npos;
}

bool names_this_server(std::string_view url) {
  const std::string host = host_in(url);
  return ends_with_address(host) || is_at_or_below(host, "localhost") ||
         is_at_or_below(host, "kiban") || is_at_or_below(host, "example");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  static const runtime::Admission admission =
      *runtime::Admission::create({.hosts = {"kiban", "*.example"}});
  std::string_view text{reinterpret_cast<const char*>(data), size};
  runtime::HttpRequest request{.method = "GET", .target = "/", .local = "192.0.2.1"};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = std::min(line.find(':'), line.size());
    request.headers.emplace_back(line.substr(0, colon),
                                 line.substr(std::min(line.size(), colon + 1)));
  }
  if (admission.refuse(request)) return 0;
  for (const auto& [name, value] : request.headers) {
    if (same_letters(name, "origin"))
      KIBAN_CHECK(lower_case(value).starts_with("http"), "an Origin without a scheme");
    if (same_letters(name, "origin") || same_letters(name, "host"))
      KIBAN_CHECK(names_this_server(value), "another site");
  }
  return 0;
}
