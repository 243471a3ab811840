#include "load/load.h"

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <memory>

#include "load/reply.h"

namespace kiban::load {

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::chrono::seconds patience{30};  // For the replies that are due when the time is over.

Timestamp wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

class Generator;

class Connection {
 public:
  Connection(Generator& generator, asio::io_context& context)
      : generator_(generator), socket_(context) {}
  void open(std::uint16_t port);
  // Sends a request; its latency counts from `began`.
  void send(std::shared_ptr<const std::string> request, Clock::time_point began);
  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void write(const std::string& bytes);
  void read();
  void received();
  void replied(int status, std::string_view body);
  void broken(const error_code& error);

  Generator& generator_;
  asio::ip::tcp::socket socket_;
  Clock::time_point began_{};
  std::shared_ptr<const std::string> request_{};
  std::string describe_{};  // The request that follows the execution; empty: it is not started yet.
  bool closed_{false};      // By the server, after the last reply.
  std::string reply_{};     // The part of a reply that is there.
  std::array<char, 16 * 1024> buffer_{};
};

class Generator {
 public:
  Generator(const Plan& plan, Requests& requests, const Target& target)
      : plan_(plan), requests_(requests), target_(target), timer_(context_) {}
  Outcome run();

  const Plan& plan() const { return plan_; }
  const Target& target() const { return target_; }
  void succeeded(Connection& connection, Clock::time_point began);
  void failed(Connection& connection, std::string what);
  void lost(std::string what);

 private:
  bool may_send(Clock::time_point now) const { return sent_ < plan_.count && now < end_; }
  void pump();  // Sends what is due on the connections that are free.
  void wait_until(Clock::time_point when);
  void next_second(Clock::time_point now);
  void note(std::string what);
  void finished(Connection& connection);

  Plan plan_;
  Requests& requests_;
  Target target_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  std::vector<std::unique_ptr<Connection>> connections_{};
  std::vector<Connection*> free_{};
  Clock::time_point start_{};
  Clock::time_point end_{};
  Clock::time_point last_{};
  std::uint64_t sent_{0};
  std::uint64_t under_way_{0};
  Latencies second_{};
  Outcome outcome_{};
};

void Connection::open(std::uint16_t port) {
  socket_.connect({asio::ip::address_v4::loopback(), port});
  socket_.set_option(asio::ip::tcp::no_delay(true));
}

void Connection::send(std::shared_ptr<const std::string> request, Clock::time_point began) {
  began_ = began;
  describe_.clear();
  request_ = std::move(request);
  write(*request_);
}

void Connection::write(const std::string& bytes) {
  if (std::exchange(closed_, false)) {
    socket_.close();
    open(generator_.plan().port);
  }
  asio::async_write(socket_, asio::buffer(bytes), [this](const error_code& error, std::size_t) {
    if (error) return broken(error);
    read();
  });
}

void Connection::read() {
  socket_.async_read_some(asio::buffer(buffer_), [this](const error_code& error, std::size_t size) {
    if (error) return broken(error);
    reply_.append(buffer_.data(), size);
    received();
  });
}

void Connection::received() {
  const auto message = first_message(reply_);
  if (!message) return read();
  const std::string whole = std::exchange(reply_, {}).substr(0, message->size);
  closed_ = closes(std::string_view(whole).substr(0, whole.size() - message->body.size()));
  replied(status_of(whole), std::string_view(whole).substr(whole.size() - message->body.size()));
}

void Connection::replied(int status, std::string_view body) {
  if (status != 200) return generator_.failed(*this, std::string(body.substr(0, 300)));
  if (!generator_.plan().until_done) return generator_.succeeded(*this, began_);
  if (describe_.empty()) {
    const std::string arn(string_member(body, "executionArn"));
    describe_ = signed_request(generator_.target(), {.name = "DescribeExecution"},
                               R"({"executionArn":")" + arn + R"("})", wall_now());
  } else if (const std::string_view state = string_member(body, "status"); state != "RUNNING") {
    if (state == "SUCCEEDED") return generator_.succeeded(*this, began_);
    return generator_.failed(*this, "an execution ended " + std::string(state));
  }
  write(describe_);
}

void Connection::broken(const error_code& error) {
  if (error == asio::error::operation_aborted) return;
  generator_.lost(error.message());
}

Outcome Generator::run() {
  for (std::size_t i = 0; i < plan_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this, context_));
    connections_.back()->open(plan_.port);
    free_.push_back(connections_.back().get());
  }
  start_ = last_ = Clock::now();
  end_ = start_ + plan_.duration;
  pump();
  context_.run_until(end_ + patience);
  if (under_way_ > 0) {
    outcome_.errors += under_way_;
    note("no reply");
  }
  outcome_.seconds = std::chrono::duration<double>(last_ - start_).count();
  return std::move(outcome_);
}

void Generator::pump() {
  const auto now = Clock::now();
  while (!free_.empty() && may_send(now)) {
    const auto due =
        plan_.rate > 0
            ? start_ + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(static_cast<double>(sent_) / plan_.rate))
            : now;
    if (due >= end_) return;
    if (due > now) return wait_until(due);
    Connection* connection = free_.back();
    free_.pop_back();
    ++sent_;
    ++under_way_;
    connection->send(requests_.next(wall_now()), due);
  }
}

void Generator::wait_until(Clock::time_point when) {
  timer_.expires_at(when);
  timer_.async_wait([this](const error_code& error) {
    if (!error) pump();
  });
}

void Generator::next_second(Clock::time_point now) {
  while (now >= start_ + std::chrono::seconds(outcome_.per_second.size() + 1)) {
    outcome_.per_second.push_back({.done = second_.count(),
                                   .p50_ms = second_.quantile_ms(0.5),
                                   .p99_ms = second_.quantile_ms(0.99)});
    second_ = {};
  }
}

void Generator::succeeded(Connection& connection, Clock::time_point began) {
  const auto now = Clock::now();
  next_second(now);
  last_ = now;
  ++outcome_.done;
  outcome_.latencies.add(now - began);
  second_.add(now - began);
  finished(connection);
}

void Generator::failed(Connection& connection, std::string what) {
  last_ = Clock::now();
  ++outcome_.errors;
  note(std::move(what));
  finished(connection);
}

void Generator::lost(std::string what) {
  --under_way_;
  ++outcome_.errors;
  note(std::move(what));
}

void Generator::note(std::string what) {
  if (outcome_.first_error.empty()) outcome_.first_error = std::move(what);
}

void Generator::finished(Connection& connection) {
  --under_way_;
  free_.push_back(&connection);
  pump();
  if (under_way_ == 0 && !may_send(Clock::now())) context_.stop();
}

}  // namespace

double Outcome::median_rate() const {
  if (per_second.size() < 3) return rate();
  std::vector<std::uint64_t> counts;
  for (const Second& each : per_second) counts.push_back(each.done);
  std::ranges::sort(counts);
  const std::size_t middle = counts.size() / 2;
  if (counts.size() % 2 == 1) return static_cast<double>(counts[middle]);
  return static_cast<double>(counts[middle - 1] + counts[middle]) / 2;
}

Outcome run(const Plan& plan, Requests& requests, const Target& target) {
  Generator generator(plan, requests, target);
  return generator.run();
}

}  // namespace kiban::load
