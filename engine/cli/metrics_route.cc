#include "cli/metrics_route.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/times.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "cli/disk_use.h"
#include "cli/version.h"
#include "core/json.h"
#include "runtime/json_reply.h"
#include "runtime/keys.h"
#include "runtime/worker.h"

namespace kiban::cli {
namespace {

using runtime::MetricsText;

// Gauges that are read at most once a minute, not counted as things happen.
struct Sample {
  std::uint64_t timers{0};
  std::uint64_t effects{0};
  std::uint64_t executions{0};  // Standard ones that run.
  std::vector<DiskUse> disk{};
  std::optional<std::uint64_t> free_bytes{};
};

std::uint64_t count_rows(const store::Store& rows, std::string_view prefix) {
  constexpr std::size_t page = 1'000;
  std::uint64_t count = 0;
  std::string after;
  while (count < rows_counted_max) {
    const std::vector<store::Row> found = rows.scan(prefix, after, page);
    count += found.size();
    if (found.size() < page) break;
    after = found.back().key;
  }
  return count;
}

// The sum of what Step Functions counts in each region against its quota.
std::uint64_t count_executions(const store::Store& rows) {
  constexpr std::string_view prefix = "states/";
  std::uint64_t count = 0;
  std::string after;
  for (;;) {
    const std::vector<store::Row> first = rows.scan(prefix, after, 1);
    if (first.empty()) return count;
    const std::string region =
        first[0].key.substr(0, first[0].key.find('/', prefix.size()));  // states/REGION
    if (const auto row = rows.get(region + "/open/standard")) {
      const auto open = parse_json(*row);
      if (open && open->is_object())
        count += static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, number(open->get_object(), "Count")));
    }
    after = region + "0";  // The character behind '/': beyond all rows of the region.
  }
}

void count_all(const store::Store& rows, Sample& sample) {
  sample.timers = count_rows(rows, "timer/");
  sample.effects = count_rows(rows, "effect/");
  sample.executions = count_executions(rows);
}

void measure_disk(const std::string& directory, Sample& sample) {
  if (directory.empty()) return;
  sample.disk = disk_use(directory);
  struct statvfs system{};
  if (::statvfs(directory.c_str(), &system) == 0)
    sample.free_bytes = std::uint64_t{system.f_bavail} * system.f_frsize;
}

// Process -------------------------------------------------------------------------------------

std::vector<std::string> words_of(const char* path) {
  std::ifstream in{path};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::uint64_t open_descriptors() {
  std::error_code failed;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator at{"/proc/self/fd", failed}, end; !failed && at != end;
       at.increment(failed))
    ++count;
  return count;
}

void show_process(MetricsText& text) {
  text.family("kiban_build_info", "gauge", "Always 1; the version is a label.");
  text.sample({{"version", std::string(version)}}, std::uint64_t{1});
  if (const auto pages = words_of("/proc/self/statm"); pages.size() > 1) {
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    text.family("process_resident_memory_bytes", "gauge", "Memory that is resident.");
    text.sample({}, std::uint64_t{std::stoull(pages[1])} * page);
    text.family("process_virtual_memory_bytes", "gauge", "Size of the address space.");
    text.sample({}, std::uint64_t{std::stoull(pages[0])} * page);
  }
  struct tms spent{};
  if (::times(&spent) != static_cast<clock_t>(-1)) {
    text.family("process_cpu_seconds_total", "counter", "Processor time, user and system.");
    text.sample({}, static_cast<double>(spent.tms_utime + spent.tms_stime) /
                        static_cast<double>(::sysconf(_SC_CLK_TCK)));
  }
  text.family("process_open_fds", "gauge", "Open file descriptors.");
  text.sample({}, open_descriptors());
}

// The rest ------------------------------------------------------------------------------------

void show_requests(MetricsText& text, const runtime::RequestMetrics& requests) {
  const auto seen = requests.seen();
  text.family("kiban_requests_total", "counter",
              "Requests of AWS APIs by service, operation and class of the status.");
  for (const auto* each : seen)
    for (std::size_t i = 0; i < each->by_class.size(); ++i)
      if (const std::uint64_t count = each->by_class[i].load(std::memory_order_relaxed); count > 0)
        text.sample({{"service", std::string(each->service)},
                     {"operation", std::string(each->name)},
                     {"code", fmt::format("{}xx", i + 2)}},
                    count);
  text.family("kiban_request_duration_seconds", "histogram",
              "From the end of a request's body to its reply.");
  for (const auto* each : seen)
    text.histogram(
        {{"service", std::string(each->service)}, {"operation", std::string(each->name)}},
        each->took);
}

void show_batches(MetricsText& text, const runtime::KernelMetrics& batches) {
  text.family("kiban_batch_inputs", "histogram",
              "Commands and outcomes that a batch of the kernel began with; 0: timers alone.");
  text.histogram({}, batches.batch_inputs);
  text.family("kiban_batch_duration_seconds", "histogram",
              "Deciding a batch, its commit and its replies.");
  text.histogram({}, batches.batch_took);
  text.family("kiban_batch_longest_seconds", "gauge",
              "The longest batch since the server started: nothing else was decided meanwhile.");
  text.sample({}, 1e-6 * static_cast<double>(batches.batch_longest.load()));
  text.family("kiban_commit_bytes_total", "counter",
              "Bytes of keys and values that commits wrote, before compression and encryption.");
  text.sample({}, batches.commit_bytes.load());
  text.family("kiban_commit_rows", "histogram", "Rows that a commit wrote or erased.");
  text.histogram({}, batches.commit_rows);
  text.family("kiban_commit_duration_seconds", "histogram",
              "One synced write of a batch to the store.");
  text.histogram({}, batches.commit_took);
}

