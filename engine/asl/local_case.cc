#include "asl/local_case.h"

#include <fmt/format.h>

#include <algorithm>

#include "asl/mocks.h"

namespace kiban::asl {
namespace {

// Asks the mocks, and counts how often each state asked.
class Answers {
 public:
  explicit Answers(const LocalMocks& mocks) : mocks_(mocks) {}

  // nullopt: there is none. Error as find_mock's.
  Result<std::optional<json::object>> next(const std::string& state, std::int64_t retry) {
    const json::value* own = kiban::find(mocks_.answers, state);
    if (!own) {
      if (mocks_.test_case.empty()) return std::nullopt;
      return find_mock(mocks_.config, mocks_.machine, mocks_.test_case, state, retry);
    }
    const std::size_t count = counts_[state]++;
    const json::value* chosen = own;
    if (const json::array* list = own->if_array())
      chosen = list->empty() ? nullptr : &(*list)[std::min(count, list->size() - 1)];
    const json::object* answer = chosen ? chosen->if_object() : nullptr;
    if (!answer || answer->size() != 1 ||
        !(answer->contains("Return") || answer->contains("Throw")))
      return fail("MockConfig", fmt::format("the answer of '{}' must be {{\"Return\": ...}} or "
                                            "{{\"Throw\": {{\"Error\", \"Cause\"}}}}",
                                            state));
    return *answer;
  }

 private:
  const LocalMocks& mocks_;
  std::map<std::string, std::size_t> counts_{};
};

Error not_mocked(std::string_view state, std::string_view resource) {
  return {.name = "Kiban.NotMocked",
          .cause = fmt::format("Nothing answers {} in the state '{}'. Mock the state, or run the "
                               "machine with kiban serve.",
                               resource, state)};
}

}  // namespace

LocalReport run_locally(const std::shared_ptr<const Program>& program, const LocalRun& run) {
  Answers answers(run.mocks);
  const auto answer = [&](const StartTask& task) -> std::optional<std::vector<Input>> {
    auto found = answers.next(task.state, task.retry_count);
    if (found && *found) return mocked_answer(task, **found);
    const Error why = found ? not_mocked(task.state, task.resource.arn) : found.error();
    return std::vector<Input>{TaskStarted{task.task},
                              TaskFailed{.task = task.task, .error = why.name, .cause = why.cause}};
  };
  const auto read = [&](const ReadItems& reading, const std::string& state) -> Result<Payload> {
    KIBAN_TRY(const auto found, answers.next(state, 0));
    const json::value* items = found ? kiban::find(*found, "Return") : nullptr;
    if (!items) return std::unexpected(not_mocked(state, reading.resource.arn));
    return Payload::from_tree(*items);
  };
  const std::string head = "arn:aws:states:ap-northeast-1:000000000000:";
  VirtualRun runner(program,
                    {.arn = fmt::format("{}execution:{}:local", head, run.machine),
                     .name = "local",
                     .role_arn = "arn:aws:iam::000000000000:role/local",
                     .start_time = run.start,
                     .machine_arn = fmt::format("{}stateMachine:{}", head, run.machine),
                     .machine_name = run.machine,
                     .input = run.input,
                     .type = run.type},
                    answer, read);
  runner.now = run.start;
  runner.run();
  LocalReport out{.status = std::string(to_string(runner.execution().status()))};
  if (runner.finished) {
    if (runner.finished->output) out.output = runner.finished->output->text();
    out.error = runner.finished->error;
    out.cause = runner.finished->cause;
  }
  out.events = std::move(runner.events);
  for (const HistoryEvent& event : out.events) {
    if (to_string(event.type).ends_with("StateEntered")) out.path.push_back(event.name);
  }
  return out;
}

std::string history_text(const std::vector<HistoryEvent>& events) {
  std::string out;
  for (const HistoryEvent& event : events) {
    out += fmt::format("{:>3} {:>3} {}", event.id, event.previous_event_id, to_string(event.type));
    if (!event.name.empty()) out += " " + event.name;
    if (event.data) out += " " + event.data->text();
    if (!event.fields.empty()) out += " " + print_json(event.fields);
    const double seconds =
        std::chrono::duration<double>(event.timestamp - events.front().timestamp).count();
    if (seconds > 0) out += fmt::format("  +{}s", seconds);
    out += '\n';
  }
  return out;
}

std::vector<std::string> differences(const LocalReport& report, const json::object& expected) {
  std::vector<std::string> out;
  const auto compare = [&](std::string_view what, const std::string& wanted,
                           const std::string& got) {
    if (wanted != got) out.push_back(fmt::format("{}: expected {}, got {}", what, wanted, got));
  };
  const auto text = [](const json::value& value) {
    return value.is_string() ? kiban::to_string(value.get_string()) : print_json(value);
  };
  for (const auto& [name, value] : expected) {
    if (name == "status") {
      compare("status", text(value), report.status);
    } else if (name == "error") {
      compare("error", text(value), report.error.value_or("none"));
    } else if (name == "cause") {
      compare("cause", text(value), report.cause.value_or("none"));
    } else if (name == "path") {
      json::array path(report.path.begin(), report.path.end());
      compare("path", print_json(value), print_json(path));
    } else if (name == "output") {
      const auto output = report.output ? parse_json(*report.output) : Result<json::value>();
      if (!report.output || !output || *output != value)
        out.push_back(fmt::format("output: expected {}, got {}", print_json(value),
                                  report.output.value_or("none")));
    } else {
      out.push_back(fmt::format("expect: '{}' is none of status, path, output, error, cause",
                                std::string_view(name)));
    }
  }
  return out;
}

}  // namespace kiban::asl
