// Runs the executions that AWS recorded ($KIBAN_CONFORMANCE, else ../shared/conformance) in virtual
// time and compares their histories. The data is not part of the repository; without it the test is
// skipped. KIBAN_CONFORMANCE_SHOW=SUBSTRING prints what differs in the cases so named.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "asl/validate.h"
#include "asl/virtual_run.h"

namespace kiban::asl {
namespace {

// The number of cases that pass; raise it when the interpreter improves.
constexpr int passes_min = 214;
constexpr int replayed_passes_min = 125;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A placeholder takes anything here; that equal ones take equal values is the referee's business.
bool placeholder_match(std::string_view recorded, std::string_view ours) {
  static constexpr std::string_view words[] = {
      "timestamp",  "date",      "datetime",   "RandomNumberGenerated", "time",
      "start-time", "stop-date", "start-date", "entered-time",          "map_run_arn"};
  if (std::find(std::begin(words), std::end(words), recorded) != std::end(words)) return true;
  std::string pattern;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    if (recorded.substr(i).starts_with("<partition>")) {
      pattern += "aws";
      i += 10;
      continue;
    }
    const std::size_t close = recorded.find('>', i);
    if (recorded[i] == '<' && close != std::string_view::npos) {
      if (!pattern.ends_with('\1')) pattern += '\1';
      i = recorded.substr(i).starts_with("<<") ? recorded.find('>', close + 1) : close;
      if (i == std::string_view::npos) break;
      continue;
    }
    pattern += recorded[i];
  }
  std::string plain(ours);
  for (std::size_t at = plain.find("<partition>"); at != std::string::npos;
       at = plain.find("<partition>"))
    plain.replace(at, 11, "aws");
  ours = plain;
  std::size_t at = 0;
  std::size_t from = 0;
  while (true) {
    const std::size_t star = pattern.find('\1', from);
    const std::string_view part = std::string_view(pattern).substr(
        from, star == std::string::npos ? std::string::npos : star - from);
    if (from == 0) {
      if (!ours.starts_with(part)) return false;
      at = part.size();
    } else if (star == std::string::npos) {
      return ours.size() >= at + part.size() && ours.ends_with(part);
    } else {
      at = ours.find(part, at);
      if (at == std::string_view::npos) return false;
      at += part.size();
    }
    if (star == std::string::npos) return at == ours.size();
    from = star + 1;
  }
}

bool same(const json::value& recorded, const json::value& ours, bool texts,
          std::string_view key = {}) {
  if (!texts && key == "cause") return true;
  if (key == "roleArn") return true;
  const auto parsed = [](const json::value& value) -> std::optional<json::value> {
    if (!value.is_string()) return std::nullopt;
    auto tree = parse_json(std::string_view(value.get_string()));
    if (!tree || !tree->is_structured()) return std::nullopt;
    return *std::move(tree);
  };
  if (const auto tree = parsed(recorded)) {
    if (const auto other = parsed(ours)) return same(*tree, *other, texts);
    return same(*tree, ours, texts);
  }
  if (!recorded.is_string()) {
    if (const auto other = parsed(ours); other && recorded.is_structured())
      return same(recorded, *other, texts);
  }
  if (recorded.is_number() && ours.is_number())
    return recorded.to_number<double>() == ours.to_number<double>();
  if (recorded.is_string()) {
    const std::string_view word(recorded.get_string());
    if (word.size() > 2 && word.front() == '"' && ours.is_string()) {
      const auto inner = parse_json(word);
      const auto other = parse_json(std::string_view(ours.get_string()));
      if (inner && other && inner->is_string()) return same(*inner, *other, texts);
    }
    if (ours.is_string()) return placeholder_match(word, std::string_view(ours.get_string()));
    return placeholder_match(word, print_json(ours));
  }
  if (recorded.is_object() && ours.is_object()) {
    for (const auto& member : recorded.get_object()) {
      const json::value* other = ours.get_object().if_contains(member.key());
      if (!other || !same(member.value(), *other, texts, member.key())) return false;
    }
    for (const auto& member : ours.get_object()) {
      if (!recorded.get_object().contains(member.key()) && member.key() != "redriveCount" &&
          member.key() != "RedriveCount")
        return false;
    }
    return true;
  }
  if (recorded.is_array() && ours.is_array()) {
    const json::array& a = recorded.get_array();
    const json::array& b = ours.get_array();
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!same(a[i], b[i], texts)) return false;
    }
    return true;
  }
  return recorded == ours;
}

