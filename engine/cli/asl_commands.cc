// asl validate, run and test: the Amazon States Language without a server.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "asl/json_text.h"
#include "asl/local_case.h"
#include "asl/validate.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/table.h"

namespace kiban::cli {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return fail("InputFailed", path.string() + " can't be read");
  return text.str();
}

Result<json::object> read_object(const fs::path& path) {
  KIBAN_TRY(const std::string text, read_file(path));
  auto tree = parse_json(text);
  if (!tree) return fail("InputFailed", path.string() + ": " + tree.error().cause);
  if (!tree->is_object()) return fail("InputFailed", path.string() + " holds no JSON object");
  return std::move(tree->get_object());
}

asl::MachineType type_of(std::string_view name) {
  return name == "EXPRESS" ? asl::MachineType::Express : asl::MachineType::Standard;
}

// --- validate ------------------------------------------------------------------------------------

asl::TextPosition place_of(std::string_view text, const asl::Diagnostic& diagnostic) {
  if (diagnostic.code == "INVALID_JSON_DESCRIPTION") {
    const auto problem = asl::json_problem(text);
    return asl::position_at(text, problem ? std::min(problem->offset, text.size()) : 0, 1);
  }
  // A location may name a missing field: then its parent is marked.
  std::string location = diagnostic.location;
  while (!location.empty()) {
    if (const auto found = asl::find_location(text, location)) return *found;
    location.resize(location.find_last_of("/[") == std::string::npos ? 0
                                                                     : location.find_last_of("/["));
  }
  return asl::position_at(text, 0, 1);
}

// The line and a caret under the place, as compilers print them. Control characters stay blank.
void print_source(std::string_view text, const asl::TextPosition& place) {
  const std::size_t before =
      place.offset == 0 ? std::string_view::npos : text.rfind('\n', place.offset - 1);
  const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
  std::string line(text.substr(start, text.find('\n', start) - start));
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  constexpr std::size_t shown_max = 160;
  std::size_t caret = place.column - 1;
  std::size_t from = 0;
  if (line.size() > shown_max) {
    from = place.offset - start > 40 ? place.offset - start - 40 : 0;
    while (from < line.size() && (static_cast<unsigned char>(line[from]) & 0xC0U) == 0x80U) ++from;
    for (std::size_t i = 0; i < from; ++i)
      caret -= (static_cast<unsigned char>(line[i]) & 0xC0U) != 0x80U ? 1 : 0;
    std::size_t length = shown_max;
    while (from + length < line.size() &&
           (static_cast<unsigned char>(line[from + length]) & 0xC0U) == 0x80U)
      ++length;
    line = line.substr(from, length);
  }
  fmt::print("{:>5} | {}\n      | {}^", place.line, line, std::string(caret, ' '));
  const std::size_t tail = std::min(place.length, shown_max);
  fmt::print("{}\n", std::string(tail > 1 ? tail - 1 : 0, '~'));
}

std::string message_of(const asl::Diagnostic& diagnostic) {
  // Jackson's own place is the whole text again.
  const std::size_t source = diagnostic.message.find("\n at [Source");
  return diagnostic.message.substr(0, source);
}

constexpr std::size_t diagnostics_max = 100;  // As ValidateStateMachineDefinition; each is sought.

// Prints them; true when none is an error.
bool report_diagnostics(const std::string& file, std::string_view text,
                        const std::vector<asl::Diagnostic>& found, json::array* collected) {
  bool good = true;
  std::size_t told = 0;
  for (const asl::Diagnostic& diagnostic : found) {
    const bool error = diagnostic.severity == asl::Severity::Error;
    good = good && !error;
    if (++told > diagnostics_max) continue;
    const asl::TextPosition place = place_of(text, diagnostic);
    if (collected) {
      collected->push_back(json::object{{"file", file},
                                        {"line", place.line},
                                        {"column", place.column},
                                        {"severity", error ? "ERROR" : "WARNING"},
                                        {"code", diagnostic.code},
                                        {"message", message_of(diagnostic)},
                                        {"location", diagnostic.location}});
      continue;
    }
    fmt::print("{}:{}:{}: {}: {} [{}]\n", file, place.line, place.column,
               error ? "error" : "warning", message_of(diagnostic), diagnostic.code);
    print_source(text, place);
  }
  if (!collected && told > diagnostics_max)
    fmt::print("{}: {} more\n", file, told - diagnostics_max);
  return good;
}

// --- run -----------------------------------------------------------------------------------------

std::string machine_name(const fs::path& definition) {
  std::string name = definition.filename().string();
  return name.substr(0, name.find('.'));
}

