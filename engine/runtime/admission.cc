#include "runtime/admission.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "core/letters.h"

namespace kiban::runtime {

namespace {

constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";

// The host of "name:port", "[::1]:port" in lower case and without a final dot; nullopt when it is
// not written as one.
std::optional<std::string> host_of(std::string_view authority) {
  std::string_view port;
  std::string_view host = authority;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
      return std::nullopt;
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    port = host.substr(colon);
    host = host.substr(0, colon);
    if (host.find_first_not_of(name_characters) != std::string_view::npos) return std::nullopt;
    if (host.ends_with('.')) host.remove_suffix(1);
  }
  if (!port.empty() && (port.front() != ':' || port.size() > 6 ||
                        port.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return std::nullopt;
  if (host.empty()) return std::nullopt;
  return lower_case(host);
}

// The authority of "http://name:port/…" without the scheme's own port, in lower case; "" for a URL
// of another kind and for "null".
std::string authority_of(std::string_view url) {
  const std::string low = lower_case(url);
  std::string_view rest = low;
  std::string_view own_port;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    own_port = ":80";
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    own_port = ":443";
  } else {
    return {};
  }
  rest = rest.substr(0, rest.find_first_of("/?#\\"));
  if (!host_of(rest)) return {};
  if (rest.ends_with(own_port)) rest.remove_suffix(own_port.size());
  return std::string(rest);
}

// An address in one way of writing, IPv4 where it is that: "::ffff:127.0.0.1" is "127.0.0.1".
std::optional<std::string> address_of(const std::string& text) {
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return text;
  in6_addr six{};
  if (::inet_pton(AF_INET6, text.c_str(), &six) != 1) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (IN6_IS_ADDR_V4MAPPED(&six))
    return ::inet_ntop(AF_INET, &six.s6_addr[12], buffer.data(), buffer.size());
  return ::inet_ntop(AF_INET6, &six, buffer.data(), buffer.size());
}

bool is_loopback(std::string_view address) {
  return address == "::1" || address.starts_with("127.");
}

// "a.b" is below "b", and so is "*.b" written.
bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() + 1 && name.ends_with(parent) &&
         name[name.size() - parent.size() - 1] == '.';
}

// The address that a name ends with: S3's clients put a bucket before it, others an account.
std::string without_labels(const std::string& name) {
  std::size_t dots = 0;
  for (std::size_t at = name.size(); at > 0; --at)
    if (name[at - 1] == '.' && ++dots == 4) return name.substr(at);
  return name;
}

struct Sender {
  std::vector<std::string_view> hosts{};
  std::vector<std::string_view> origins{};
  std::vector<std::string_view> referers{};
  std::vector<std::string_view> sites{};
};

Sender sender_of(const HttpRequest& request) {
  Sender sender;
  for (const auto& [name, value] : request.headers) {
    if (same_letters(name, "host")) sender.hosts.push_back(value);
    if (same_letters(name, "origin")) sender.origins.push_back(value);
    if (same_letters(name, "referer") && !value.empty()) sender.referers.push_back(value);
    if (same_letters(name, "sec-fetch-site")) sender.sites.push_back(value);
  }
  return sender;
}

HttpReply forbidden(std::string_view why) {
  return {
      .status = 403, .headers = {{"Content-Type", "text/plain"}}, .body = fmt::format("{}\n", why)};
}

std::string_view header_of(const HttpRequest& request, std::string_view wanted) {
  for (const auto& [name, value] : request.headers)
    if (same_letters(name, wanted)) return value;
  return {};
}

// https://fetch.spec.whatwg.org/#http-responses
HttpReply preflight_reply(const HttpRequest& request, std::string_view origin) {
  HttpReply reply{
      .status = 204,
      .headers = {{"Access-Control-Allow-Origin", std::string(origin)},
                  {"Vary", "Origin"},
                  {"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"},
                  {"Access-Control-Max-Age", "600"}}};
  const std::string_view headers = header_of(request, "access-control-request-headers");
  if (!headers.empty()) reply.headers.emplace_back("Access-Control-Allow-Headers", headers);
  if (header_of(request, "access-control-request-private-network") == "true")
    reply.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  return reply;
}

}  // namespace