json::object without_ids(const json::object& event) {
  json::object out = event;
  for (const char* name : {"id", "previousEventId", "timestamp"}) out.erase(name);
  return out;
}

bool same_event(const json::object& recorded, const json::object& ours, bool texts,
                bool distributed) {
  json::object a = recorded;
  json::object b = ours;
  a.erase("timestamp");
  b.erase("timestamp");
  // Before 2024-11 the exit of a distributed Map named another cause; the newest recordings win.
  if (a.at("type") == "MapStateExited" && b.at("type") == "MapStateExited" && distributed) {
    a.erase("previousEventId");
    b.erase("previousEventId");
  }
  const json::value* id = a.if_contains("id");
  if (!id || !id->is_number() || *id == 0) return same(without_ids(a), without_ids(b), texts);
  return same(a, b, texts);
}

// Event by event; where branches ran side by side, the same events in any order.
std::string difference(const json::array& recorded, const json::array& ours, bool texts) {
  bool branches = false;
  bool distributed = false;
  for (const json::value& event : recorded) {
    const auto& type = event.at("type").as_string();
    if (type == "ParallelStateStarted" || type == "MapIterationStarted") branches = true;
    if (type == "MapRunStarted") distributed = true;
  }
  std::size_t at = 0;
  while (at < recorded.size() && at < ours.size() &&
         same_event(recorded[at].as_object(), ours[at].as_object(), texts, distributed))
    ++at;
  if (at == recorded.size() && at == ours.size()) return {};
  const std::string first = fmt::format("event {}: recorded {} ours {}", at + 1,
                                        at < recorded.size() ? print_json(recorded[at]) : "-",
                                        at < ours.size() ? print_json(ours[at]) : "-");
  if (!branches || recorded.size() > ours.size()) return first;
  std::vector<bool> used(ours.size());
  for (const json::value& event : recorded) {
    bool found = false;
    for (std::size_t i = 0; i < ours.size() && !found; ++i) {
      if (used[i] || !same(without_ids(event.as_object()), without_ids(ours[i].as_object()), texts))
        continue;
      used[i] = found = true;
    }
    if (!found) return first;
  }
  // Some recordings lost what ends a Parallel, which the gap in their ids shows.
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (!used[i] && !ours[i].at("type").as_string().starts_with("ParallelState")) return first;
  }
  return {};
}

struct Ran {
  json::array events{};
  std::string output{};
  std::string problem{};
};

