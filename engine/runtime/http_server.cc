#include "runtime/http_server.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <list>
#include <map>
#include <optional>
#include <set>

#include "core/letters.h"
#include "runtime/spawn.h"

namespace kiban::runtime {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// As RFC 9110 wants it: Tue, 24 Nov 2026 10:15:00 GMT. Signing clients measure their skew by it.
const std::string& http_date() {
  static thread_local std::time_t shown = 0;
  static thread_local std::string text;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (now == shown && !text.empty()) return text;
  shown = now;
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char buffer[64];
  text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  return text;
}

using Clock = std::chrono::steady_clock;
constexpr auto sweep_interval = std::chrono::milliseconds{250};  // How late a deadline may be kept.
constexpr std::size_t piece_bytes_max = 64UL * 1024;
constexpr std::size_t descriptors_reserved = 256;  // For files, databases and outgoing requests.

// One connection, and the requests that other threads make of it.
struct Connection {
  explicit Connection(Tcp::socket socket) : stream(std::move(socket)) {}
  void expires_never() { deadline = Clock::time_point::max(); }

  Tcp::socket stream;
  asio::ip::address peer{};
  std::string local{};
  std::string listener{};
  beast::flat_buffer buffer{};
  // One sweep closes all connections past their deadlines: a timer per connection would be set
  // several times for each request.
  Clock::time_point deadline{Clock::time_point::max()};
  bool answering{false};        // From the first byte of a request on.
  bool reading_header{false};   // Until the header is there.
  std::uint64_t held_bytes{0};  // Of a body in memory.
  Clock::time_point idle_since{Clock::now()};
  std::shared_ptr<std::atomic<bool>> gone{std::make_shared<std::atomic<bool>>(false)};
};

class Server final : public HttpServer {
 public:
  Server(Handler handler, HttpLimits limits)
      : handler_(std::move(handler)),
        limits_(limits),
        signals_(io_),
        drain_(io_),
        sweep_timer_(io_) {
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
    const std::size_t open_max = descriptors.rlim_cur;
    const std::size_t left = std::max(open_max, 2 * descriptors_reserved) - descriptors_reserved;
    limits_.connections_max = std::min(limits_.connections_max, left);
  }

  Result<void> bind(const std::string& address, std::uint16_t port);
  void add_listener(Descriptor socket, std::string name) override;
  void close_listener(std::string name) override;
  std::uint16_t port() const override {
    return listeners_.front()->acceptor.local_endpoint().port();
  }
  // Before run(): it goes on without listeners.
  void stay() { work_.emplace(asio::make_work_guard(io_)); }
  std::size_t connections() const override { return connections_open_; }
  Result<void> also_listen(const std::string& address, std::uint16_t port) override {
    return bind(address, port);
  }
  void set_plan(PlanBody plan) override { plan_ = std::move(plan); }
  void at_stop(std::function<void()> work) override { at_stop_ = std::move(work); }
  int run() override;
  void post(std::function<void()> work) override { asio::post(io_, std::move(work)); }
  void stop() override {
    asio::post(io_, [this] { begin_stop(); });
  }

 private:
  struct Listener {
    Tcp::acceptor acceptor;
    std::string name{};
  };
  // Keeps the listener until it is closed.
  asio::awaitable<void> accept(std::shared_ptr<Listener> listener);
  asio::awaitable<void> sweep();
  bool make_room(const asio::ip::address& peer);
  bool close_oldest_idle(const asio::ip::address* peer);
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  asio::awaitable<bool> serve_one(Connection& connection);
  asio::awaitable<void> read_away(Connection& connection);
  asio::awaitable<bool> refuse(Connection& connection, HttpReply reply);
  asio::awaitable<BodyPlan> plan(const HttpRequest& request);
  asio::awaitable<std::optional<HttpReply>> read_body(
      Connection& connection, http::request_parser<http::buffer_body>& parser, HttpRequest& request,
      BodyPlan plan);
  bool hold(Connection& connection, std::uint64_t bytes);
  void release(Connection& connection);
  asio::awaitable<HttpReply> answer(Connection& connection, HttpRequest request);
  asio::awaitable<bool> write(Connection& connection, unsigned version, bool head, bool keep_alive,
                              HttpReply reply);
  asio::awaitable<bool> write_files(Connection& connection, http::response<http::empty_body> header,
                                    std::vector<FilePart> parts);
  void watch(Connection& connection);
  void expires_after(Connection& connection, Clock::duration limit);
  void wait_for_signal();
  void begin_stop();
  void close_idle();
  void close_overdue();

