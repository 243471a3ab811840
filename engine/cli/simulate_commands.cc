#include "cli/simulate_commands.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>

#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/wiring.h"

namespace kiban::cli {
namespace {

constexpr int shrink_tries = 400;
// One run in so many runs again, to see that its trace is the same.
constexpr std::uint64_t repeated_every = 20;

simulate::Options options_of(const SimulateOptions& options, std::uint64_t seed) {
  return {.seed = seed,
          .steps = options.steps,
          .mutation = simulate::find_mutation(options.mutation).value_or(simulate::Mutation::None),
          .make_services = [] { return make_services({}); }};
}

std::string command_for(const SimulateOptions& options, std::uint64_t seed) {
  return fmt::format("kiban simulate --seed {} --steps {}{}", seed, options.steps,
                     options.mutation.empty() ? "" : " --mutation " + options.mutation);
}

struct Failed {
  std::uint64_t seed{0};
  simulate::Run run{};
};

struct Total {
  std::uint64_t runs{0};
  std::uint64_t steps{0};
  std::uint64_t trace{0};  // Of all runs.
  simulate::Coverage coverage{};
  std::optional<Failed> failed{};
};

simulate::Run run_one(const SimulateOptions& options, std::uint64_t seed) {
  simulate::Run run = simulate::simulate(options_of(options, seed));
  if (run.finding || seed % repeated_every != options.seed % repeated_every) return run;
  if (const simulate::Run again = simulate::simulate(options_of(options, seed));
      again.trace != run.trace)
    run.finding = simulate::Finding{
        "equal seeds give equal traces",
        fmt::format("{:016x} at first, {:016x} when it was repeated", run.trace, again.trace)};
  return run;
}

Total run_all(const SimulateOptions& options) {
  Total total;
  std::atomic<std::uint64_t> done{0};
  const Progress progress{"Simulating", [&done, &options] {
                            return fmt::format("{} of {} runs", done.load(), options.runs);
                          }};
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < options.runs && !total.failed; ++i) {
    if (options.seconds > 0 &&
        std::chrono::steady_clock::now() - began > std::chrono::seconds{options.seconds})
      break;
    simulate::Run run = run_one(options, options.seed + i);
    total.coverage.add(run.coverage);
    total.steps += run.steps.size();
    total.trace = total.trace * 31 + run.trace;
    ++total.runs;
    done = total.runs;
    if (run.finding) total.failed = {.seed = options.seed + i, .run = std::move(run)};
  }
  return total;
}

std::vector<simulate::Step> shortest(const SimulateOptions& options, const Failed& failed) {
  if (options.whole || failed.run.finding->invariant.starts_with("equal seeds"))
    return failed.run.steps;
  const Progress progress{"Looking for a shorter trace"};
  return simulate::shrink(options_of(options, failed.seed), failed.run, shrink_tries);
}

void print_failure(const SimulateOptions& options, const Failed& failed) {
  const std::vector<simulate::Step> steps = shortest(options, failed);
  fmt::print("violated     {}\n             {}\nrepeat       {}\n\nIn {} of {} steps:\n",
             failed.run.finding->invariant, harmless_on_terminal(failed.run.finding->what),
             command_for(options, failed.seed), steps.size(), failed.run.steps.size());
  const simulate::Run last = simulate::repeat(
      options_of(options, failed.seed), steps,
      [](const std::string& line) { fmt::print("{}\n", harmless_on_terminal(line)); });
  if (last.finding) fmt::print("-> {}\n", harmless_on_terminal(last.finding->what));
  fmt::print("\n");
}

void print_trace(const SimulateOptions& options) {
  (void)simulate::simulate(options_of(options, options.seed), [](const std::string& line) {
    fmt::print("{}\n", harmless_on_terminal(line));
  });
}

int print_requests(const SimulateOptions& options) {
  const simulate::Run run = simulate::simulate(options_of(options, options.seed));
  for (const simulate::Step& step : run.steps)
    for (const simulate::Call& call : step.calls)
      print_json_line(json::object{
          {"service", call.service}, {"operation", call.operation}, {"input", call.input}});
  return exit_done;
}

json::object to_json(const SimulateOptions& options, const Total& total) {
  json::object result{{"seed", options.seed},
                      {"runs", total.runs},
                      {"steps", total.steps},
                      {"trace", fmt::format("{:016x}", total.trace)},
                      {"coverage", simulate::to_json(total.coverage)}};
  if (total.failed)
    result["failure"] = {{"invariant", total.failed->run.finding->invariant},
                         {"what", total.failed->run.finding->what},
                         {"repeat", command_for(options, total.failed->seed)}};
  return result;
}

}  // namespace

int run_simulations(const SimulateOptions& options, const OutputOptions& output) {
  if (options.requests) return print_requests(options);
  if (options.trace) print_trace(options);
  const Total total = run_all(options);
  if (output.json) {
    print_json_line(to_json(options, total));
    return total.failed ? exit_failed : exit_done;
  }
  if (total.failed) print_failure(options, *total.failed);
  fmt::print("{}", simulate::print(total.coverage));
  fmt::print("{} runs, {} steps, trace {:016x}\n", total.runs, total.steps, total.trace);
  if (!total.failed) return exit_done;
  return complain("simulate", total.failed->run.finding->invariant + ": not so",
                  "'" + command_for(options, total.failed->seed) + "' repeats it.");
}

}  // namespace kiban::cli