// Answers tasks as the recording did: submitted, succeeded or failed. A recorded timeout gives no
// answer. nullopt when the order of the recording is unknown.
std::optional<VirtualRun::Answer> recorded_answers(const json::array& recorded) {
  struct Task {
    std::vector<json::object> events{};
  };
  auto tasks = std::make_shared<std::vector<Task>>();
  std::map<std::int64_t, std::size_t> task_of;  // By event id.
  for (const json::value& element : recorded) {
    const json::object& event = element.as_object();
    if (!event.at("id").is_int64()) return std::nullopt;
    const std::int64_t id = event.at("id").get_int64();
    const std::string_view type(event.at("type").as_string());
    if (type == "TaskScheduled" || type == "LambdaFunctionScheduled" ||
        type == "ActivityScheduled") {
      task_of[id] = tasks->size();
      tasks->emplace_back();
      continue;
    }
    const auto cause = task_of.find(event.at("previousEventId").as_int64());
    const bool own = type.starts_with("Task") || type.starts_with("LambdaFunction") ||
                     type.starts_with("Activity");
    if (cause == task_of.end() || !own || type.starts_with("TaskState")) continue;
    (*tasks)[cause->second].events.push_back(event);
    task_of[id] = cause->second;
  }
  auto next = std::make_shared<std::size_t>(0);
  return [tasks, next](const StartTask& start) -> std::optional<std::vector<Input>> {
    if (*next >= tasks->size()) return std::nullopt;
    std::vector<Input> out;
    for (const json::object& event : (*tasks)[(*next)++].events) {
      const std::string_view type(event.at("type").as_string());
      json::object details;
      for (const auto& member : event) {
        if (member.key().ends_with("EventDetails")) details = member.value().as_object();
      }
      const auto text = [&](std::string_view name) -> std::optional<std::string> {
        const json::value* value = find(details, name);
        if (!value) return std::nullopt;
        return value->is_string() ? kiban::to_string(value->get_string()) : print_json(*value);
      };
      if (type == "ActivityStarted") {
        out.emplace_back(ActivityStarted{start.task, text("workerName")});
      } else if (type.ends_with("Started")) {
        out.emplace_back(TaskStarted{start.task});
      } else if (type == "TaskSubmitted") {
        out.emplace_back(
            TaskSubmitted{start.task, Payload::from_text(text("output").value_or("{}"))});
      } else if (type.ends_with("Succeeded")) {
        out.emplace_back(
            TaskSucceeded{start.task, Payload::from_text(text("output").value_or("{}"))});
      } else if (type.ends_with("Failed")) {
        out.emplace_back(TaskFailed{start.task, text("error"), text("cause")});
      }
    }
    return out;
  };
}

Ran run_one(const std::string& definition, std::string input, MachineType type,
            const std::string& machine, int index, VirtualRun::Answer answer = {},
            std::optional<Payload> items = {}) {
  Ran out;
  // Some recordings lost the instant that was sent.
  if (const std::size_t at = input.find("<timestamp>"); at != std::string::npos)
    input.replace(at, 11, "2023-11-14T22:13:30Z");
  const auto program = compile(definition, type);
  if (!program) {
    out.problem = program.error().cause;
    return out;
  }
  const std::string execution = fmt::format("<ExecArnPart_{}idx>", index);
  ExecutionParameters parameters{
      .arn =
          fmt::format("arn:aws:states:<region>:111111111111:execution:{}:{}", machine, execution),
      .name = execution,
      .role_arn = "snf_role_arn",
      .start_time = Timestamp(Duration(1'700'000'000'000)),
      .machine_arn = fmt::format("arn:aws:states:<region>:111111111111:stateMachine:{}", machine),
      .machine_name = machine,
      .input = Payload::from_text(std::move(input)),
      .type = type};
  VirtualRun runner(*program, std::move(parameters), std::move(answer));
  runner.items = std::move(items);
  runner.run();
  for (const HistoryEvent& event : runner.events)
    out.events.push_back(to_json(event, IncludeExecutionData::Yes));
  EXPECT_EQ(restore_history(save_history(runner.events)).value(), out.events);
  if (runner.finished && runner.finished->output) out.output = runner.finished->output->text();
  return out;
}

struct Verdict {
  int compared{0};
  std::string names{};  // The first difference; empty: none.
  std::string full{};
};

void judge(Verdict& verdict, json::array recorded, const Ran& run) {
  ++verdict.compared;
  const auto id = [](const json::value& event) { return event.at("id"); };
  if (recorded.size() > 1 && id(recorded.front()).is_int64() && id(recorded.back()) == 1)
    std::reverse(recorded.begin(), recorded.end());  // Asked for in reverse order.
  for (const bool texts : {false, true}) {
    std::string& slot = texts ? verdict.full : verdict.names;
    if (!slot.empty()) continue;
    slot = !run.problem.empty() ? run.problem : difference(recorded, run.events, texts);
  }
}

const json::array* history(const json::value& recorded) {
  if (const json::object* object = recorded.if_object()) return find_array(*object, "events");
  return nullptr;
}

