#include "runtime/http_server.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <ctime>
#include <fstream>
#include <list>
#include <optional>
#include <set>

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

// One connection, and what others may ask or tell it.
struct Connection {
  explicit Connection(Tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer{};
  bool answering{false};
  std::shared_ptr<std::atomic<bool>> gone{std::make_shared<std::atomic<bool>>(false)};
};

class Server final : public HttpServer {
 public:
  Server(Handler handler, HttpLimits limits)
      : handler_(std::move(handler)), limits_(limits), signals_(io_), drain_(io_) {}

  Result<void> bind(const std::string& address, std::uint16_t port);
  std::uint16_t port() const override { return acceptors_.front().local_endpoint().port(); }
  Result<void> also_listen(const std::string& address, std::uint16_t port) override {
    return bind(address, port);
  }
  void set_sinks(ChooseSink choose) override { choose_sink_ = std::move(choose); }
  int run() override;
  void post(std::function<void()> work) override { asio::post(io_, std::move(work)); }
  void stop() override {
    asio::post(io_, [this] { begin_stop(); });
  }

 private:
  asio::awaitable<void> accept(Tcp::acceptor& acceptor);
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  asio::awaitable<bool> serve_one(Connection& connection);
  asio::awaitable<void> read_away(Connection& connection);
  asio::awaitable<std::optional<HttpReply>> read_body(
      Connection& connection, http::request_parser<http::buffer_body>& parser,
      HttpRequest& request);
  asio::awaitable<HttpReply> answer(Connection& connection, HttpRequest request);
  asio::awaitable<bool> write(Connection& connection, unsigned version, bool head, bool keep_alive,
                              HttpReply reply);
  asio::awaitable<bool> write_files(Connection& connection, http::response<http::empty_body> header,
                                    std::vector<FilePart> parts);
  void watch(Connection& connection);
  void wait_for_signal();
  void begin_stop();
  void close_idle();