  Handler handler_;
  PlanBody plan_{};
  std::function<void()> at_stop_{};
  HttpLimits limits_;
  asio::io_context io_{1};
  // Kept alive by work_ when no listener is there yet.
  std::list<std::shared_ptr<Listener>> listeners_{};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{};
  asio::signal_set signals_;
  asio::steady_timer drain_;
  asio::steady_timer sweep_timer_;
  Clock::time_point sweep_at_{Clock::time_point::max()};  // No deadline is earlier.
  std::set<std::shared_ptr<Connection>> connections_{};
  std::atomic<std::size_t> connections_open_{0};  // Their number, for other threads.
  std::map<asio::ip::address, std::size_t> peers_{};
  std::uint64_t held_bytes_{0};
  bool told_descriptors_{false};
  bool stopping_{false};
  int signal_{0};
};

Result<void> Server::bind(const std::string& address, std::uint16_t port) {
  const auto failed = [&](const std::string& why) {
    return fail("ListenFailed", fmt::format("{}:{}: {}", address, port, why));
  };
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) return failed("not an IP address");
  const Tcp::endpoint endpoint{ip, port};
  Tcp::acceptor acceptor{io_};
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (error) return failed(error.message());
  listeners_.push_back(std::make_shared<Listener>(std::move(acceptor)));
  // From here on a signal is kept for run().
  if (listeners_.size() == 1) {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
  }
  return {};
}

void Server::add_listener(Descriptor socket, std::string name) {
  asio::post(io_, [this, socket = std::make_shared<Descriptor>(std::move(socket)), name] {
    Tcp::acceptor acceptor{io_};
    error_code error;
    const int number = ::fcntl(socket->number(), F_DUPFD_CLOEXEC, 0);
    acceptor.assign(Tcp::v4(), number, error);
    if (error || stopping_) return;
    listeners_.push_back(std::make_shared<Listener>(std::move(acceptor), name));
    spawn(io_, accept(listeners_.back()));
  });
}

void Server::close_listener(std::string name) {
  asio::post(io_, [this, name = std::move(name)] {
    error_code ignored;
    std::erase_if(listeners_, [&](const auto& listener) {
      if (listener->name != name) return false;
      listener->acceptor.close(ignored);
      return true;
    });
    for (const auto& connection : connections_)
      if (connection->listener == name) connection->stream.close(ignored);
  });
}

int Server::run() {
  if (!work_) wait_for_signal();
  for (const auto& listener : listeners_) spawn(io_, accept(listener));
  spawn(io_, sweep());
  io_.run();
  return signal_;
}

void Server::wait_for_signal() {
  signals_.async_wait([this](error_code error, int signal) {
    if (error) return;
    signal_ = signal;
    begin_stop();
    if (!connections_.empty()) wait_for_signal();
  });
}

void Server::begin_stop() {
  if (stopping_) {
    io_.stop();  // Asked twice.
    return;
  }
  stopping_ = true;
  if (at_stop_) at_stop_();
  error_code ignored;
  for (const auto& listener : listeners_) listener->acceptor.close(ignored);
  close_idle();
  if (connections_.empty()) {
    io_.stop();
    return;
  }
  drain_.expires_after(limits_.drain);
  drain_.async_wait([this](error_code error) {
    if (!error) io_.stop();
  });
}

void Server::close_idle() {
  for (const auto& connection : connections_)
    if (!connection->answering) connection->deadline = Clock::time_point::min();
  close_overdue();
}

void Server::close_overdue() {
  const auto now = Clock::now();
  error_code ignored;
  for (const auto& connection : connections_)
    if (connection->deadline <= now) connection->stream.cancel(ignored);
}

