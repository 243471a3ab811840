// GET /_kiban/metrics: the server's own metrics, in Prometheus' text format.
//
// Rows and files are counted on a thread of their own, at most once in `sample_age_max`; the kernel
// provides counters only. docs/operate.md lists the families and what to watch.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "runtime/http_client.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"
#include "runtime/metrics.h"
#include "services/states/counters.h"
#include "store/store.h"

namespace kiban::cli {

constexpr std::string_view metrics_path = "/_kiban/metrics";
// In the data directory: the token that a scraper sends as `Authorization: Bearer`.
constexpr std::string_view metrics_token_file = "metrics-token";

constexpr std::chrono::seconds sample_age_max{60};
// Timers and effects are counted up to here.
constexpr std::size_t rows_counted_max = 1'000'000;

// All outlive the route.
struct MetricsSources {
  runtime::KernelThread& kernel;
  const runtime::HttpServer& server;
  const runtime::Fetcher& fetcher;
  const runtime::RequestMetrics& requests;
  const runtime::KernelMetrics& batches;
  const services::states::Counters& executions;
  const store::Store& rows;
  std::string directory{};  // Of the data; empty: in memory, and rows are for the kernel's thread.
};

class MetricsRoute {
 public:
  explicit MetricsRoute(MetricsSources sources);
  ~MetricsRoute();
  MetricsRoute(const MetricsRoute&) = delete;
  MetricsRoute& operator=(const MetricsRoute&) = delete;

  runtime::Handler handler();
  // Waits for a sample under way, and answers no more. The sources may go then.
  void end();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Writes the token for scrapers unless it is there. Error `DataFailed`.
Result<void> write_metrics_token(const std::string& directory, const std::string& token);

}  // namespace kiban::cli
