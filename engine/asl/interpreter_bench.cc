#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "asl/interpreter.h"

namespace kiban::asl {
namespace {

std::int64_t run(const std::shared_ptr<const Program>& program, const std::string& input) {
  Execution execution(program, {.arn = "arn:aws:states:r:0:execution:m:e",
                                .name = "e",
                                .machine_arn = "arn:aws:states:r:0:stateMachine:m",
                                .machine_name = "m",
                                .input = Payload::from_text(input),
                                .type = MachineType::Express});
  Random random(1);
  SecretRandom secrets(1);
  const Timestamp now{Duration(1'700'000'000'000)};
  Input next = Start{};
  while (execution.status() == Status::Running) {
    benchmark::DoNotOptimize(execution.take(next, now, random, secrets));
    next = Continue{};
  }
  return execution.last_event_id();
}

void pass_chain(benchmark::State& state) {
  constexpr int states = 1'000;
  std::string text = R"({"StartAt":"S0","States":{)";
  for (int i = 0; i < states; ++i)
    text += fmt::format(R"({}"S{}":{{"Type":"Pass",{}}})", i ? "," : "", i,
                        i + 1 < states ? fmt::format(R"("Next":"S{}")", i + 1) : R"("End":true)");
  const auto program = compile(text + "}}", MachineType::Express);
  for (auto _ : state) run(*program, R"({"order":7})");
  state.SetItemsProcessed(state.iterations() * states);
}
BENCHMARK(pass_chain);

void counting_loop(benchmark::State& state) {
  constexpr int rounds = 1'000;
  const auto program = compile(
      R"j({"StartAt":"Add","States":{"Add":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},
      "Next":"More"},"More":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":1000,
      "Next":"Add"}],"Default":"Done"},"Done":{"Type":"Succeed"}}})j",
      MachineType::Express);
  for (auto _ : state) run(*program, R"({"n":0})");
  state.SetItemsProcessed(state.iterations() * rounds * 2);
}
BENCHMARK(counting_loop);

}  // namespace
}  // namespace kiban::asl
