#include "console/route.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "api/model.h"
#include "api/sigv4.h"
#include "console/files.h"
#include "console/session.h"
#include "core/json.h"
#include "core/letters.h"
#include "runtime/json_reply.h"

namespace kiban::console {
namespace {

using runtime::HttpReply;
using runtime::HttpRequest;
using runtime::Respond;

std::string_view header_of(const HttpRequest& request, std::string_view wanted) {
  for (const auto& [name, value] : request.headers)
    if (same_letters(name, wanted)) return value;
  return {};
}

// A request of the console's own page, or of a program that is not a browser. Stricter than
// runtime::Admission, which also admits the pages of --allow-origin.
bool is_same_origin(const HttpRequest& request) {
  const std::string_view site = header_of(request, "sec-fetch-site");
  if (!site.empty() && site != "same-origin") return false;
  const std::string_view origin = header_of(request, "origin");
  if (origin.empty()) return true;
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos &&
         same_letters(origin.substr(scheme + 3), header_of(request, "host"));
}

// https://www.rfc-editor.org/rfc/rfc6265#section-5.4
std::string_view cookie_of(const HttpRequest& request, std::string_view name) {
  for (const auto& [header, value] : request.headers) {
    if (!same_letters(header, "cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      if (pair.starts_with(name) && pair.size() > name.size() && pair[name.size()] == '=')
        return pair.substr(name.size() + 1);
    }
  }
  return {};
}

// Every reply of the console has the headers that keep the page to itself, and none is kept.
Respond with_security(Respond respond) {
  return [respond = std::move(respond)](std::function<HttpReply()> make) {
    respond([make = std::move(make)] {
      HttpReply reply = make();
      add_security_headers(reply);
      const bool says = std::ranges::any_of(reply.headers, [](const auto& header) {
        return same_letters(header.first, "cache-control");
      });
      if (!says) reply.headers.emplace_back("Cache-Control", "no-store");
      return reply;
    });
  };
}

void refuse(const Respond& respond, int status, std::string_view code, std::string_view message) {
  runtime::respond_with(respond, status, {{"code", code}, {"message", message}});
}

// The server's own routes that the page may ask.
bool is_own_route(std::string_view path) {
  constexpr std::array<std::string_view, 5> whole{"clock", "decisions", "health", "mail",
                                                  "schedule"};
  const std::string_view name = path.substr(0, path.find('?'));
  return std::ranges::find(whole, name) != whole.end() || name.starts_with("timers/") ||
         name.starts_with("mail/");
}

// An operation of a service that speaks JSON.
Result<api::HttpRequest> json_request(const api::Service& model, const json::object& wish) {
  const json::string* operation = find_string(wish, "operation");
  const json::object* input = find_object(wish, "input");
  if (operation == nullptr || input == nullptr)
    return fail("WrongUsage", R"(Give "operation" and "input", an object, or "request".)");
  if (model.target_prefix.empty())
    return fail("UnknownService",
                fmt::format("The service {} does not speak JSON: give \"request\".", model.folder));
  return api::HttpRequest{
      .method = "POST",
      .path = "/",
      .headers = {{"Content-Type", fmt::format("application/x-amz-json-{}", model.json_version)},
                  {"X-Amz-Target", fmt::format("{}.{}", model.target_prefix, *operation)}},
      .body = print_json(*input)};
}

// {"method", "path", "query", "type", "body"}, as a client of a query or REST service sends it. The
// server's own routes are not reached this way: ask_own() lists those that the page may use.
Result<api::HttpRequest> raw_request(const json::object& raw) {
  const std::string method = text(raw, "method", "GET");
  const std::string path = text(raw, "path", "/");
  constexpr std::array<std::string_view, 5> methods{"GET", "HEAD", "POST", "PUT", "DELETE"};
  if (std::ranges::find(methods, method) == methods.end() || !path.starts_with('/') ||
      path.find_first_of("?# \r\n") != std::string::npos || path.starts_with("/_kiban") ||
      path.starts_with("/v2/"))
    return fail("WrongUsage", "The request has no method and path of the AWS API.");
  const std::string query = text(raw, "query");
  const std::string type = text(raw, "type");
  if ((query + type).find_first_of("\r\n ") != std::string::npos)
    return fail("WrongUsage", "The query or the type of the request has spaces or line ends.");
  api::HttpRequest made{.method = method, .path = path, .query = query, .body = text(raw, "body")};
  if (!type.empty()) made.headers.emplace_back("Content-Type", type);
  return made;
}

}  // namespace

struct ConsoleRoute::State {
  explicit State(RouteOptions of)
      : options(std::move(of)),
        sessions(options.root.secret_access_key, options.random_hex),
        feed(options.random_hex().substr(0, 16)) {}