// The machine that the configuration knows: by the file's name, or its only one.
Result<std::string> machine_in(const json::object& config, const fs::path& definition,
                               const std::string& given) {
  const json::object* machines = find_object(config, "StateMachines");
  if (!machines) return fail("MockConfig", "the mock configuration has no StateMachines");
  const std::string name = given.empty() ? machine_name(definition) : given;
  if (machines->contains(name)) return name;
  if (given.empty() && machines->size() == 1) return std::string(machines->begin()->key());
  return fail("MockConfig", "the mock configuration has no state machine '" + name + "'");
}

void print_report(const asl::LocalReport& report) {
  std::vector<TableRow> rows;
  for (const asl::HistoryEvent& event : report.events) {
    const double seconds =
        std::chrono::duration<double>(event.timestamp - report.events.front().timestamp).count();
    std::string detail = event.name;
    if (event.data) detail += (detail.empty() ? "" : " ") + event.data->text();
    if (!event.fields.empty()) detail += (detail.empty() ? "" : " ") + print_json(event.fields);
    rows.push_back({std::to_string(event.id), fmt::format("+{}s", seconds),
                    std::string(asl::to_string(event.type)), detail});
  }
  print_table({"ID", "TIME", "TYPE", "DETAIL"}, rows);
  fmt::print("{}{}{}{}\n", report.status, report.output ? " " + *report.output : "",
             report.error ? " " + *report.error : "", report.cause ? ": " + *report.cause : "");
}

void print_report_json(const asl::LocalReport& report) {
  json::array events;
  for (const asl::HistoryEvent& event : report.events)
    events.push_back(asl::to_json(event, asl::IncludeExecutionData::Yes));
  json::object out{{"status", report.status},
                   {"path", json::array(report.path.begin(), report.path.end())},
                   {"events", std::move(events)}};
  if (report.output) out["output"] = *report.output;
  if (report.error) out["error"] = *report.error;
  if (report.cause) out["cause"] = *report.cause;
  print_json_line(out);
}

// --- test ----------------------------------------------------------------------------------------

constexpr std::size_t golden_events_max = 1'000;  // A longer history is nothing to be read.

struct CaseResult {
  std::string name{};
  std::vector<std::string> problems{};
  std::size_t states{0};
};

Result<std::string> definition_text(const json::object& test, const fs::path& folder) {
  const json::value* given = find(test, "definition");
  if (given && given->is_object()) return print_json(*given);
  const std::string file =
      given && given->is_string() ? to_string(given->get_string()) : "definition.asl.json";
  return read_file(folder / file);
}

Result<asl::LocalRun> local_run(const json::object& test, const fs::path& folder) {
  static constexpr std::string_view known[] = {"source", "definition", "input",    "type",
                                               "mocks",  "mockConfig", "testCase", "expect"};
  for (const auto& member : test) {
    if (std::ranges::find(known, std::string_view(member.key())) == std::end(known))
      return fail("InputFailed", "'" + std::string(member.key()) + "' is no member of a case");
  }
  asl::LocalRun run;
  if (const json::value* input = find(test, "input")) run.input = Payload::from_tree(*input);
  if (const json::string* type = find_string(test, "type")) run.type = type_of(*type);
  if (const json::object* answers = find_object(test, "mocks")) run.mocks.answers = *answers;
  const json::string* config = find_string(test, "mockConfig");
  const json::string* name = find_string(test, "testCase");
  if (!config || !name) return run;
  KIBAN_TRY(run.mocks.config, read_object(folder / std::string_view(*config)));
  const json::string* file = find_string(test, "definition");
  KIBAN_TRY(run.mocks.machine,
            machine_in(run.mocks.config, file ? to_string(*file) : "definition", ""));
  run.machine = run.mocks.machine;
  run.mocks.test_case = to_string(*name);
  return run;
}

// history.txt beside case.json, NAME.history.txt beside NAME.case.json.
fs::path golden_of(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::string stem = name == "case.json" ? "" : name.substr(0, name.size() - 9);
  return file.parent_path() / (stem + "history.txt");
}

std::string first_difference(const std::string& wanted, const std::string& got) {
  std::istringstream a(wanted);
  std::istringstream b(got);
  for (std::size_t line = 1;; ++line) {
    std::string left;
    std::string right;
    const bool more = static_cast<bool>(std::getline(a, left));
    const bool also = static_cast<bool>(std::getline(b, right));
    if (!more && !also) return "";
    if (left != right || more != also)
      return fmt::format("history, line {}:\n      expected {}\n      got      {}", line,
                         more ? left : "nothing more", also ? right : "nothing more");
  }
}

