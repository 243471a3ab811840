#include "cli/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "cli/words.h"

namespace kiban::cli {

namespace {

struct Form {
  std::string_view name{};  // The member that tells the kind.
  Step::Kind kind{};
  std::vector<std::string_view> others{};  // Members that it may have.
};

const std::vector<Form>& forms() {
  static const std::vector<Form> all{
      {"start", Step::Kind::Start, {"input", "expect", "error", "until"}},
      {"stop", Step::Kind::Stop, {}},
      {"ended", Step::Kind::Ended, {"expect", "error"}},
      {"update", Step::Kind::Update, {}},
      {"advance", Step::Kind::Advance, {}},
      {"call", Step::Kind::Call, {"input", "error"}},
      {"put-events", Step::Kind::PutEvents, {}},
      {"deploy", Step::Kind::Deploy, {"template", "parameters"}}};
  return all;
}

std::unexpected<Error> invalid(const std::string& where, const std::string& why) {
  return fail("InvalidScenario", where + ": " + why);
}

std::string within(const std::string& folder, const std::string& path) {
  if (path.empty()) return path;
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

Result<void> read_value(const Form& form, const json::value& value, const std::string& where,
                        Step& step) {
  if (form.kind == Step::Kind::PutEvents) {
    if (!value.is_array()) return invalid(where, "put-events holds a list of entries");
    step.input = value;
    return {};
  }
  if (!value.is_string()) return invalid(where, fmt::format("{} wants a text", form.name));
  step.name = to_string(value.get_string());
  if (form.kind == Step::Kind::Advance) {
    const auto duration = parse_duration(step.name);
    if (!duration) return invalid(where, duration.error().cause);
    step.duration = *duration;
  }
  if (form.kind == Step::Kind::Call) {
    const std::size_t colon = step.name.find(':');
    if (colon == std::string::npos) return invalid(where, "call wants SERVICE:OPERATION");
    step.service = step.name.substr(0, colon);
    step.operation = step.name.substr(colon + 1);
  }
  return {};
}

Result<Step> parse_step(const json::value& value, const std::string& where,
                        const std::string& folder) {
  if (!value.is_object()) return invalid(where, "a step is an object");
  const json::object& object = value.get_object();
  const auto form =
      std::ranges::find_if(forms(), [&](const Form& each) { return object.contains(each.name); });
  if (form == forms().end())
    return invalid(where,
                   "a step has one of start, stop, ended, update, advance, call, put-events "
                   "and deploy");
  for (const auto& [key, member] : object)
    if (key != form->name &&
        std::ranges::find(form->others, std::string_view(key)) == form->others.end())
      return invalid(where, fmt::format("{} takes no {}", form->name, std::string_view(key)));
  Step step{.kind = form->kind};
  KIBAN_TRY_VOID(read_value(*form, object.at(form->name), where, step));
  const bool waits = step.kind == Step::Kind::Start || step.kind == Step::Kind::Ended;
  step.error = text(object, "error");
  step.until = text(object, "until");
  step.expect = text(object, "expect", !step.until.empty() ? "RUNNING" : waits ? "SUCCEEDED" : "");
  constexpr std::array<std::string_view, 5> statuses{"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED",
                                                     "RUNNING"};
  if (waits && std::ranges::find(statuses, step.expect) == statuses.end())
    return invalid(where, fmt::format("expect is one of {}", fmt::join(statuses, ", ")));
  if (const json::value* input = find(object, "input")) step.input = *input;
  if (const json::object* parameters = find_object(object, "parameters"))
    step.parameters = *parameters;
  step.file = within(folder, text(object, "template"));
  if (step.kind == Step::Kind::Deploy && step.file.empty())
    return invalid(where, "deploy wants a template");
  return step;
}

Result<std::vector<Step>> parse_steps(const json::object& tree, std::string_view member,
                                      const std::string& folder) {
  std::vector<Step> steps;
  const json::value* list = find(tree, member);
  if (list == nullptr) return steps;
  if (!list->is_array()) return invalid(std::string(member), "a list of steps");
  for (const json::value& each : list->get_array()) {
    const std::string where = fmt::format("{}[{}]", member, steps.size());
    KIBAN_TRY(Step step, parse_step(each, where, folder));
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace

std::string Step::words() const {
  const auto form =
      std::ranges::find_if(forms(), [&](const Form& each) { return each.kind == kind; });
  return name.empty() ? std::string(form->name) : fmt::format("{} {}", form->name, name);
}

Result<Scenario> parse_scenario(const json::value& value, const std::string& folder) {
  constexpr std::array<std::string_view, 11> members{"data",    "key-file", "tasks",  "source",
                                                     "account", "region",   "stacks", "roles",
                                                     "setup",   "steps",    "allow"};
  if (!value.is_object()) return invalid("the file", "a scenario is an object");
  const json::object& tree = value.get_object();
  for (const auto& [key, member] : tree)
    if (std::ranges::find(members, std::string_view(key)) == members.end())
      return invalid(std::string(key), fmt::format("a scenario has {}", fmt::join(members, ", ")));
  Scenario scenario{.data = within(folder, text(tree, "data")),
                    .key_file = within(folder, text(tree, "key-file")),
                    .tasks = text(tree, "tasks", "process"),
                    .source = within(folder, text(tree, "source")),
                    .account = text(tree, "account"),
                    .region = text(tree, "region"),
                    .stacks = iam::report::texts_in(tree, "stacks"),
                    .roles = iam::report::texts_in(tree, "roles")};
  KIBAN_TRY(scenario.setup, parse_steps(tree, "setup", folder));
  KIBAN_TRY(scenario.steps, parse_steps(tree, "steps", folder));
  if (const json::value* allow = find(tree, "allow")) {
    KIBAN_TRY(scenario.allow, iam::report::parse_exceptions(*allow));
  }
  if (scenario.steps.empty()) return invalid("steps", "there is none");
  if (scenario.data.empty() && scenario.setup.empty())
    return invalid("the file", "data names a directory, or setup makes what is needed");
  if (scenario.stacks.empty() && scenario.roles.empty())
    return invalid("the file", "stacks or roles say whose policies are proved");
  return scenario;
}

}  // namespace kiban::cli
