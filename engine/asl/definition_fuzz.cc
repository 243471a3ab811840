// Validates and compiles any text; a valid definition runs for a bounded number of inputs.
#include "asl/interpreter.h"
#include "asl/json_text.h"
#include "asl/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  using namespace kiban::asl;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::vector<Diagnostic> found = validate(text, MachineType::Standard);
  for (std::size_t i = 0; i < found.size() && i < 4; ++i)
    (void)find_location(text, found[i].location);
  const auto program = compile(text, MachineType::Standard);
  KIBAN_CHECK(program || refusal(found), "what is good must compile");
  if (!program) return 0;
  Execution execution(*program, {.input = Payload::from_text(R"({"a":[1,2,{"b":"c"}],"n":1})")});
  Random random(1);
  SecretRandom secrets(1);
  Timestamp now{Duration(1'700'000'000'000)};
  std::vector<Input> pending{Start{}};
  const int inputs_max = text.contains("{%") ? 8 : 64;  // An expression may take a second each.
  for (int i = 0; i < inputs_max && !pending.empty() && execution.status() == Status::Running;
       ++i) {
    const Input next = pending.front();
    pending.erase(pending.begin());
    const Decision decision = execution.take(next, now, random, secrets);
    for (const Effect& effect : decision.effects) {
      if (pending.size() > 64) break;
      if (const auto* timer = std::get_if<StartTimer>(&effect)) {
        pending.emplace_back(TimerFired{timer->timer});
      } else if (const auto* task = std::get_if<StartTask>(&effect)) {
        pending.emplace_back(TaskFailed{task->task, "E", "C"});
      } else if (const auto* read = std::get_if<ReadItems>(&effect)) {
        pending.emplace_back(ItemsRead{read->map, Payload::from_text("[1]")});
      } else if (const auto* child = std::get_if<StartChild>(&effect)) {
        pending.emplace_back(ChildFinished{.map = child->map, .index = child->index});
      } else if (std::holds_alternative<Proceed>(effect)) {
        pending.emplace_back(Continue{});
      }
    }
    auto again = Execution::restore(*program, execution.save());
    KIBAN_CHECK(again.has_value(), "a saved execution cannot be restored");
    execution = *std::move(again);
  }
  return 0;
}
