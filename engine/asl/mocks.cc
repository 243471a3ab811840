#include "asl/mocks.h"

#include <fmt/format.h>

#include <charconv>

namespace kiban::asl {
namespace {

std::unexpected<Error> missing(std::string_view kind, std::string_view name) {
  return fail("MockConfig", fmt::format("the mock configuration has no {} '{}'", kind, name));
}

// "0" or "1-3".
bool covers(std::string_view key, std::int64_t invocation) {
  std::int64_t first = 0;
  const char* const end = key.data() + key.size();
  const auto head = std::from_chars(key.data(), end, first);
  if (head.ec != std::errc{}) return false;
  std::int64_t last = first;
  if (head.ptr != end && *head.ptr == '-' &&
      std::from_chars(head.ptr + 1, end, last).ec != std::errc{})
    return false;
  return first <= invocation && invocation <= last;
}

}  // namespace

Result<std::optional<json::object>> find_mock(const json::object& config, std::string_view machine,
                                              std::string_view test_case, std::string_view state,
                                              std::int64_t invocation) {
  const json::object* machines = find_object(config, "StateMachines");
  const json::object* chosen = machines ? find_object(*machines, machine) : nullptr;
  if (!chosen) return missing("state machine", machine);
  const json::object* cases = find_object(*chosen, "TestCases");
  const json::object* states = cases ? find_object(*cases, test_case) : nullptr;
  if (!states) return missing("test case", test_case);
  const json::string* response = find_string(*states, state);
  if (!response) return std::nullopt;
  const json::object* responses = find_object(config, "MockedResponses");
  const json::object* invocations =
      responses ? find_object(*responses, std::string_view(*response)) : nullptr;
  if (!invocations) return missing("mocked response", std::string_view(*response));
  for (const auto& [key, answer] : *invocations) {
    if (covers(key, invocation) && answer.is_object()) return answer.get_object();
  }
  return missing("invocation", fmt::format("{} of {}", invocation, std::string_view(*response)));
}

namespace {

// The reply of StartExecution itself, for a mock that gives the end of the execution. Recorded:
// test_sfn_start_execution_sync[SFN_SYNC].
Payload submitted(const StartTask& task, const Payload& mocked) {
  if (task.resource.service != "states" || !mocked.tree().is_object()) return mocked;
  json::object out;
  for (const auto* member :
       {"ExecutionArn", "StartDate", "SdkHttpMetadata", "SdkResponseMetadata"}) {
    if (const json::value* value = find(mocked.tree().get_object(), member)) out[member] = *value;
  }
  return Payload::from_tree(std::move(out));
}

}  // namespace

std::vector<Input> mocked_answer(const StartTask& task, const json::object& answer) {
  std::vector<Input> out{TaskStarted{task.task}};
  if (const json::object* thrown = find_object(answer, "Throw")) {
    const auto text = [&](std::string_view name) {
      const json::string* found = find_string(*thrown, name);
      return found ? std::optional(kiban::to_string(*found)) : std::nullopt;
    };
    out.emplace_back(TaskFailed{.task = task.task, .error = text("Error"), .cause = text("Cause")});
    return out;
  }
  const json::value* result = find(answer, "Return");
  if (task.resource.kind == TaskKind::Lambda && result && result->is_object()) {
    // A function that is called by its ARN alone returns its payload. Recorded: test_lambda_invoke.
    if (const json::value* payload = find(result->get_object(), "Payload")) result = payload;
  }
  const Payload output = Payload::from_tree(result ? *result : json::value{});
  if (task.resource.pattern != TaskPattern::RequestResponse)
    out.emplace_back(TaskSubmitted{.task = task.task, .output = submitted(task, output)});
  out.emplace_back(TaskSucceeded{.task = task.task, .output = output});
  return out;
}

}  // namespace kiban::asl