std::string text_member(const json::object& from, std::string_view name,
                        std::string fallback = {}) {
  const json::string* text = find_string(from, name);
  return text ? kiban::to_string(*text) : std::move(fallback);
}

// The definition whose first state the history enters: some cases make several machines.
std::string definition_of(const json::object& test, const json::array& events) {
  std::string first;
  for (const json::value& event : events) {
    if (const json::object* details = find_object(event.as_object(), "stateEnteredEventDetails")) {
      first = text_member(*details, "name");
      break;
    }
  }
  std::vector<std::string> candidates;
  if (const json::value* definition = find(test, "definition"))
    candidates.push_back(definition->is_string() ? kiban::to_string(definition->get_string())
                                                 : print_json(*definition));
  if (const json::array* calls = find_array(test, "calls")) {
    for (const json::value& call : *calls) {
      if (const json::object* request = find_object(call.as_object(), "request")) {
        if (request->contains("definition"))
          candidates.push_back(text_member(*request, "definition"));
      }
    }
  }
  for (const std::string& candidate : candidates) {
    const auto tree = parse_json(candidate);
    if (tree && tree->is_object() && text_member(tree->get_object(), "StartAt") == first)
      return candidate;
  }
  return {};
}

std::string input_of(const json::array& events) {
  const json::object* details =
      find_object(events.at(0).as_object(), "executionStartedEventDetails");
  const json::value* input = details ? find(*details, "input") : nullptr;
  if (!input) return "{}";
  return input->is_string() ? kiban::to_string(input->get_string()) : print_json(*input);
}

MachineType type_named(const std::string& name) {
  return name == "EXPRESS" ? MachineType::Express : MachineType::Standard;
}

// A case that is one definition and its recorded history.
Verdict run_single(const json::object& test, const json::object& recorded) {
  Verdict verdict;
  const json::value* definition = find(test, "definition");
  const json::value* input = find(test, "input");
  const std::string raw = text_member(test, "input_raw", input ? print_json(*input) : "{}");
  const std::string text = definition->is_string() ? kiban::to_string(definition->get_string())
                                                   : print_json(*definition);
  const Ran run = run_one(text, raw, type_named(text_member(test, "type")), "<ArnPart_0idx>", 0);
  for (const auto& member : recorded) {
    if (const json::array* events = history(member.value())) judge(verdict, *events, run);
  }
  return verdict;
}

Verdict run_case(const json::object& test) {
  const json::object& recorded = test.at("recorded").as_object();
  const json::array* calls = find_array(test, "calls");
  if (!calls || calls->empty()) return run_single(test, recorded);
  Verdict verdict;
  struct Machine {
    std::string definition{};
    MachineType type{MachineType::Standard};
  };
  std::map<std::string, Machine> machines;
  std::vector<Ran> runs;
  const json::array* outputs = find_array(recorded, "cases");
  for (const json::value& call : *calls) {
    const json::object& fields = call.as_object();
    const std::string op = text_member(fields, "op");
    const json::object* request = find_object(fields, "request");
    if (!request || fields.contains("expect_error")) continue;
    const auto machine_name = [&] {
      std::string arn = text_member(*request, "stateMachineArn");
      return arn.substr(arn.rfind(':') + 1);
    };
    if (op == "CreateStateMachine") {
      machines[text_member(*request, "name")] = {.definition = text_member(*request, "definition"),
                                                 .type = type_named(text_member(*request, "type"))};
    } else if (op == "UpdateStateMachine") {
      if (request->contains("definition"))
        machines[machine_name()].definition = text_member(*request, "definition");
    } else if (op == "StartExecution" || op == "StartSyncExecution") {
      const Machine& machine = machines[machine_name()];
      runs.push_back(run_one(machine.definition, text_member(*request, "input", "{}"), machine.type,
                             machine_name(), static_cast<int>(runs.size())));
      if (outputs && runs.size() <= outputs->size()) {
        ++verdict.compared;
        const json::value& expected = (*outputs)[runs.size() - 1].at("output");
        if (!runs.back().problem.empty() ||
            !same(expected, json::value(json::string(runs.back().output)), false))
          verdict.names = verdict.full = fmt::format("output {} recorded {} {}", runs.back().output,
                                                     print_json(expected), runs.back().problem);
      }
    } else if (op == "GetExecutionHistory" && !runs.empty()) {
      std::size_t which = runs.size() - 1;
      const std::string arn = text_member(*request, "executionArn");
      if (const std::size_t at = arn.find("<ExecArnPart_"); at != std::string::npos)
        which = std::min<std::size_t>(which, std::stoul(arn.substr(at + 13)));
      if (const json::array* keys = find_array(fields, "recorded_as")) {
        for (const json::value& key : *keys) {
          const json::value* answer = find(recorded, std::string_view(key.as_string()));
          if (!answer || !history(*answer)) continue;
          judge(verdict, *history(*answer), runs[which]);
        }
      }
    }
  }
  if (verdict.compared == 0 && runs.size() == 1) {
    for (const auto& member : recorded) {
      if (const json::array* events = history(member.value())) judge(verdict, *events, runs[0]);
    }
  }
  return verdict;
}

