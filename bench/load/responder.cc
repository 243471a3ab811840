#include "load/responder.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio.hpp>
#include <string>
#include <thread>

#include "load/reply.h"

namespace kiban::load {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// As long as the reply to StartExecution.
constexpr std::string_view body =
    R"({"executionArn":"arn:aws:states:ap-northeast-1:000000000000:execution:ten:)"
    R"(00000000-0000-0000-0000-000000000000","startDate":1700000000.000,"status":"SUCCEEDED"})";
const std::string reply = fmt::format(
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{}",
    body.size(), body);

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                              if (error) return;
                              self->request_.append(self->buffer_.data(), size);
                              self->answer();
                            });
  }

 private:
  void answer() {
    const auto message = first_message(request_);
    if (!message) return read();
    request_.erase(0, message->size);
    asio::async_write(socket_, asio::buffer(reply),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  asio::ip::tcp::socket socket_;
  std::string request_{};
  std::array<char, 16 * 1024> buffer_{};
};

class LoopbackResponder final : public Responder {
 public:
  LoopbackResponder() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    accept();
    thread_ = std::jthread([this] { context_.run(); });
  }
  ~LoopbackResponder() override { context_.stop(); }
  LoopbackResponder(const LoopbackResponder&) = delete;
  LoopbackResponder& operator=(const LoopbackResponder&) = delete;
  std::uint16_t port() const override { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const error_code& error, asio::ip::tcp::socket socket) {
      if (error) return;
      socket.set_option(asio::ip::tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket))->read();
      accept();
    });
  }

  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  std::jthread thread_{};  // Joined first: it uses the others.
};

}  // namespace

std::unique_ptr<Responder> make_responder() { return std::make_unique<LoopbackResponder>(); }

}  // namespace kiban::load