// Sleeps until the earliest deadline, so that idle connections cause no wake-ups.
asio::awaitable<void> Server::sweep() {
  while (!stopping_ || !connections_.empty()) {
    sweep_timer_.expires_at(sweep_at_);
    co_await sweep_timer_.async_wait(as_result);
    if (Clock::now() < sweep_at_) continue;  // There is an earlier one now.
    close_overdue();
    auto earliest = Clock::time_point::max();
    for (const auto& connection : connections_) earliest = std::min(earliest, connection->deadline);
    sweep_at_ = std::max(earliest, Clock::now() + sweep_interval);
  }
}

void Server::expires_after(Connection& connection, Clock::duration limit) {
  connection.deadline = Clock::now() + limit;
  if (connection.deadline >= sweep_at_) return;
  sweep_at_ = connection.deadline;
  sweep_timer_.cancel();
}

// Closes the connection that has waited longest for a request, or for the rest of its header. Of
// one client address, or of all.
bool Server::close_oldest_idle(const asio::ip::address* peer) {
  Connection* oldest = nullptr;
  for (const auto& connection : connections_) {
    const bool idle = !connection->answering || connection->reading_header;
    if (!idle || !connection->stream.is_open() || (peer && connection->peer != *peer)) continue;
    if (!oldest || connection->idle_since < oldest->idle_since) oldest = connection.get();
  }
  if (!oldest) return false;
  error_code ignored;
  oldest->stream.close(ignored);  // Gives its descriptor back at once.
  return true;
}

// Closes an idle connection when there are too many. False: none is idle, so the connection from
// `peer` cannot be accepted.
bool Server::make_room(const asio::ip::address& peer) {
  const std::size_t each_max = std::max<std::size_t>(
      1, limits_.connections_max * limits_.connections_per_address_percent / 100);
  const auto same = peers_.find(peer);
  if (same != peers_.end() && same->second >= each_max) return close_oldest_idle(&peer);
  return connections_.size() < limits_.connections_max || close_oldest_idle(nullptr);
}

asio::awaitable<void> Server::accept(std::shared_ptr<Listener> listener) {
  asio::steady_timer pause{io_};
  while (!stopping_) {
    auto [error, socket] = co_await listener->acceptor.async_accept(as_result);
    if (stopping_ || !listener->acceptor.is_open()) co_return;
    if (error) {
      if (error == asio::error::no_descriptors) {
        if (!std::exchange(told_descriptors_, true))
          std::fprintf(stderr, "kiban: no descriptors are left for connections: see ulimit -n\n");
        if (close_oldest_idle(nullptr)) continue;
      }
      pause.expires_after(std::chrono::milliseconds{50});
      co_await pause.async_wait(as_result);
      continue;
    }
    error_code failed;
    const auto peer = socket.remote_endpoint(failed).address();
    if (failed || !make_room(peer)) continue;  // Closes it.
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    connection->peer = peer;
    connection->local = connection->stream.local_endpoint(ignored).address().to_string();
    connection->listener = listener->name;
    connections_.insert(connection);
    connections_open_ = connections_.size();
    ++peers_[peer];
    spawn(io_, serve(std::move(connection)));
  }
}

asio::awaitable<void> Server::serve(std::shared_ptr<Connection> connection) {
  while (co_await serve_one(*connection)) {
    connection->idle_since = Clock::now();
  }
  release(*connection);
  *connection->gone = true;
  error_code ignored;
  connection->stream.shutdown(Tcp::socket::shutdown_both, ignored);
  connections_.erase(connection);
  connections_open_ = connections_.size();
  if (const auto same = peers_.find(connection->peer); --same->second == 0) peers_.erase(same);
  if (stopping_ && connections_.empty()) io_.stop();
}

// Reads the rest of the client's bytes before closing. Closing with unread bytes resets the
// connection, and the client may lose the reply: RFC 9112, 9.6.
asio::awaitable<void> Server::read_away(Connection& connection) {
  error_code ignored;
  connection.stream.shutdown(Tcp::socket::shutdown_send, ignored);
  expires_after(connection, limits_.read_away);
  std::string unread(piece_bytes_max, '\0');
  for (;;) {
    const auto [error, bytes] =
        co_await connection.stream.async_read_some(asio::buffer(unread), as_result);
    if (error) co_return;
  }
}

HttpReply plain(int status, std::string text) {
  return {.status = status,
          .headers = {{"Content-Type", "text/plain"}},
          .body = std::move(text) + "\n"};
}

