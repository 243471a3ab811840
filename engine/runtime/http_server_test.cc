#include "runtime/http_server.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "runtime/http_client.h"
#include "runtime/keys.h"

namespace kiban::runtime {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

// A raw client: sends given bytes, and reads until the server closes or sends nothing more.
class Wire {
 public:
  explicit Wire(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    KIBAN_CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
                "connect");
  }
  ~Wire() { ::close(socket_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(std::string_view text) {
    ASSERT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Reads until `end` was seen, the server closed, or five seconds are over.
  std::string receive(std::string_view end = "\r\n\r\n\r\n") {
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string text;
    char bytes[4096];
    while (text.find(end) == std::string::npos) {
      const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) break;
      text.append(bytes, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int socket_;
};

class HttpServerTest : public testing::Test {
 protected:
  void serve(HttpLimits limits = {}) {
    auto made = HttpServer::listen(
        "127.0.0.1", 0,
        [this](HttpRequest request, Respond respond) {
          if (request.target == "/never") {
            const std::scoped_lock lock(mutex_);
            kept_.push_back({.respond = std::move(respond), .gone = request.gone});
            arrived_.notify_one();
            return;
          }
          if (request.target == "/file") {
            HttpReply sent{.files = {{.path = file_, .offset = 2, .size = 3}}};
            respond([sent] { return sent; });
            return;
          }
          HttpReply reply{.headers = {{"X-Method", request.method}, {"X-Target", request.target}},
                          .body = "<" + request.body + ">"};
          respond([reply] { return reply; });
        },
        limits);
    ASSERT_TRUE(made) << made.error().cause;
    server_ = *std::move(made);
    server_->set_plan([this](const HttpRequest& request, const Decide& decide) {
      BodyPlan plan;
      if (request.target == "/sink") plan.sink = sink_;
      if (request.target == "/refused") plan.refused = HttpReply{.status = 403, .body = "no"};
      if (request.target != "/later") return decide(std::move(plan));
      server_->post([decide] { decide({}); });
    });
    server_->at_stop([this] { ends_ = true; });
    thread_ = std::thread([this] { server_->run(); });
  }
  void TearDown() override {
    if (!server_) return;
    server_->stop();
    thread_.join();
  }
  std::uint16_t port() const { return server_->port(); }

  // A request that the handler has not answered yet, handed over by the server's thread.
  struct Kept {
    Respond respond{};
    std::function<bool()> gone{};
  };
  Kept take_kept() {
    std::unique_lock lock(mutex_);
    KIBAN_CHECK(arrived_.wait_for(lock, 5s, [this] { return !kept_.empty(); }), "no request came");
    Kept kept = std::move(kept_.front());
    kept_.pop_front();
    return kept;
  }

  struct Pieces final : BodySink {
    void write(std::string_view piece) override { text += piece; }
    std::string text{};
  };
  std::shared_ptr<Pieces> sink_ = std::make_shared<Pieces>();
  std::string file_ = fmt::format("{}/kiban-http-test-{}",
                                  std::filesystem::temp_directory_path().string(), ::getpid());
  std::atomic<bool> ends_{false};  // Set by at_stop().
  std::mutex mutex_{};             // Of kept_.
  std::condition_variable arrived_{};
  std::deque<Kept> kept_{};
  std::unique_ptr<HttpServer> server_{};
  std::thread thread_{};
};

TEST_F(HttpServerTest, PutsABodyIntoItsSinkWithoutALimit) {
  serve({.body_bytes_max = 4});
  Wire wire{port()};
  wire.send("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
  EXPECT_THAT(wire.receive("<>"),
              StartsWith("HTTP/1.1 200 OK\r\n"));  // Nothing in the body itself.
  EXPECT_EQ(sink_->text, "0123456789");
  wire.send(
      "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nabcde\r\n1\r\nf\r\n0\r\n\r\n");
  wire.receive("<>");
  EXPECT_EQ(sink_->text, "0123456789abcdef");
  wire.send("PUT /memory HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
  EXPECT_THAT(wire.receive(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, SendsPartOfAFile) {
  std::ofstream{file_} << "0123456789";
  serve();
  Wire wire{port()};
  wire.send("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(wire.receive("\r\n\r\n234"), HasSubstr("Content-Length: 3\r\n"));
  wire.send("HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = wire.receive("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
  std::filesystem::remove(file_);
  wire.send("GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(wire.receive(), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, KeepsAConnectionAndAnswersInOrder) {
  serve();
  Wire wire{port()};
  wire.send(
      "POST /a?b=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = wire.receive();
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(text, HasSubstr("X-Target: /a?b=%20\r\n"));
  EXPECT_THAT(text, testing::ContainsRegex("Date: [A-Z][a-z][a-z], [0-9][0-9] .* GMT\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\n\r\n<abc>HTTP/1.1 200"));
  EXPECT_THAT(text, HasSubstr("X-Target: /c\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n<>"));
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  serve();
  Wire wire{port()};
  wire.send(
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(wire.receive(">"), HasSubstr("<abcde>"));
}

TEST_F(HttpServerTest, ReadsABodyThatComesInPieces) {
  serve();
  Wire wire{port()};
  const std::string body(300'000, 'x');
  wire.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
  for (std::size_t at = 0; at < body.size(); at += 100'000) {
    std::this_thread::sleep_for(10ms);
    wire.send(body.substr(at, 100'000));
  }
  EXPECT_THAT(wire.receive(">"), HasSubstr("<" + body + ">"));
}

TEST_F(HttpServerTest, SaysContinueBeforeTheBody) {
  serve();
  Wire wire{port()};
  wire.send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(wire.receive("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n"));
  wire.send("ok");
  EXPECT_THAT(wire.receive(">"), HasSubstr("<ok>"));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  serve();
  Wire wire{port()};
  wire.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = wire.receive();
  EXPECT_THAT(text, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesWhatIsTooLargeOrNotHttp) {
  serve({.header_bytes_max = 1024, .body_bytes_max = 10});
  const auto answer_to = [this](const std::string& sent) {
    Wire wire{port()};
    wire.send(sent);
    return wire.receive();
  };
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "b\r\nabcdefghijk\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  // A client that sends all of it before it reads.
  const std::string large(4UL * 1024 * 1024, 'x');
  EXPECT_THAT(answer_to(fmt::format("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                                    large.size(), large)),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to("\x16\x03\x01 this is TLS\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, DropsSlowClients) {
  serve({.idle = 1s, .header = 1s, .body_progress = 1s});
  Wire idle{port()};
  Wire slow_header{port()};
  slow_header.send("GET / HT");
  Wire slow_body{port()};
  slow_body.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab");
  EXPECT_EQ(idle.receive(), "");
  EXPECT_EQ(slow_header.receive(), "");
  EXPECT_EQ(slow_body.receive(), "");
}

TEST_F(HttpServerTest, TellsWhenTheClientHasGone) {
  serve();
  Kept kept;
  {
    Wire wire{port()};
    wire.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    kept = take_kept();
    EXPECT_FALSE(kept.gone());
  }
  for (int i = 0; i < 500 && !kept.gone(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(kept.gone());
  kept.respond([] { return HttpReply{}; });
}

TEST_F(HttpServerTest, EndsWhenWhatIsInFlightIsAnswered) {
  serve();
  Wire idle{port()};
  Wire wire{port()};
  wire.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  const Kept kept = take_kept();
  EXPECT_FALSE(ends_);
  server_->stop();
  EXPECT_EQ(idle.receive(), "");
  EXPECT_TRUE(ends_) << "before what is in flight is answered";
  kept.respond([] { return HttpReply{.body = "late"}; });
  const std::string text = wire.receive();
  EXPECT_THAT(text, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(text.ends_with("late"));
}

TEST_F(HttpServerTest, SaysContinueWithoutABodyToo) {
  serve();
  Wire wire{port()};
  wire.send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(wire.receive("<>"), StartsWith("HTTP/1.1 100 Continue\r\n"));
  Wire refused{port()};
  refused.send(
      "PUT /refused HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 9\r\n\r\n");
  EXPECT_THAT(refused.receive(), StartsWith("HTTP/1.1 403 "));
}

TEST_F(HttpServerTest, ThePlanMayComeLaterAndMayRefuse) {
  serve();
  Wire wire{port()};
  wire.send("PUT /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(wire.receive(">"), HasSubstr("<ok>"));
  // Without a body the connection stays.
  wire.send("GET /refused HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string text = wire.receive("<>");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(text, HasSubstr("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, RefusesWhatAProxyMayReadOtherwise) {
  serve();
  for (const auto& [sent, status] : std::vector<std::pair<std::string, std::string>>{
           {"GET / HTTP/1.1\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
           {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
           {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"},
           {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400"},
           {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 1\r\n"
            "\r\nx",
            "400"},
           {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
           {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
           {"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 200\r\nContent-Length: 0\r\n\r\n", "417"}}) {
    Wire wire{port()};
    wire.send(sent);
    EXPECT_THAT(wire.receive(), StartsWith("HTTP/1.1 " + status)) << sent;
  }
  Wire old{port()};
  old.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.receive(), StartsWith("HTTP/1."));
}

TEST_F(HttpServerTest, NoHeaderOfAReplyHasALineBreak) {
  serve();
  for (const std::string& value : {std::string("a\r\nX-Evil: 1"), std::string("a\nX-Evil: 1"),
                                   std::string("a\rb"), std::string("a\0b", 3)}) {
    Wire wire{port()};
    wire.send("GET /never HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    take_kept().respond([value] { return HttpReply{.headers = {{"X-Value", value}}}; });
    const std::string text = wire.receive();
    EXPECT_THAT(text, StartsWith("HTTP/1.1 500 "));
    EXPECT_THAT(text, testing::Not(HasSubstr("X-Evil")));
  }
}

TEST_F(HttpServerTest, ClosesTheOldestIdleConnectionForANewOne) {
  serve({.connections_max = 4, .connections_per_address_percent = 100});
  std::vector<std::unique_ptr<Wire>> idle;
  for (int i = 0; i < 4; ++i) idle.push_back(std::make_unique<Wire>(port()));
  idle.front()->send("GET / HT");  // Half a header is idle too.
  Wire another{port()};
  another.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(another.receive("<>"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(idle.front()->receive(), "");
  idle.back()->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(idle.back()->receive("<>"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AllBodiesTogetherAreBounded) {
  serve({.bodies_bytes_max = 100});
  Wire holds{port()};
  holds.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n" + std::string(80, 'x'));
  std::this_thread::sleep_for(200ms);
  Wire waits{port()};
  waits.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'));
  const std::string busy = waits.receive();
  EXPECT_THAT(busy, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(busy, HasSubstr("Retry-After: 1\r\n"));
  holds.send(std::string(10, 'x'));
  EXPECT_THAT(holds.receive(">"), HasSubstr("<xxx"));
  waits.receive();
  Wire later{port()};
  later.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'));
  EXPECT_THAT(later.receive(">"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, RefusesAnAddressThatIsTaken) {
  serve();
  const auto second = HttpServer::listen("127.0.0.1", port(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().name, "ListenFailed");
  EXPECT_THAT(second.error().cause, HasSubstr("Address already in use"));
  EXPECT_FALSE(HttpServer::listen("not-an-address", 0, {}));
}

TEST_F(HttpServerTest, TheClientFetches) {
  serve();
  const auto reply = fetch({.method = "POST",
                            .url = "http://127.0.0.1:" + std::to_string(port()) + "/x?y",
                            .body = "body"});
  ASSERT_TRUE(reply) << reply.error().cause;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "<body>");
  EXPECT_EQ(fetch({.url = "http://127.0.0.1:1/"}).error().name, "ConnectFailed");
  for (const auto* host : {"127.0.0.1", "127.1", "localhost", "0.0.0.0", "[::1]", "169.254.170.2",
                           "[::ffff:127.0.0.1]", "2130706433"}) {
    const auto refused =
        fetch({.url = fmt::format("http://{}:{}/", host, port()), .targets = Targets::Others});
    ASSERT_FALSE(refused) << host;
    EXPECT_EQ(refused.error().name, "ConnectFailed") << host;
    if (std::string_view(host).find(':') == std::string_view::npos)
      EXPECT_THAT(refused.error().cause, HasSubstr("--loopback-targets")) << host;
  }
  EXPECT_EQ(fetch({.url = "ftp://x/"}).error().name, "InvalidUrl");
}

TEST(Url, SplitsOrRefuses) {
  EXPECT_EQ(parse_url("http://a"), (Url{"http", "a", "80", "/"}));
  EXPECT_EQ(parse_url("https://a.b/c?d=e"), (Url{"https", "a.b", "443", "/c?d=e"}));
  EXPECT_EQ(parse_url("http://[::1]:81?q"), (Url{"http", "::1", "81", "/?q"}));
  for (const char* bad : {"", "http://", "a", "http://a:b/", "http://u@h/", "http://a/\r\nX: y"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(RootKey, IsRandomAndShapedAsAwsShapesIt) {
  const RootKey key = make_root_key();
  EXPECT_THAT(key.access_key_id, StartsWith("AKIA"));
  EXPECT_EQ(key.access_key_id.size(), 20);
  EXPECT_EQ(key.secret_access_key.size(), 40);
  EXPECT_NE(make_root_key(), key);
}

// A socket on 127.0.0.1 that listens, and its port.
std::pair<Descriptor, std::uint16_t> listening_socket() {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  KIBAN_CHECK(::bind(socket.number(), generic, size) == 0 && ::listen(socket.number(), 8) == 0 &&
                  ::getsockname(socket.number(), generic, &size) == 0,
              "listen");
  return {std::move(socket), ntohs(address.sin_port)};
}

TEST(HttpServer, ServesSocketsThatAreAddedAndClosedWhileItRuns) {
  const auto server = HttpServer::create(
      [](const HttpRequest& request, const Respond& respond) {
        respond([name = request.listener] { return HttpReply{.body = name}; });
      },
      {.drain = 0s});
  std::jthread thread{[&server] { server->run(); }};
  auto [first, first_port] = listening_socket();
  auto [second, second_port] = listening_socket();
  server->add_listener(std::move(first), "first");
  server->add_listener(std::move(second), "second");
  Wire to_first{first_port};
  Wire to_second{second_port};
  to_first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(to_first.receive("first"), HasSubstr("200 OK"));
  to_second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(to_second.receive("second"), HasSubstr("200 OK"));
  server->close_listener("first");
  EXPECT_EQ(to_first.receive(), "");  // Closed.
  to_second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(to_second.receive("second"), HasSubstr("200 OK"));
  server->stop();
}

}  // namespace
}  // namespace kiban::runtime
