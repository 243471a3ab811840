#include "console/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/letters.h"

namespace kiban::console {
namespace {

using runtime::HttpReply;
using runtime::HttpRequest;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// False for "gzip;q=0" and "gzip; q=0.000".
bool has_weight(std::string_view parameters) {
  const std::size_t at = parameters.find("q=");
  if (at == std::string_view::npos) return true;
  return parameters.substr(at + 2).find_first_of("123456789") != std::string_view::npos;
}

// One of the header's values: whether it admits `coding`, or does not speak of it.
std::optional<bool> verdict_of(std::string_view list, std::string_view coding) {
  std::optional<bool> any;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view entry = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::size_t semicolon = std::min(entry.find(';'), entry.size());
    const std::string_view name = trimmed(entry.substr(0, semicolon));
    const bool admitted = has_weight(entry.substr(semicolon));
    if (same_letters(name, coding)) return admitted;
    if (name == "*") any = admitted;
  }
  return any;
}

HttpReply plain(int status, std::string text) {
  return {.status = status,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = std::move(text) + "\n"};
}

const Asset* find_asset(std::span<const Asset> all, std::string_view path) {
  const auto found = std::ranges::find(all, path, &Asset::path);
  return found == all.end() ? nullptr : &*found;
}

bool is_known_to_client(const HttpRequest& request, std::string_view etag) {
  return std::ranges::any_of(request.headers, [etag](const auto& header) {
    return same_letters(header.first, "if-none-match") &&
           header.second.find(etag) != std::string::npos;
  });
}

}  // namespace

bool admits_coding(const HttpRequest& request, std::string_view coding) {
  bool said = false;
  for (const auto& [name, value] : request.headers) {
    if (!same_letters(name, "accept-encoding")) continue;
    said = true;
    if (const auto verdict = verdict_of(value, coding)) return *verdict;
  }
  return !said;
}

void add_security_headers(HttpReply& reply) {
  reply.headers.insert(
      reply.headers.end(),
      {{"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
        "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"X-Frame-Options", "DENY"},
       {"Referrer-Policy", "no-referrer"},
       {"Cross-Origin-Opener-Policy", "same-origin"},
       {"Cross-Origin-Resource-Policy", "same-origin"}});
}

HttpReply serve_file(std::span<const Asset> all, const HttpRequest& request,
                     std::string_view path) {
  if (request.method != "GET" && request.method != "HEAD")
    return plain(405, "The console's files are read with GET.");
  if (all.empty())
    return plain(404,
                 "This kiban was built without the web console. Build it with Node 18 or newer: "
                 "tools/console-packages, then cmake --preset release -DKIBAN_CONSOLE=ON.");
  const Asset* asset = find_asset(all, path);
  if (asset == nullptr && path.starts_with("assets/"))
    return plain(404, "The console has no such file.");
  if (asset == nullptr) asset = find_asset(all, "index.html");
  if (asset == nullptr) return plain(404, "The console has no index.html.");
  const bool brotli = admits_coding(request, "br");
  if (!brotli && !admits_coding(request, "gzip"))
    return plain(406, "The console's files are served with gzip or brotli.");
  const std::string etag =
      fmt::format("{}-{}\"", asset->etag.substr(0, asset->etag.size() - 1), brotli ? "br" : "gz");
  HttpReply reply{
      .headers = {
          {"Content-Type", std::string(asset->type)},
          {"Content-Encoding", brotli ? "br" : "gzip"},
          {"Vary", "Accept-Encoding"},
          {"ETag", etag},
          {"Cache-Control", asset->hashed ? "public, max-age=31536000, immutable" : "no-cache"}}};
  if (is_known_to_client(request, etag)) {
    reply.status = 304;
    return reply;
  }
  reply.body = brotli ? asset->brotli : asset->gzip;
  return reply;
}

}  // namespace kiban::console