Result<Admission> Admission::create(AdmissionOptions options) {
  for (std::string& host : options.hosts) {
    const bool wildcard = host.starts_with("*.");
    const auto name = host_of(std::string_view(host).substr(wildcard ? 2 : 0));
    if (!name || host.find(':') != std::string::npos)
      return fail("WrongUsage",
                  fmt::format("'{}' is not a host, such as kiban or *.example.com", host));
    host = (wildcard ? "*." : "") + *name;
  }
  for (std::string& origin : options.origins) {
    const std::string authority = authority_of(origin);
    const std::size_t scheme = origin.find("://");
    const bool plain = scheme != std::string::npos &&
                       origin.find_first_of("/?#\\", scheme + 3) == std::string::npos;
    if (authority.empty() || !plain)
      return fail("WrongUsage",
                  fmt::format("'{}' is not an origin, such as http://localhost:3000", origin));
    origin = fmt::format("{}://{}", lower_case(origin.substr(0, scheme)), authority);
  }
  for (std::string& address : options.addresses)
    if (const auto same = address_of(address)) address = *same;
  return Admission{std::move(options)};
}

bool Admission::is_own_host(std::string_view authority, std::string_view local) const {
  const auto host = host_of(authority);
  if (!host) return false;
  if (*host == "localhost" || is_below(*host, "localhost")) return true;
  auto address = address_of(*host);
  if (!address) address = address_of(without_labels(*host));
  if (address)
    return is_loopback(*address) || address == address_of(std::string(local)) ||
           std::ranges::find(options_.addresses, *address) != options_.addresses.end();
  return std::ranges::any_of(options_.hosts, [&](const std::string& allowed) {
    return allowed.starts_with("*.") ? is_below(*host, std::string_view(allowed).substr(2))
                                     : *host == allowed || is_below(*host, allowed);
  });
}

bool Admission::is_allowed_origin(std::string_view origin) const {
  const std::string authority = authority_of(origin);
  if (authority.empty()) return false;
  const std::string scheme = lower_case(origin.substr(0, origin.find(':')));
  return std::ranges::find(options_.origins, scheme + "://" + authority) != options_.origins.end();
}

std::optional<HttpReply> Admission::refuse(const HttpRequest& request) const {
  const Sender sender = sender_of(request);
  for (const std::string_view host : sender.hosts)
    if (!is_own_host(host, request.local))
      return forbidden(
          "kiban: this Host is not a name of this server. kiban serve --allow-host NAME serves "
          "further names.");
  // The authority alone, as a proxy before this server may speak https.
  const auto is_own = [&](std::string_view url) {
    const std::string authority = authority_of(url);
    return !authority.empty() && std::ranges::any_of(sender.hosts, [&](std::string_view host) {
      return authority_of(fmt::format("{}{}", url.substr(0, url.find(':') + 3), host)) == authority;
    });
  };
  const auto may = [&](std::string_view url) { return is_own(url) || is_allowed_origin(url); };
  // A request from another site needs the name of an origin that is allowed.
  const bool from_elsewhere = std::ranges::any_of(
      sender.sites, [](std::string_view site) { return site != "same-origin" && site != "none"; });
  const auto allowed = [&](std::string_view url) { return is_allowed_origin(url); };
  const bool named_allowed =
      std::ranges::any_of(sender.origins, allowed) || std::ranges::any_of(sender.referers, allowed);
  const bool foreign = (from_elsewhere && !named_allowed) ||
                       !std::ranges::all_of(sender.origins, may) ||
                       !std::ranges::all_of(sender.referers, may);
  if (foreign)
    return forbidden(
        "kiban: a web page of another site may not call this server. kiban serve --allow-origin "
        "URL allows it; open a link by pasting it into the address bar.");
  if (request.method == "OPTIONS" && !sender.origins.empty() &&
      !header_of(request, "access-control-request-method").empty())
    return preflight_reply(request, sender.origins.front());
  return std::nullopt;
}

Handler Admission::with_cors(Handler handler) const {
  return [this, handler = std::move(handler)](HttpRequest request, Respond respond) {
    const std::string origin{header_of(request, "origin")};
    if (origin.empty() || !is_allowed_origin(origin))
      return handler(std::move(request), std::move(respond));
    handler(std::move(request),
            [origin, respond = std::move(respond)](std::function<HttpReply()> make) {
              respond([origin, make = std::move(make)] {
                HttpReply reply = make();
                reply.headers.emplace_back("Access-Control-Allow-Origin", origin);
                reply.headers.emplace_back("Access-Control-Expose-Headers", "*");
                reply.headers.emplace_back("Vary", "Origin");
                return reply;
              });
            });
  };
}

}  // namespace kiban::runtime