  Handler handler_;
  ChooseSink choose_sink_{};
  HttpLimits limits_;
  asio::io_context io_{1};
  std::list<Tcp::acceptor> acceptors_{};
  asio::signal_set signals_;
  asio::steady_timer drain_;
  std::set<std::shared_ptr<Connection>> connections_{};
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
  acceptors_.push_back(std::move(acceptor));
  // From here on a signal is kept for run().
  if (acceptors_.size() == 1) {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
  }
  return {};
}

int Server::run() {
  wait_for_signal();
  for (Tcp::acceptor& acceptor : acceptors_) spawn(io_, accept(acceptor));
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
  error_code ignored;
  for (Tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
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
    if (!connection->answering) connection->stream.cancel();
}

asio::awaitable<void> Server::accept(Tcp::acceptor& acceptor) {
  asio::steady_timer pause{io_};
  while (!stopping_) {
    auto [error, socket] = co_await acceptor.async_accept(as_result);
    if (stopping_) co_return;
    if (error) {
      // Out of descriptors, most likely: others must close first.
      pause.expires_after(std::chrono::milliseconds{50});
      co_await pause.async_wait(as_result);
      continue;
    }
    if (connections_.size() >= limits_.connections_max) continue;  // Closes it.
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    connections_.insert(connection);
    spawn(io_, serve(std::move(connection)));
  }
}

asio::awaitable<void> Server::serve(std::shared_ptr<Connection> connection) {
  while (co_await serve_one(*connection)) {
  }
  *connection->gone = true;
  error_code ignored;
  connection->stream.socket().shutdown(Tcp::socket::shutdown_both, ignored);
  connections_.erase(connection);
  if (stopping_ && connections_.empty()) io_.stop();
}

// To close on bytes that nobody read resets the connection, and the client may lose the reply that
// says why: RFC 9112, 9.6.
asio::awaitable<void> Server::read_away(Connection& connection) {
  error_code ignored;
  connection.stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  connection.stream.expires_after(limits_.read_away);
  std::string unread(64 * 1024, '\0');
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

// True when another request may follow.
asio::awaitable<bool> Server::serve_one(Connection& connection) {
  http::request_parser<http::buffer_body> parser;
  parser.header_limit(limits_.header_bytes_max);
  parser.body_limit(boost::none);  // Until it is known where the body goes.
  if (connection.buffer.size() == 0) {
    // Wait for the first byte under the idle limit, then for the rest under the stricter one.
    connection.stream.expires_after(limits_.idle);
    auto space = connection.buffer.prepare(16 * 1024);
    const auto [error, bytes] = co_await connection.stream.async_read_some(space, as_result);
    if (error) co_return false;
    connection.buffer.commit(bytes);
  }
  connection.answering = true;
  connection.stream.expires_after(limits_.header);
  const auto [error, bytes] =
      co_await http::async_read_header(connection.stream, connection.buffer, parser, as_result);
  if (error == http::error::header_limit) {
    co_await write(connection, 11, false, false, plain(431, "The header is too large."));
    co_await read_away(connection);
    co_return false;
  }
  if (error) {
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      co_await write(connection, 11, false, false,
                     plain(400, "This is not HTTP/1.1: " + error.message()));
      co_await read_away(connection);
    }
    co_return false;
  }
  HttpRequest request{.method = std::string(parser.get().method_string()),
                      .target = std::string(parser.get().target())};
  for (const auto& field : parser.get())
    request.headers.emplace_back(field.name_string(), field.value());
  const unsigned version = parser.get().version();
  const bool head = request.method == "HEAD";
  if (choose_sink_) request.sink = choose_sink_(request);
  if (auto refused = co_await read_body(connection, parser, request)) {
    if (refused->status == 0) co_return false;
    co_await write(connection, version, head, false, *std::move(refused));
    co_await read_away(connection);
    co_return false;
  }
  const bool keep_alive = parser.get().keep_alive();
  request.gone = [gone = connection.gone] { return gone->load(); };
  HttpReply reply = co_await answer(connection, std::move(request));
  const bool stay = keep_alive && !stopping_;
  const bool written = co_await write(connection, version, head, stay, std::move(reply));
  connection.answering = false;
  co_return written&& stay && !stopping_;
}

// A reply when the body is refused (status 0: the client has gone), nothing when it is all there.
asio::awaitable<std::optional<HttpReply>> Server::read_body(
    Connection& connection, http::request_parser<http::buffer_body>& parser, HttpRequest& request) {
  if (!request.sink) parser.body_limit(limits_.body_bytes_max);
  const auto length = parser.content_length();
  if (!request.sink && length && *length > limits_.body_bytes_max)
    co_return plain(413, "The body is too large.");
  // Also when there is no body: botocore takes an early final reply for the next request's.
  if (beast::iequals(parser.get()[http::field::expect], "100-continue") &&
      parser.get().version() >= 11) {
    http::response<http::empty_body> go_on{http::status::continue_, parser.get().version()};
    connection.stream.expires_after(limits_.body_progress);
    const auto [error, bytes] = co_await http::async_write(connection.stream, go_on, as_result);
    if (error) co_return HttpReply{.status = 0};
  }
  std::string piece(64 * 1024, '\0');
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    connection.stream.expires_after(limits_.body_progress);
    const auto [error, bytes] =
        co_await http::async_read_some(connection.stream, connection.buffer, parser, as_result);
    if (error == http::error::body_limit) co_return plain(413, "The body is too large.");
    if (error && error != http::error::need_buffer) co_return HttpReply{.status = 0};
    const std::string_view got{piece.data(), piece.size() - parser.get().body().size};
    if (request.sink)
      request.sink->write(got);
    else
      request.body.append(got);
  }
  co_return std::nullopt;
}

// Marks the connection as gone when the client closes it while an answer is being made.
void Server::watch(Connection& connection) {
  connection.stream.socket().async_wait(
      Tcp::socket::wait_read,
      [gone = connection.gone,
       descriptor = connection.stream.socket().native_handle()](error_code error) {
        if (error) return;
        char byte = 0;
        if (::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) *gone = true;
      });
}

asio::awaitable<HttpReply> Server::answer(Connection& connection, HttpRequest request) {
  connection.stream.expires_never();
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
  connection.stream.socket().cancel(ignored);  // Ends the watch.
  co_return reply;
}

asio::awaitable<bool> Server::write(Connection& connection, unsigned version, bool head,
                                    bool keep_alive, HttpReply reply) {
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
  connection.stream.expires_after(limits_.body_progress);
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
  connection.stream.expires_after(limits_.body_progress);
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
      connection.stream.expires_after(limits_.body_progress);
      const auto [failed, written] = co_await asio::async_write(
          connection.stream, asio::buffer(piece.data(), want), as_result);
      if (failed) co_return false;
      part.size -= want;
    }
  }
  co_return true;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const std::string& address,
                                                       std::uint16_t port, Handler handler,
                                                       HttpLimits limits) {
  auto server = std::make_unique<Server>(std::move(handler), limits);
  KIBAN_TRY_VOID(server->bind(address, port));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace kiban::runtime