std::string text_of(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

// Replies and closes; false, as no request may follow.
asio::awaitable<bool> Server::refuse(Connection& connection, HttpReply reply) {
  co_await write(connection, 11, false, false, std::move(reply));
  co_await read_away(connection);
  co_return false;
}

// Where the header is ambiguous, a proxy before this server may have understood it differently, and
// a request could hide in another's body (RFC 9112, 3.2, 6.1, 11.2).
std::optional<HttpReply> check_header(const HttpRequest& request, unsigned version) {
  std::size_t hosts = 0;
  std::size_t encodings = 0;
  bool chunked = false;
  bool length = false;
  for (const auto& [name, value] : request.headers) {
    hosts += same_letters(name, "host") ? 1 : 0;
    length = length || same_letters(name, "content-length");
    if (same_letters(name, "expect") && !same_letters(value, "100-continue"))
      return plain(417, "The only Expect that is served is 100-continue.");
    if (!same_letters(name, "transfer-encoding")) continue;
    ++encodings;
    chunked = same_letters(value, "chunked");
  }
  if (hosts > 1 || (hosts == 0 && version >= 11))
    return plain(400, "A request has one Host header.");
  if (!request.target.starts_with('/') && !(request.target == "*" && request.method == "OPTIONS"))
    return plain(400, "The target of a request must begin with '/'.");
  if (encodings == 0) return std::nullopt;
  if (length || version < 11)
    return plain(400, "Transfer-Encoding can't go with Content-Length, or with HTTP/1.0.");
  if (encodings > 1 || !chunked)
    return plain(501, "The only Transfer-Encoding that is served is chunked.");
  return std::nullopt;
}

// Whether the client sent malformed HTTP, as opposed to the connection having ended.
bool is_malformed(error_code error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

// True when another request may follow.
asio::awaitable<bool> Server::serve_one(Connection& connection) {
  http::request_parser<http::buffer_body> parser;
  parser.header_limit(limits_.header_bytes_max);
  parser.body_limit(boost::none);  // Until it is known where the body goes.
  if (connection.buffer.size() == 0) {
    // Wait for the first byte under the idle limit, then for the rest under the stricter one.
    expires_after(connection, limits_.idle);
    auto space = connection.buffer.prepare(16 * 1024);
    const auto [error, bytes] = co_await connection.stream.async_read_some(space, as_result);
    if (error) co_return false;
    connection.buffer.commit(bytes);
  }
  connection.answering = true;
  connection.reading_header = true;
  expires_after(connection, limits_.header);
  const auto [error, bytes] =
      co_await http::async_read_header(connection.stream, connection.buffer, parser, as_result);
  connection.reading_header = false;
  if (error == http::error::header_limit)
    co_return co_await refuse(connection, plain(431, "The header is too large."));
  if (is_malformed(error))
    co_return co_await refuse(connection, plain(400, "This is not HTTP/1.1: " + error.message()));
  if (error) co_return false;
  HttpRequest request{.method = std::string(parser.get().method_string()),
                      .target = std::string(parser.get().target()),
                      .peer = text_of(connection.peer),
                      .local = connection.local,
                      .listener = connection.listener};
  for (const auto& field : parser.get())
    request.headers.emplace_back(field.name_string(), field.value());
  const unsigned version = parser.get().version();
  if (auto wrong = check_header(request, version))
    co_return co_await refuse(connection, *std::move(wrong));
  const bool head = request.method == "HEAD";
  connection.expires_never();
  BodyPlan planned = co_await plan(request);
  const bool keep_alive = parser.get().keep_alive();
  if (planned.refused && parser.is_done() && keep_alive && !stopping_) {
    const bool written =
        co_await write(connection, version, head, true, *std::move(planned.refused));
    connection.answering = false;
    co_return written && !stopping_;
  }
  std::optional<HttpReply> refused = std::move(planned.refused);
  if (!refused) refused = co_await read_body(connection, parser, request, std::move(planned));
  if (refused) {
    if (refused->status == 0) co_return false;
    co_await write(connection, version, head, false, *std::move(refused));
    co_await read_away(connection);
    co_return false;
  }
  request.gone = [gone = connection.gone] { return gone->load(); };
  HttpReply reply = co_await answer(connection, std::move(request));
  release(connection);
  const bool stay = keep_alive && !stopping_;
  const bool written = co_await write(connection, version, head, stay, std::move(reply));
  connection.answering = false;
  co_return written&& stay && !stopping_;
}

asio::awaitable<BodyPlan> Server::plan(const HttpRequest& request) {
  if (!plan_) co_return BodyPlan{};
  struct Decision {
    explicit Decision(asio::io_context& io) : wake(io) {}
    std::optional<BodyPlan> plan{};
    asio::steady_timer wake;
  };
  auto decision = std::make_shared<Decision>(io_);
  decision->wake.expires_at(asio::steady_timer::time_point::max());
  plan_(request, [decision](BodyPlan decided) {
    decision->plan = std::move(decided);
    decision->wake.cancel();
  });
  while (!decision->plan) co_await decision->wake.async_wait(as_result);
  co_return *std::move(decision->plan);
}

// Counts bytes of a body in memory; false: all bodies together would be too large.
bool Server::hold(Connection& connection, std::uint64_t bytes) {
  if (held_bytes_ + bytes > limits_.bodies_bytes_max) return false;
  held_bytes_ += bytes;
  connection.held_bytes += bytes;
  return true;
}

void Server::release(Connection& connection) {
  held_bytes_ -= std::exchange(connection.held_bytes, 0);
}

// A reply when the body is refused (status 0: the client has gone), nothing when it is all there.
asio::awaitable<std::optional<HttpReply>> Server::read_body(
    Connection& connection, http::request_parser<http::buffer_body>& parser, HttpRequest& request,
    BodyPlan plan) {
  request.sink = std::move(plan.sink);
  const std::uint64_t bytes_max = std::min(plan.bytes_max, limits_.body_bytes_max);
  const auto too_large = [&plan] {
    return plan.too_large ? plan.too_large() : plain(413, "The body is too large.");
  };
  const std::optional<std::uint64_t> length = content_length(request);
  if (!request.sink && length && *length > bytes_max) co_return too_large();
  // Also without a body: botocore takes an early final reply for that of the next request.
  if (beast::iequals(parser.get()[http::field::expect], "100-continue") &&
      parser.get().version() >= 11) {
    http::response<http::empty_body> go_on{http::status::continue_, parser.get().version()};
    expires_after(connection, limits_.body_progress);
    const auto [error, bytes] = co_await http::async_write(connection.stream, go_on, as_result);
    if (error) co_return HttpReply{.status = 0};
  }
  if (parser.is_done()) co_return std::nullopt;
  const std::size_t piece_bytes =
      std::min<std::uint64_t>(piece_bytes_max, length.value_or(piece_bytes_max));
  const auto piece = std::make_unique_for_overwrite<char[]>(piece_bytes);
  if (!request.sink) parser.body_limit(bytes_max);
  while (!parser.is_done()) {
    parser.get().body().data = piece.get();
    parser.get().body().size = piece_bytes;
    expires_after(connection, limits_.body_progress);
    const auto [error, bytes] =
        co_await http::async_read_some(connection.stream, connection.buffer, parser, as_result);
    if (error == http::error::body_limit) co_return too_large();
    if (error && error != http::error::need_buffer) {
      if (!is_malformed(error)) co_return HttpReply{.status = 0};
      co_return plain(400, "The body is malformed: " + error.message());
    }
    const std::string_view got{piece.get(), piece_bytes - parser.get().body().size};
    if (request.sink) {
      request.sink->write(got);
      continue;
    }
    if (!hold(connection, got.size())) {
      HttpReply busy = plain(503, "The bodies of other requests fill the memory for them.");
      busy.headers.emplace_back("Retry-After", "1");
      co_return busy;
    }
    request.body.append(got);
  }
  co_return std::nullopt;
}

// Marks the connection as gone when the client closes it while an answer is being made.
void Server::watch(Connection& connection) {
  connection.stream.async_wait(
      Tcp::socket::wait_read,
      [gone = connection.gone, descriptor = connection.stream.native_handle()](error_code error) {
        if (error) return;
        char byte = 0;
        if (::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) *gone = true;
      });
}

asio::awaitable<HttpReply> Server::answer(Connection& connection, HttpRequest request) {
  connection.expires_never();
  watch(connection);
  HttpReply reply = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(HttpReply)>(
      [this, &request](auto completion) {
        auto shared = std::make_shared<decltype(completion)>(std::move(completion));
        handler_(std::move(request), [this, shared](std::function<HttpReply()> make) {
          asio::post(io_, [shared, make = std::move(make)] { (*shared)(make()); });
        });
      },
      asio::use_awaitable);
  error_code ignored;
  connection.stream.cancel(ignored);  // Ends the watch.
  co_return reply;
}

// A line break in a header would let a client's text become headers, or a second reply.
bool has_control_characters(const Headers& headers) {
  constexpr std::string_view refused{"\r\n\0", 3};
  return std::ranges::any_of(headers, [&](const auto& header) {
    return header.first.find_first_of(refused) != std::string::npos ||
           header.second.find_first_of(refused) != std::string::npos;
  });
}

asio::awaitable<bool> Server::write(Connection& connection, unsigned version, bool head,
                                    bool keep_alive, HttpReply reply) {
  if (has_control_characters(reply.headers))
    reply = plain(500, "A header of the reply had a line break in it.");
  http::response<http::string_body> response;
  response.version(version);
  response.result(static_cast<unsigned>(reply.status));
  response.set(http::field::date, http_date());
  for (const auto& [name, value] : reply.headers) response.insert(name, value);
  std::uint64_t size = reply.body.size();
  if (!reply.files.empty()) {
    size = 0;
    for (const FilePart& part : reply.files) size += part.size;
  }
  if (!reply.files.empty() && !head) {
    http::response<http::empty_body> header{std::move(response.base())};
    header.content_length(size);
    header.keep_alive(keep_alive);
    co_return co_await write_files(connection, std::move(header), std::move(reply.files));
  }
  const bool bodiless = reply.status == 204 || reply.status == 304 || reply.status < 200;
  if (!head && !bodiless) response.body() = std::move(reply.body);
  if (!bodiless && !(head && response.find(http::field::content_length) != response.end()))
    response.content_length(size);
  response.keep_alive(keep_alive);
  expires_after(connection, limits_.body_progress);
  const auto [error, bytes] = co_await http::async_write(connection.stream, response, as_result);
  co_return !error;
}

// A file that can't be read to its end breaks the connection off: the length was promised.
asio::awaitable<bool> Server::write_files(Connection& connection,
                                          http::response<http::empty_body> header,
                                          std::vector<FilePart> parts) {
  for (const FilePart& part : parts) {
    if (::access(part.path.c_str(), R_OK) == 0) continue;
    HttpReply failed = plain(500, "The bytes can't be read.");
    co_return co_await write(connection, header.version(), false, false, std::move(failed));
  }
  http::response_serializer<http::empty_body> serializer{header};
  expires_after(connection, limits_.body_progress);
  const auto [error, bytes] =
      co_await http::async_write_header(connection.stream, serializer, as_result);
  if (error) co_return false;
  std::string piece(256 * 1024, '\0');
  for (FilePart& part : parts) {
    std::ifstream file{part.path, std::ios::binary};
    file.seekg(static_cast<std::streamoff>(part.offset));
    while (part.size > 0) {
      const std::uint64_t want = std::min<std::uint64_t>(part.size, piece.size());
      file.read(piece.data(), static_cast<std::streamsize>(want));
      if (!file) co_return false;
      expires_after(connection, limits_.body_progress);
      const auto [failed, written] = co_await asio::async_write(
          connection.stream, asio::buffer(piece.data(), want), as_result);
      if (failed) co_return false;
      part.size -= want;
    }
  }
  co_return true;
}

}  // namespace

std::optional<std::uint64_t> content_length(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (!same_letters(name, "content-length")) continue;
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error == std::errc{} && end == value.data() + value.size()) return length;
  }
  return std::nullopt;
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const std::string& address,
                                                       std::uint16_t port, Handler handler,
                                                       HttpLimits limits) {
  auto server = std::make_unique<Server>(std::move(handler), limits);
  KIBAN_TRY_VOID(server->bind(address, port));
  return std::unique_ptr<HttpServer>(std::move(server));
}

std::unique_ptr<HttpServer> HttpServer::create(Handler handler, HttpLimits limits) {
  auto server = std::make_unique<Server>(std::move(handler), limits);
  server->stay();
  return server;
}

}  // namespace kiban::runtime
