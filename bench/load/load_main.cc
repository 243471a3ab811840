// kiban_load: signed calls of one operation against a server on this machine. JSON to stdout, words
// to stderr.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "core/json.h"
#include "load/load.h"
#include "load/responder.h"

namespace kiban::load {
namespace {

struct Options {
  Plan plan{};
  Operation operation{.name = "StartExecution"};
  std::string credentials{};
  std::string bodies{};
  std::string region{"ap-northeast-1"};
  double seconds{10};
  bool self{false};
};

Result<api::Signer> read_signer(const Options& options) {
  if (options.credentials.empty())
    return api::Signer{.access_key_id = "test", .secret = "test", .region = options.region};
  std::ifstream file(options.credentials);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  KIBAN_TRY(const json::value key, parse_json(content));
  if (!key.is_object()) return fail("InvalidKey", options.credentials + " holds no access key");
  return api::Signer{.access_key_id = text(key.get_object(), "AccessKeyId"),
                     .secret = text(key.get_object(), "SecretAccessKey"),
                     .region = options.region};
}

std::vector<std::string> read_bodies(const std::string& path) {
  std::vector<std::string> bodies;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) bodies.push_back(line);
  return bodies;
}

json::object report(const Outcome& outcome) {
  json::array seconds;
  for (const Second& each : outcome.per_second)
    seconds.push_back(
        json::object{{"done", each.done}, {"p50_ms", each.p50_ms}, {"p99_ms", each.p99_ms}});
  return {{"done", outcome.done},
          {"errors", outcome.errors},
          {"first_error", outcome.first_error},
          {"seconds", outcome.seconds},
          {"rate", outcome.rate()},
          {"median_rate", outcome.median_rate()},
          {"p50_ms", outcome.latencies.quantile_ms(0.5)},
          {"p99_ms", outcome.latencies.quantile_ms(0.99)},
          {"p999_ms", outcome.latencies.quantile_ms(0.999)},
          {"max_ms", outcome.latencies.max_ms()},
          {"per_second", std::move(seconds)}};
}

void tell(const Plan& plan, const Outcome& outcome) {
  std::cerr << fmt::format(
      "{} done over {} connections in {:.2f} s: {:.0f}/s (median second {:.0f}/s), latency p50 "
      "{:.3f} ms, p99 {:.3f} ms, p99.9 {:.3f} ms, max {:.1f} ms; {} errors{}\n",
      outcome.done, plan.connections, outcome.seconds, outcome.rate(), outcome.median_rate(),
      outcome.latencies.quantile_ms(0.5), outcome.latencies.quantile_ms(0.99),
      outcome.latencies.quantile_ms(0.999), outcome.latencies.max_ms(), outcome.errors,
      outcome.first_error.empty() ? "" : ", the first: " + outcome.first_error);
}

int execute(Options options) {
  const auto signer = read_signer(options);
  if (!signer) {
    std::cerr << "kiban_load: the key can't be read: " << signer.error().cause << "\n";
    return 2;
  }
  std::vector<std::string> bodies = read_bodies(options.bodies);
  if (bodies.empty()) {
    std::cerr << "kiban_load: " << options.bodies << " holds no request body\n";
    return 2;
  }
  std::unique_ptr<Responder> responder;
  if (options.self) {
    responder = make_responder();
    options.plan.port = responder->port();
  }
  options.plan.duration = std::chrono::milliseconds(std::llround(options.seconds * 1000));
  const Target target{.host = fmt::format("127.0.0.1:{}", options.plan.port), .signer = *signer};
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  Requests requests(target, options.operation, std::move(bodies), now);
  const Outcome outcome = run(options.plan, requests, target);
  tell(options.plan, outcome);
  std::cout << print_json(report(outcome)) << "\n";
  return outcome.errors == 0 ? 0 : 1;
}

int main_of_load(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Signed calls of one operation against a server on 127.0.0.1, bounded in count and time"};
  app.add_option("--port", options.plan.port, "The server's port");
  app.add_flag("--self", options.self,
               "Load a trivial HTTP responder of its own instead: what the generator can do alone");
  app.add_option("--credentials", options.credentials,
                 "credentials.json of the server's data directory (default: the key test/test)");
  app.add_option("--region", options.region)->capture_default_str();
  app.add_option("--service", options.operation.service)->capture_default_str();
  app.add_option("--operation", options.operation.name)->capture_default_str();
  app.add_option("--bodies", options.bodies, "File with one JSON body a line, sent in turn")
      ->required();
  app.add_option("--connections", options.plan.connections)
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, connections_max));
  app.add_option("--seconds", options.seconds)
      ->capture_default_str()
      ->check(CLI::Range(0.1, static_cast<double>(duration_max.count())));
  app.add_option("--count", options.plan.count, "Requests at most")
      ->check(CLI::Range(std::uint64_t{1}, count_max));
  app.add_option("--rate", options.plan.rate,
                 "Requests per second at even distances (default: as fast as replies come)")
      ->check(CLI::Range(0.1, 1e6));
  app.add_flag("--until-done", options.plan.until_done,
               "Follow each started execution with DescribeExecution until it has ended");
  CLI11_PARSE(app, argc, argv);
  if (!options.self && options.plan.port == 0) {
    std::cerr << "kiban_load: name the server with --port, or say --self\n";
    return 2;
  }
  return execute(std::move(options));
}

}  // namespace
}  // namespace kiban::load

int main(int argc, char** argv) {
  try {
    return kiban::load::main_of_load(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "kiban_load: " << problem.what() << "\n";
    return 1;
  }
}
