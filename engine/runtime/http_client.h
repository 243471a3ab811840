// HTTP and HTTPS requests to others: deliveries, and our own command line.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "runtime/http_server.h"

namespace kiban::runtime {

// Which addresses may be called. `Others`: not this host by its loopback or link-local addresses
// (127.0.0.0/8, ::1, 0.0.0.0, 169.254.0.0/16, fe80::/10), however the name leads there.
enum class Targets { All, Others };

struct Fetch {
  std::string method{"GET"};
  std::string url{};  // http://host[:port]/path?query or https://…
  Headers headers{};
  std::string body{};
  Targets targets{Targets::All};
  bool check_certificate{true};  // Of https.
  std::chrono::seconds timeout{15};
  std::uint64_t reply_bytes_max{64ULL * 1024 * 1024};
  // Called first, where the request is sent from: for work that the caller's thread has no time
  // for.
  std::function<Result<void>(Fetch&)> prepare{};
};

struct Url {
  std::string scheme{};
  std::string host{};
  std::string port{};
  std::string target{};
  bool operator==(const Url&) const = default;
};
// Error `InvalidUrl`.
Result<Url> parse_url(std::string_view text);

// "Not Found"
std::string reason_of(int status);

// Blocks. Errors: `InvalidUrl`, `ConnectFailed` (also for an address that `targets` leaves out),
// `TimedOut` (once connected), `ReplyTooLong`, `FetchFailed`. Redirects are not followed.
Result<HttpReply> fetch(const Fetch& request);

// Of one Fetcher at a time; further ones wait in the order in which they came, and a host that does
// not answer holds up its own alone. Both ours.
constexpr std::size_t fetches_max = 512;
constexpr std::size_t fetches_of_host_max = 64;

// Many at a time on a thread of its own, which begins with the first. start() may be called from
// any thread.
class Fetcher {
 public:
  virtual ~Fetcher() = default;
  // `done` is called on that thread, once. The timeout begins when the request's turn has come.
  virtual void start(Fetch request, std::function<void(Result<HttpReply>)> done) = 0;
  // From any thread: how many wait for their turn.
  virtual std::size_t waiting() const = 0;
};
std::unique_ptr<Fetcher> make_fetcher();

}  // namespace kiban::runtime