  void handle(const HttpRequest& request, const Respond& respond);
  void handle_private(const HttpRequest& request, std::string_view path, const Respond& respond);
  void handle_session(const HttpRequest& request, const Respond& respond);
  void redeem(const HttpRequest& request, const Respond& respond);
  void call(const HttpRequest& request, const Respond& respond);
  Result<HttpRequest> make_call(const HttpRequest& request, const json::object& wish) const;
  void ask_own(const HttpRequest& request, std::string_view path, const Respond& respond);
  bool has_session(const HttpRequest& request) const {
    return sessions.is_valid(cookie_of(request, sessions.cookie_name()), options.now());
  }
  void set_cookie(HttpReply& reply, std::string_view token, std::chrono::seconds age) const {
    reply.headers.emplace_back(
        "Set-Cookie", fmt::format("{}={}; Path={}; Max-Age={}; HttpOnly; SameSite=Strict",
                                  sessions.cookie_name(), token, console_path, age.count()));
  }

  RouteOptions options;
  Sessions sessions;
  Feed feed;
};

void ConsoleRoute::State::handle(const HttpRequest& request, const Respond& respond) {
  std::string_view path = request.target;
  path.remove_prefix(console_path.size());
  if (path.empty() || path.starts_with('?'))
    return respond([] {
      return HttpReply{.status = 308, .headers = {{"Location", std::string(console_path) + "/"}}};
    });
  if (!path.starts_with('/')) return refuse(respond, 404, "NotFound", "There is no such path.");
  path.remove_prefix(1);
  const std::string_view name = path.substr(0, path.find('?'));
  const bool is_private =
      name == "session" || name == "api" || name == "stream" || name.starts_with("own/");
  if (!is_private)
    return respond([reply = serve_file(options.files, request, name)] { return reply; });
  if (!is_same_origin(request) || header_of(request, "x-kiban-console").empty())
    return refuse(respond, 403, "Forbidden",
                  "Only the console's own page may ask this, with the header X-Kiban-Console.");
  if (name == "session") return handle_session(request, respond);
  handle_private(request, path, respond);
}

void ConsoleRoute::State::handle_private(const HttpRequest& request, std::string_view path,
                                         const Respond& respond) {
  if (!has_session(request))
    return refuse(respond, 401, "NoSession",
                  "There is no session, or it has expired. 'kiban console' prints a link.");
  if (path.starts_with("own/")) return ask_own(request, path.substr(4), respond);
  if (path == "stream") {
    if (request.method != "GET")
      return refuse(respond, 405, "MethodNotAllowed", "The stream is read with GET.");
    return feed.poll(std::string(header_of(request, "last-event-id")), respond);
  }
  if (request.method != "POST")
    return refuse(respond, 405, "MethodNotAllowed", "Calls are made with POST.");
  call(request, respond);
}

void ConsoleRoute::State::handle_session(const HttpRequest& request, const Respond& respond) {
  if (request.method == "POST") return redeem(request, respond);
  if (request.method == "GET") {
    if (!has_session(request))
      return refuse(respond, 401, "NoSession",
                    "There is no session, or it has expired. 'kiban console' prints a link.");
    return runtime::respond_with(respond, 200, {{"region", options.region}});
  }
  if (request.method != "DELETE")
    return refuse(respond, 405, "MethodNotAllowed", "A session is made, shown and ended.");
  HttpReply reply{.status = 204};
  set_cookie(reply, "", std::chrono::seconds{0});
  respond([reply] { return reply; });
}

void ConsoleRoute::State::redeem(const HttpRequest& request, const Respond& respond) {
  const Result<json::value> body = parse_json(request.body);
  const json::string* code =
      body && body->is_object() ? find_string(body->get_object(), "code") : nullptr;
  if (code == nullptr) return refuse(respond, 400, "WrongUsage", R"(Give "code", of the link.)");
  const Result<std::string> token = sessions.redeem(to_string(*code), options.now());
  if (!token) return refuse(respond, 403, token.error().name, token.error().cause);
  HttpReply reply{.headers = {{"Content-Type", "application/json"}},
                  .body = print_json(json::object{{"region", options.region}})};
  set_cookie(reply, *token, session_lifetime);
  respond([reply] { return reply; });
}

void ConsoleRoute::State::call(const HttpRequest& request, const Respond& respond) {
  const Result<json::value> body = parse_json(request.body);
  if (!body || !body->is_object())
    return refuse(respond, 400, "WrongUsage", "The body is not a JSON object.");
  Result<HttpRequest> made = make_call(request, body->get_object());
  if (!made) return refuse(respond, 400, made.error().name, made.error().cause);
  options.forward(*std::move(made), respond);
}

// The same request as an SDK would send: {"operation", "input"} of a service that speaks JSON, or
// {"request"}, an HTTP request of its own protocol.
Result<HttpRequest> ConsoleRoute::State::make_call(const HttpRequest& request,
                                                   const json::object& wish) const {
  const json::string* service = find_string(wish, "service");
  const json::string* region = find_string(wish, "region");
  if (service == nullptr) return fail("WrongUsage", R"(Give "service".)");
  const api::Service* model = api::find_service(to_string(*service));
  if (model == nullptr)
    return fail("UnknownService", fmt::format("kiban has no service {}.", to_string(*service)));
  const json::object* raw = find_object(wish, "request");
  KIBAN_TRY(api::HttpRequest made, raw != nullptr ? raw_request(*raw) : json_request(*model, wish));
  made.headers.emplace_back("Host", std::string(header_of(request, "host")));
  api::sign(made,
            {.access_key_id = options.root.access_key_id,
             .secret = options.root.secret_access_key,
             .region = region == nullptr ? options.region : to_string(*region),
             .service = std::string(model->signing_name)},
            options.now());
  return HttpRequest{.method = std::move(made.method),
                     .target = made.query.empty() ? made.path : made.path + "?" + made.query,
                     .headers = std::move(made.headers),
                     .peer = request.peer,
                     .body = std::move(made.body),
                     .local = request.local,
                     .gone = request.gone};
}

void ConsoleRoute::State::ask_own(const HttpRequest& request, std::string_view path,
                                  const Respond& respond) {
  if (!is_own_route(path))
    return refuse(respond, 404, "NotFound", "The console does not ask this route.");
  options.forward({.method = request.method,
                   .target = fmt::format("/_kiban/{}", path),
                   .headers = {{"Host", std::string(header_of(request, "host"))},
                               {"X-Kiban-Token", options.token}},
                   .peer = request.peer,
                   .body = request.body,
                   .local = request.local,
                   .gone = request.gone},
                  respond);
}

ConsoleRoute::ConsoleRoute(RouteOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}

ConsoleRoute::~ConsoleRoute() { state_->feed.close(); }

runtime::Handler ConsoleRoute::handler() {
  return [state = state_](const HttpRequest& request, const Respond& respond) {
    state->handle(request, with_security(respond));
  };
}

runtime::Handler ConsoleRoute::link_handler() {
  return [state = state_](const HttpRequest& request, const Respond& respond) {
    if (request.method != "POST")
      return runtime::refuse(respond, 405, "POST makes a link to the console.");
    if (state->options.files.empty())
      return runtime::refuse(respond, 409, "this kiban was built without the web console");
    const std::string code = state->sessions.issue_link(state->options.now());
    runtime::respond_with(respond, 200, {{"path", fmt::format("{}/#code={}", console_path, code)}});
  };
}

Feed& ConsoleRoute::feed() { return state_->feed; }

}  // namespace kiban::console
