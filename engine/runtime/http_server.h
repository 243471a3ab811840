// HTTP/1.1 on one I/O thread: keep-alive, Expect: 100-continue, chunked bodies, limits, slow-client
// timeouts, a graceful end. The handler interprets the requests.
//
// Strict where RFC 9112 lets a proxy and a server disagree: one Host (HTTP/1.1), a target that
// begins with '/', no Transfer-Encoding but "chunked", not together with Content-Length.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "runtime/child.h"

namespace kiban::runtime {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Where a body goes piece by piece instead of into HttpRequest::body. Used on the I/O thread. What
// goes wrong in write() it keeps for the handler to find.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual void write(std::string_view piece) = 0;
};

struct HttpRequest {
  std::string method{};
  std::string target{};  // As sent: path and query, still percent-encoded.
  Headers headers{};     // Names as sent.
  std::string peer{};    // The client's address: "127.0.0.1"; IPv4 also on an IPv6 socket.
  std::string body{};
  std::shared_ptr<BodySink> sink{};  // Holds the body when there is one.
  std::string local{};               // The address of ours that the client connected to.
  std::string listener{};            // The name that add_listener() was given; else empty.
  // True once the client has gone. Safe to ask from any thread.
  std::function<bool()> gone{};
};

struct FilePart {
  std::string path{};
  std::uint64_t offset{0};
  std::uint64_t size{0};
};

struct HttpReply {
  int status{200};
  Headers headers{};  // Content-Length and Connection are the server's.
  std::string body{};
  // When there are any, they are the body, one after the other; read while they are sent.
  std::vector<FilePart> files{};
};

// Call `respond` once, from any thread; the function passed to it makes the reply on the I/O
// thread.
using Respond = std::function<void(std::function<HttpReply()>)>;
using Handler = std::function<void(HttpRequest, Respond)>;

// How a body is received, decided once the header was read.
struct BodyPlan {
  std::optional<HttpReply> refused{};  // Reply this and don't read the body.
  std::shared_ptr<BodySink> sink{};    // nullptr: the body is held in memory.
  // The largest body in memory, if smaller than HttpLimits::body_bytes_max. Bodies in a sink have
  // no bound.
  std::uint64_t bytes_max{std::numeric_limits<std::uint64_t>::max()};
  std::function<HttpReply()> too_large{};  // Reply to a larger body; empty: a plain 413.
};
using Decide = std::function<void(BodyPlan)>;
// Calls `decide` once, on the I/O thread, at once or later. The request outlives that.
using PlanBody = std::function<void(const HttpRequest&, const Decide& decide)>;
// "12" of a Content-Length header; nullopt: there is none, or the body is chunked.
std::optional<std::uint64_t> content_length(const HttpRequest& request);

struct HttpLimits {
  std::uint32_t header_bytes_max{64 * 1024};
  // Of those that no sink takes: they are held in memory. One body, and all of them together.
  std::uint64_t body_bytes_max{10ULL * 1024 * 1024};
  std::uint64_t bodies_bytes_max{64ULL * 1024 * 1024};
  // Fewer when the process may not open so many descriptors. At the bound the connection that has
  // been idle longest is closed for a new one.
  std::size_t connections_max{4096};
  // Of one client address, in percent of connections_max.
  std::size_t connections_per_address_percent{75};
  std::chrono::seconds idle{75};           // Between requests.
  std::chrono::seconds header{20};         // From a request's first byte to the end of its header.
  std::chrono::seconds body_progress{30};  // Between two pieces of a body; for writing likewise.
  std::chrono::seconds read_away{1};       // How long a refused client's bytes are read.
  std::chrono::seconds drain{5};           // For requests in flight when the end was asked for.
};

class HttpServer {
 public:
  // Binds at once. Error `ListenFailed` when the address is malformed or in use.
  static Result<std::unique_ptr<HttpServer>> listen(const std::string& address, std::uint16_t port,
                                                    Handler handler, HttpLimits limits = {});
  // Serves what add_listener() adds, and leaves signals to others: for a server inside this process
  // that a thread of its own runs until stop().
  static std::unique_ptr<HttpServer> create(Handler handler, HttpLimits limits);
  virtual ~HttpServer() = default;
  // From any thread: serves a TCP socket that listens already. Requests on it carry `name`.
  virtual void add_listener(Descriptor socket, std::string name) = 0;
  // From any thread: closes what add_listener() was given under `name`, and its connections.
  virtual void close_listener(std::string name) = 0;
  virtual std::uint16_t port() const = 0;
  // Another address to serve on. Before run(). Errors as listen().
  virtual Result<void> also_listen(const std::string& address, std::uint16_t port) = 0;
  // Before run().
  virtual void set_plan(PlanBody plan) = 0;
  // Called on the thread that serves when the end begins, before requests in flight are waited for:
  // the time to answer long polls. Before run().
  virtual void at_stop(std::function<void()> work) = 0;
  // Serves on this thread until stop(), SIGTERM or SIGINT, then until the requests in flight are
  // answered. Returns the signal; 0 after stop().
  virtual int run() = 0;
  // From any thread: how many connections are open.
  virtual std::size_t connections() const = 0;
  // From any thread: `work` runs on the thread that serves.
  virtual void post(std::function<void()> work) = 0;
  // From any thread; again: at once.
  virtual void stop() = 0;
};

}  // namespace kiban::runtime