std::optional<std::filesystem::path> recordings() {
  const char* given = std::getenv("KIBAN_CONFORMANCE");
  std::filesystem::path root = given ? given : "../shared/conformance";
  if (!std::filesystem::is_directory(root / "asl")) return std::nullopt;
  return root / "asl";
}

struct Score {
  int passed{0};
  int full{0};
  int failed{0};
  int skipped{0};

  void add(const Verdict& verdict, const std::string& id) {
    const char* show = std::getenv("KIBAN_CONFORMANCE_SHOW");
    if (verdict.compared == 0) {
      ++skipped;
      return;
    }
    const bool good = verdict.names.empty();
    passed += good ? 1 : 0;
    failed += good ? 0 : 1;
    full += verdict.full.empty() ? 1 : 0;
    if (show && id.find(show) != std::string::npos && !verdict.full.empty())
      fmt::print("{} {}\n    {}\n", good ? "TEXT" : "FAIL", id.substr(id.rfind(':') + 1),
                 (good ? verdict.full : verdict.names).substr(0, 1500));
  }
  void print(std::string_view what) const {
    fmt::print("{}: {} passed, {} failed ({} passed with texts), {} not comparable\n", what, passed,
               failed, full, skipped);
  }
};

template <typename Use>
void each_case(const std::filesystem::path& folder, Use use) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const auto tree = parse_json(read(file));
    ASSERT_TRUE(tree) << file;
    for (const json::value& element : tree->at("cases").as_array()) use(element.as_object());
  }
}

template <typename Use>
void each_execution(const std::filesystem::path& folder, Use use) {
  each_case(folder, [&](const json::object& test) {
    if (test.at("kind") == "execution") use(test);
  });
}

TEST(Conformance, HistoriesEqualWhatAwsRecorded) {
  const auto folder = recordings();
  if (!folder) GTEST_SKIP() << "no recordings; set KIBAN_CONFORMANCE";
  Score score;
  each_execution(*folder, [&](const json::object& test) {
    if (!test.at("needs").as_array().empty()) return;
    const std::string id = text_member(test, "id");
    // Their inputs lost the instant that matters.
    if (id.find("too_far_in_future") != std::string::npos) return;
    score.add(run_case(test), id);
  });
  score.print("asl executions that need the engine alone");
  EXPECT_GE(score.passed, passes_min);
}

