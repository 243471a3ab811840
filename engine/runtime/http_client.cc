#include "runtime/http_client.h"

#include <fmt/core.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/spawn.h"

namespace kiban::runtime {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

std::unexpected<Error> failed(const Fetch& fetch, const boost::system::error_code& error) {
  const char* name = error == beast::error::timeout     ? "TimedOut"
                     : error == http::error::body_limit ? "ReplyTooLong"
                                                        : "FetchFailed";
  return fail(name, fetch.url + ": " + error.message());
}

http::request<http::string_body> make_request(const Fetch& fetch, const Url& url) {
  http::request<http::string_body> request;
  request.method_string(fetch.method);
  request.target(url.target);
  request.version(11);
  const bool standard_port = url.port == (url.scheme == "https" ? "443" : "80");
  request.set(http::field::host, standard_port ? url.host : url.host + ":" + url.port);
  for (const auto& [name, value] : fetch.headers) request.set(name, value);
  request.body() = fetch.body;
  if (!fetch.body.empty() || fetch.method == "POST" || fetch.method == "PUT")
    request.content_length(fetch.body.size());
  request.set(http::field::connection, "close");
  return request;
}

template <typename Stream>
asio::awaitable<Result<HttpReply>> exchange(Stream& stream, const Fetch& fetch, const Url& url) {
  http::request<http::string_body> request = make_request(fetch, url);
  const auto [write_error, written] = co_await http::async_write(stream, request, as_result);
  if (write_error) co_return failed(fetch, write_error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(fetch.reply_bytes_max);
  if (fetch.method == "HEAD") parser.skip(true);
  const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, as_result);
  if (error) co_return failed(fetch, error);
  HttpReply reply{.status = static_cast<int>(parser.get().result_int()),
                  .headers = {},
                  .body = std::move(parser.get().body())};
  for (const auto& field : parser.get())
    reply.headers.emplace_back(field.name_string(), field.value());
  co_return reply;
}

bool is_this_host(const asio::ip::address& given) {
  if (given.is_v6()) {
    const asio::ip::address_v6 address = given.to_v6();
    if (!address.is_v4_mapped())
      return address.is_loopback() || address.is_unspecified() || address.is_link_local();
  }
  const asio::ip::address_v4 address =
      given.is_v4() ? given.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, given.to_v6());
  const std::uint32_t bits = address.to_uint();
  return address.is_loopback() || bits >> 24U == 0 || bits >> 16U == 0xA9FEU;
}

// Reading the certificates of all authorities takes milliseconds; they are read again now and then,
// as systems renew them.
std::shared_ptr<asio::ssl::context> tls_context() {
  constexpr std::chrono::hours age_max{1};
  static std::mutex mutex;
  static std::shared_ptr<asio::ssl::context> kept;
  static std::chrono::steady_clock::time_point made;
  const std::scoped_lock lock{mutex};
  const auto now = std::chrono::steady_clock::now();
  if (!kept || now - made > age_max) {
    kept = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    boost::system::error_code ignored;
    kept->set_default_verify_paths(ignored);
    made = now;
  }
  return kept;
}

asio::awaitable<Result<HttpReply>> fetch_once(Fetch fetch) {
  if (fetch.prepare)
    if (Result<void> prepared = fetch.prepare(fetch); !prepared)
      co_return std::unexpected(std::move(prepared).error());
  const Result<Url> url = parse_url(fetch.url);
  if (!url) co_return std::unexpected(url.error());
  const auto executor = co_await asio::this_coro::executor;
  Tcp::resolver resolver{executor};
  const auto [resolve_error, addresses] =
      co_await resolver.async_resolve(url->host, url->port, as_result);
  if (resolve_error) co_return fail("ConnectFailed", fetch.url + ": " + resolve_error.message());
  // The addresses that are checked are those that are connected to: a name may have others the next
  // time it is resolved.
  for (const auto& address : addresses)
    if (fetch.targets == Targets::Others && is_this_host(address.endpoint().address()))
      co_return fail("ConnectFailed",
                     fmt::format("{}: {} is an address of the host that kiban runs on. Start kiban "
                                 "with --loopback-targets allow to call it",
                                 fetch.url, address.endpoint().address().to_string()));
  beast::tcp_stream stream{executor};
  stream.expires_after(fetch.timeout);
  const auto [error, endpoint] = co_await stream.async_connect(addresses, as_result);
  if (error) co_return fail("ConnectFailed", fetch.url + ": " + error.message());
  if (url->scheme == "http") co_return co_await exchange(stream, fetch, *url);

  const std::shared_ptr<asio::ssl::context> tls = tls_context();
  asio::ssl::stream<beast::tcp_stream&> secure{stream, *tls};
  secure.set_verify_mode(fetch.check_certificate ? asio::ssl::verify_peer : asio::ssl::verify_none);
  secure.set_verify_callback(asio::ssl::host_name_verification(url->host));
  SSL_set_tlsext_host_name(secure.native_handle(), url->host.c_str());
  const auto [handshake_error] =
      co_await secure.async_handshake(asio::ssl::stream_base::client, as_result);
  if (handshake_error)
    co_return fail("ConnectFailed", fetch.url + ": " + handshake_error.message());
  co_return co_await exchange(secure, fetch, *url);
}

