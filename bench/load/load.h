// Load on one HTTP server over keep-alive connections, from one thread, bounded in count and time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "load/latency.h"
#include "load/requests.h"

namespace kiban::load {

constexpr std::size_t connections_max = 1024;
constexpr std::chrono::seconds duration_max{3600};
constexpr std::uint64_t count_max = 10'000'000;

struct Plan {
  std::uint16_t port{0};  // Of 127.0.0.1.
  std::size_t connections{64};
  std::chrono::milliseconds duration{10'000};  // No request is sent after it.
  std::uint64_t count{count_max};              // Requests at most.
  // Requests per second, sent at even distances whatever the replies do; a latency then counts from
  // the moment its request was due. 0: each connection sends when its reply is there.
  double rate{0};
  // Each request starts an execution, which DescribeExecution follows on the same connection until
  // it has ended; the latency is that of the whole.
  bool until_done{false};
};

struct Second {
  std::uint64_t done{0};
  double p50_ms{0};
  double p99_ms{0};
};

struct Outcome {
  std::uint64_t done{0};    // Replies with status 200 (with until_done: executions that succeeded).
  std::uint64_t errors{0};  // Other replies, broken connections, executions that ended otherwise.
  std::string first_error{};
  double seconds{0};  // From the first request to the last reply.
  Latencies latencies{};
  std::vector<Second> per_second{};  // Whole seconds only, by the time of the reply.

  double rate() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
  // Of the whole seconds; rate() when there are fewer than three.
  double median_rate() const;
};

// Blocks. A connection that the server announces to close is opened again; one that breaks is not.
// `requests` is used from this thread alone.
Outcome run(const Plan& plan, Requests& requests, const Target& target);

}  // namespace kiban::load