// Executions that call services, the answers of the services taken from the recording itself.
TEST(Conformance, HistoriesWithReplayedTasksEqualWhatAwsRecorded) {
  const auto folder = recordings();
  if (!folder) GTEST_SKIP() << "no recordings; set KIBAN_CONFORMANCE";
  Score score;
  each_execution(*folder, [&](const json::object& test) {
    if (test.at("needs").as_array().empty()) return;
    std::vector<const json::array*> histories;
    for (const auto& member : test.at("recorded").as_object()) {
      if (const json::array* events = history(member.value())) histories.push_back(events);
    }
    Verdict verdict;
    for (const json::array* events : histories) {
      const auto answer = recorded_answers(*events);
      const std::string definition = definition_of(test, *events);
      if (definition.empty() || !answer) continue;
      // A map run's items are the results, where no state changed them.
      std::optional<Payload> items;
      bool run = false;
      for (const json::value& event : *events) {
        run = run || event.at("type") == "MapRunStarted";
        if (event.at("type") == "MapStateExited")
          items = Payload::from_text(
              text_member(event.at("stateExitedEventDetails").as_object(), "output", "[]"));
      }
      bool changed = false;
      for (const char* word : {"ItemSelector", "ItemBatcher", "ResultWriter", "ResultSelector",
                               "\"Task\"", "ResultPath", "Items\""})
        changed = changed || definition.find(word) != std::string::npos;
      if (run && changed) continue;
      judge(verdict, *events,
            run_one(definition, input_of(*events), MachineType::Standard, "<ArnPart_0idx>", 0,
                    *answer, std::move(items)));
    }
    score.add(verdict, text_member(test, "id"));
  });
  score.print("asl executions with recorded answers of services");
  EXPECT_GE(score.passed, replayed_passes_min);
}

// Definitions that AWS created must be accepted; those that it refused must be refused with its
// text. (Texts made by Python, in a test of labels, are not AWS's.)
TEST(Conformance, DefinitionsAreTakenAndRefusedAsByAws) {
  const auto folder = recordings();
  if (!folder) GTEST_SKIP() << "no recordings; set KIBAN_CONFORMANCE";
  int taken = 0;
  int refused = 0;
  each_case(*folder, [&](const json::object& test) {
    const std::string id = text_member(test, "id");
    // Nothing was recorded of the first; the second's ARN was lost.
    if (id.ends_with("::test_list_functions") || id.find("activity_task") != std::string::npos)
      return;
    const auto check = [&](const std::string& definition, const std::string& type,
                           const std::optional<std::string>& wanted) {
      const auto kind = type == "EXPRESS" ? MachineType::Express : MachineType::Standard;
      const std::string ours = refusal(validate(definition, kind)).value_or("");
      ++(wanted ? refused : taken);
      if (!wanted) {
        EXPECT_EQ(ours, "") << id << "\n" << definition;
      } else if (wanted->starts_with("Error=ValueError")) {
        EXPECT_NE(ours, "") << id;
      } else {
        EXPECT_TRUE(placeholder_match(*wanted, ours)) << *wanted << "\n" << ours;
      }
    };
    const json::object& recorded = test.at("recorded").as_object();
    const json::array* calls = find_array(test, "calls");
    if (test.at("kind") == "execution" && !calls) {
      const json::value& definition = test.at("definition");
      check(definition.is_string() ? kiban::to_string(definition.get_string())
                                   : print_json(definition),
            text_member(test, "type"), std::nullopt);
    }
    for (const json::value& call : calls ? *calls : json::array{}) {
      const json::object& fields = call.as_object();
      const json::object* request = find_object(fields, "request");
      if (text_member(fields, "op") != "CreateStateMachine" || !request) continue;
      std::optional<std::string> wanted;
      if (fields.contains("expect_error")) {
        const json::array* keys = find_array(fields, "recorded_as");
        if (!keys || keys->empty()) continue;
        const json::value* answer = find(recorded, std::string_view((*keys)[0].as_string()));
        const json::object* error =
            answer && answer->is_object() ? find_object(answer->get_object(), "Error") : nullptr;
        if (!error || text_member(*error, "Code") != "InvalidDefinition") continue;
        wanted = text_member(*error, "Message");
      }
      check(text_member(*request, "definition"), text_member(*request, "type"), wanted);
    }
  });
  fmt::print("asl definitions: {} taken, {} refused as by AWS\n", taken, refused);
}

}  // namespace
}  // namespace kiban::asl