class ThreadFetcher final : public Fetcher {
 public:
  ~ThreadFetcher() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  void start(Fetch request, std::function<void(Result<HttpReply>)> done) override {
    std::call_once(begun_, [this] { thread_ = std::thread([this] { io_.run(); }); });
    ++waiting_;
    asio::post(io_, [this, job = Job{std::move(request), std::move(done)}]() mutable {
      const Result<Url> url = parse_url(job.request.url);
      const std::string host = url ? url->host + ":" + url->port : "";
      hosts_[host].jobs.push_back(std::move(job));
      begin_next();
    });
  }
  std::size_t waiting() const override { return waiting_; }

 private:
  struct Job {
    Fetch request{};
    std::function<void(Result<HttpReply>)> done{};
  };
  struct Host {
    std::deque<Job> jobs{};
    std::size_t running{0};
  };

  // Hosts take turns.
  void begin_next() {
    for (std::size_t idle = 0; running_ < fetches_max && idle < hosts_.size();) {
      auto host = hosts_.upper_bound(last_);
      if (host == hosts_.end()) host = hosts_.begin();
      last_ = host->first;
      if (host->second.jobs.empty() || host->second.running == fetches_of_host_max) {
        ++idle;
        continue;
      }
      idle = 0;
      Job job = std::move(host->second.jobs.front());
      host->second.jobs.pop_front();
      ++host->second.running;
      ++running_;
      --waiting_;
      spawn(io_, run(host->first, std::move(job)));
    }
  }

  asio::awaitable<void> run(std::string host, Job job) {
    Result<HttpReply> reply = fail("FetchFailed", job.request.url + ": failed inside");
    try {
      reply = co_await fetch_once(std::move(job.request));
    } catch (
        const std::exception& thrown) {  // A bug of kiban; the waiting caller must get an error.
      reply = fail("FetchFailed", std::string("failed inside: ") + thrown.what());
    }
    --running_;
    const auto lane = hosts_.find(host);
    if (--lane->second.running == 0 && lane->second.jobs.empty()) hosts_.erase(lane);
    begin_next();
    job.done(std::move(reply));
  }

  // Used on the thread.
  std::map<std::string, Host> hosts_{};  // By "host:port".
  std::string last_{};                   // The host that was served last.
  std::size_t running_{0};
  std::atomic<std::size_t> waiting_{0};

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::once_flag begun_{};
  std::thread thread_{};
};

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  const std::size_t colon = text.find("://");
  url.scheme = std::string(text.substr(0, colon));
  if (colon == std::string_view::npos || (url.scheme != "http" && url.scheme != "https"))
    return fail("InvalidUrl", fmt::format("'{}' begins neither with http:// nor https://", text));
  std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, slash);
  url.target = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  if (url.target.starts_with('?')) url.target.insert(0, "/");
  if (authority.find('@') != std::string_view::npos)
    return fail("InvalidUrl", fmt::format("'{}' carries a user name", text));
  const std::size_t port = authority.rfind(':');
  if (port != std::string_view::npos && authority.find(']', port) == std::string_view::npos) {
    url.port = std::string(authority.substr(port + 1));
    authority = authority.substr(0, port);
  } else {
    url.port = url.scheme == "https" ? "443" : "80";
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  url.host = std::string(authority);
  const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
  if (url.host.empty() || url.port.empty() ||
      url.port.find_first_not_of("0123456789") != std::string::npos ||
      !std::ranges::all_of(url.target, printable) || !std::ranges::all_of(url.host, printable))
    return fail("InvalidUrl", fmt::format("'{}' is not a URL", text));
  return url;
}

std::string reason_of(int status) {
  return std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status))));
}

Result<HttpReply> fetch(const Fetch& request) {
  asio::io_context io{1};
  std::optional<Result<HttpReply>> reply;
  const auto run = [](Fetch wanted,
                      std::optional<Result<HttpReply>>& out) -> asio::awaitable<void> {
    out = co_await fetch_once(std::move(wanted));
  };
  spawn(io, run(request, reply));
  io.run();
  if (!reply) return fail("FetchFailed", request.url + ": failed inside");
  return *std::move(reply);
}

std::unique_ptr<Fetcher> make_fetcher() { return std::make_unique<ThreadFetcher>(); }

}  // namespace kiban::runtime