Result<void> run_case(const fs::path& file, bool update, CaseResult& out) {
  KIBAN_TRY(const json::object test, read_object(file));
  const fs::path folder = file.parent_path();
  KIBAN_TRY(const std::string definition, definition_text(test, folder));
  KIBAN_TRY(const asl::LocalRun run, local_run(test, folder));
  if (const auto refused = asl::refusal(asl::validate(definition, run.type)))
    return fail("InvalidDefinition", *refused);
  KIBAN_TRY(const auto program, asl::compile(definition, run.type));
  const asl::LocalReport report = asl::run_locally(program, run);
  out.states = report.path.size();
  const json::object* expected = find_object(test, "expect");
  if (expected) out.problems = asl::differences(report, *expected);
  const fs::path golden = golden_of(file);
  const std::string history = asl::history_text(report.events);
  if (update) {
    if (report.events.size() <= golden_events_max)
      std::ofstream(golden, std::ios::binary) << history;
    return {};
  }
  if (const auto wanted = read_file(golden); wanted && fs::exists(golden)) {
    if (std::string problem = first_difference(*wanted, history); !problem.empty())
      out.problems.push_back(std::move(problem));
  } else if (!expected) {
    out.problems.emplace_back("nothing is expected: give 'expect' or a history (--update)");
  }
  return {};
}

std::vector<fs::path> case_files(const fs::path& root) {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && (name == "case.json" || name.ends_with(".case.json")))
      out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

int validate_definitions(const AslOptions& options, const OutputOptions& output) {
  bool good = true;
  json::array collected;
  for (const std::string& file : options.files) {
    const auto text = read_file(file);
    if (!text) return complain("asl validate", text.error().cause, "Give readable files.");
    const auto found = asl::validate(*text, type_of(options.type));
    good = report_diagnostics(file, *text, found, output.json ? &collected : nullptr) && good;
  }
  if (output.json) print_json_line(collected);
  return good ? exit_done : exit_failed;
}

int run_definition(const AslOptions& options, const OutputOptions& output) {
  const std::string& file = options.files.front();
  const auto text = read_file(file);
  if (!text) return complain("asl run", text.error().cause, "Give a readable file.");
  asl::LocalRun run{.machine = machine_name(file), .type = type_of(options.type)};
  run.start = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  const auto found = asl::validate(*text, run.type);
  if (asl::refusal(found)) {
    report_diagnostics(file, *text, found, nullptr);
    return exit_failed;
  }
  const auto input = options.input.starts_with('@') ? read_file(options.input.substr(1))
                                                    : Result<std::string>(options.input);
  if (!input) return complain("asl run", input.error().cause, "Give --input JSON or @FILE.");
  auto payload = Payload::parse(*input);
  if (!payload) return complain("asl run", "input: " + payload.error().cause, "Give JSON.");
  run.input = *std::move(payload);
  if (!options.mock_config.empty()) {
    auto config = read_object(options.mock_config);
    if (!config) return complain("asl run", config.error().cause, "Give a mock configuration.");
    const auto machine = machine_in(*config, file, options.machine);
    if (!machine) return complain("asl run", machine.error().cause, "Name it with --machine.");
    run.machine = *machine;
    run.mocks = {.config = *std::move(config), .machine = *machine, .test_case = options.test_case};
  }
  const auto program = asl::compile(*text, run.type);
  if (!program) return complain("asl run", program.error().cause, "Mend the definition.");
  const asl::LocalReport report = asl::run_locally(*program, run);
  output.json ? print_report_json(report) : print_report(report);
  return report.status == "SUCCEEDED" ? exit_done : exit_failed;
}

int test_definitions(const AslOptions& options, const OutputOptions& output) {
  const fs::path root = options.files.front();
  const std::vector<fs::path> files = case_files(root);
  if (files.empty())
    return complain("asl test", root.string() + " holds no case.json or NAME.case.json",
                    "'kiban asl test --help' tells what a case is.");
  std::size_t failed = 0;
  json::array collected;
  for (const fs::path& file : files) {
    CaseResult result{.name = fs::relative(file, root).string()};
    const auto ran = run_case(file, options.update, result);
    if (!ran) result.problems.push_back(ran.error().cause);
    failed += result.problems.empty() ? 0 : 1;
    if (output.json) {
      collected.push_back(
          json::object{{"case", result.name},
                       {"passed", result.problems.empty()},
                       {"problems", json::array(result.problems.begin(), result.problems.end())}});
      continue;
    }
    fmt::print("{} {} ({} states)\n", result.problems.empty() ? "ok  " : "FAIL", result.name,
               result.states);
    for (const std::string& problem : result.problems) fmt::print("    {}\n", problem);
  }
  if (output.json) {
    print_json_line(collected);
  } else {
    fmt::print("{} passed, {} failed\n", files.size() - failed, failed);
  }
  return failed == 0 ? exit_done : exit_failed;
}

}  // namespace kiban::cli
