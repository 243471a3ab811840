// The web console's routes, below /_kiban/console/.
//
//   session  POST {"code"} redeems a link: the cookie; GET tells whether there is one; DELETE ends
//   it api      POST {"service", "operation", "input", "region"?}: an operation of the AWS API; or
//            {"service", "request": {"method", "path", "query", "type", "body"}, "region"?} for
//            services that speak no JSON, answered in the service's own protocol
//   own/…    the server's own routes of the same name below /_kiban/: clock, decisions, health,
//            mail, mail/…, schedule, timers/…
//   stream   GET: what changed after Last-Event-ID (feed.h)
//   else     the page's files (files.h)
//
// The page is one more client of the AWS API: what it asks is signed with the session's key, the
// account's root, and handled like every other request. The page never sees the key.
//
// All but files wants the cookie (`session` does not), and refuses what another page may have sent:
// a request whose Sec-Fetch-Site or Origin is not of this very origin, and one without the header
// X-Kiban-Console, which no page of another origin can add without a preflight.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "console/assets.h"
#include "console/feed.h"
#include "core/time.h"
#include "runtime/http_server.h"
#include "runtime/keys.h"

namespace kiban::console {

constexpr std::string_view console_path = "/_kiban/console";
constexpr std::string_view link_path = "/_kiban/console-link";

struct RouteOptions {
  runtime::RootKey root{};
  std::string token{};   // What X-Kiban-Token holds for the server's own routes.
  std::string region{};  // Where a call names none.
  std::span<const Asset> files{assets()};
  std::function<Timestamp()> now{};           // The host's time.
  std::function<std::string()> random_hex{};  // 32 random bytes as 64 digits.
  runtime::Handler forward{};                 // The server itself, for the calls of the page.
};

// Used on the I/O thread; feed() on any.
class ConsoleRoute {
 public:
  explicit ConsoleRoute(RouteOptions options);
  ~ConsoleRoute();
  ConsoleRoute(const ConsoleRoute&) = delete;
  ConsoleRoute& operator=(const ConsoleRoute&) = delete;

  // For console_path. Anybody may ask; the cookie is checked here.
  runtime::Handler handler();
  // For link_path: POST makes a link, {"path"}. Every request passes Frontend::has_token first.
  runtime::Handler link_handler();
  Feed& feed();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kiban::console