void show_executions(MetricsText& text, const services::states::Counters& counters) {
  text.family("kiban_executions_started_total", "counter",
              "Executions that began since the start, without a map run's children.");
  text.sample({}, counters.started.load(std::memory_order_relaxed));
  text.family("kiban_executions_ended_total", "counter",
              "Executions that ended since the start, without a map run's children.");
  for (const auto status :
       {asl::Status::Succeeded, asl::Status::Failed, asl::Status::TimedOut, asl::Status::Aborted})
    text.sample({{"status", std::string(asl::to_string(status))}},
                counters.ended[static_cast<std::size_t>(status)].load(std::memory_order_relaxed));
}

void show_sample(MetricsText& text, const Sample& sample) {
  text.family("kiban_executions_open", "gauge", "Standard executions that run.");
  text.sample({}, sample.executions);
  text.family("kiban_timers_pending", "gauge", "Timers that wait.");
  text.sample({}, sample.timers);
  text.family("kiban_effects_pending", "gauge",
              "Effects without a final outcome: tasks that run, deliveries, mails.");
  text.sample({}, sample.effects);
  if (!sample.disk.empty()) {
    text.family("kiban_disk_bytes", "gauge", "What the data directory takes, by kind.");
    for (const DiskUse& each : sample.disk) text.sample({{"kind", each.kind}}, each.bytes);
  }
  if (sample.free_bytes) {
    text.family("kiban_disk_free_bytes", "gauge", "Free on the data directory's file system.");
    text.sample({}, *sample.free_bytes);
  }
}

}  // namespace

struct MetricsRoute::State {
  explicit State(MetricsSources from) : sources(std::move(from)) {}

  // On the kernel's thread.
  void visit(const std::shared_ptr<State>& self, const kernel::Kernel& kernel,
             const runtime::Respond& respond);
  // On the worker's.
  void reply(std::size_t long_polls, const std::optional<Sample>& counted,
             const runtime::Respond& respond);

  MetricsSources sources;
  Sample sample{};  // The worker's.
  std::optional<std::chrono::steady_clock::time_point> sampled{};
  std::unique_ptr<runtime::Worker> worker{std::make_unique<runtime::Worker>()};
};

void MetricsRoute::State::visit(const std::shared_ptr<State>& self, const kernel::Kernel& kernel,
                                const runtime::Respond& respond) {
  if (!worker) return;  // The server ends.
  std::optional<Sample> counted;
  if (sources.directory.empty()) count_all(sources.rows, counted.emplace());
  worker->post([self, polls = kernel.long_polls(), counted, respond] {
    self->reply(polls, counted, respond);
  });
}

void MetricsRoute::State::reply(std::size_t long_polls, const std::optional<Sample>& counted,
                                const runtime::Respond& respond) {
  const auto now = std::chrono::steady_clock::now();
  if (counted) {
    sample = *counted;
  } else if (!sampled || now - *sampled >= sample_age_max) {
    sample = {};
    count_all(sources.rows, sample);
    measure_disk(sources.directory, sample);
    sampled = now;
  }
  MetricsText text;
  show_process(text);
  show_requests(text, sources.requests);
  text.family("kiban_connections", "gauge", "Open connections of clients.");
  text.sample({}, std::uint64_t{sources.server.connections()});
  text.family("kiban_kernel_waiting", "gauge",
              "Commands and outcomes that wait for the kernel's next batch.");
  text.sample({}, std::uint64_t{sources.kernel.waiting()});
  text.family("kiban_long_polls", "gauge", "Requests that wait for a message or a task.");
  text.sample({}, std::uint64_t{long_polls});
  text.family("kiban_deliveries_waiting", "gauge",
              "HTTP deliveries and calls that wait for their turn.");
  text.sample({}, std::uint64_t{sources.fetcher.waiting()});
  show_batches(text, sources.batches);
  show_executions(text, sources.executions);
  show_sample(text, sample);
  respond([reply = runtime::HttpReply{
               .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
               .body = text.take()}] { return reply; });
}

MetricsRoute::MetricsRoute(MetricsSources sources)
    : state_(std::make_shared<State>(std::move(sources))) {}

MetricsRoute::~MetricsRoute() { end(); }

void MetricsRoute::end() { state_->worker.reset(); }

runtime::Handler MetricsRoute::handler() {
  return [state = state_](const runtime::HttpRequest& request, const runtime::Respond& respond) {
    if (request.target.substr(0, request.target.find('?')) != metrics_path)
      return runtime::refuse(respond, 404, "There is no " + request.target + ".");
    if (request.method != "GET") return runtime::refuse(respond, 405, "GET shows the metrics.");
    state->sources.kernel.visit(
        [state, respond](const kernel::Kernel& kernel) { state->visit(state, kernel, respond); });
  };
}

Result<void> write_metrics_token(const std::string& directory, const std::string& token) {
  const std::string path = fmt::format("{}/{}", directory, metrics_token_file);
  std::ifstream in{path};
  std::string kept;
  if (in && std::getline(in, kept) && kept == token) return {};
  return runtime::write_private(path, token + "\n");
}

}  // namespace kiban::cli
