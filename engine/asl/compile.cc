#include <fmt/format.h>

#include <algorithm>

#include "asl/program.h"
#include "asl/query_jsonata.h"
#include "core/exact_json.h"

namespace kiban::asl {
namespace {

constexpr std::size_t definition_bytes_max = 1'048'576;  // Step Functions quota: 1 MB.

std::unexpected<Error> invalid(std::string cause) {
  return fail("InvalidDefinition", std::move(cause));
}

struct Compiler {
  Program& program;
  Language machine{Language::JsonPath};  // What states inherit, those within a JSONata Map as well.
  std::size_t depth{0};

  // A constant, a ...Path, or an expression, under `name`.
  Result<NumberField> number(const json::object& from, std::string_view name, Language language,
                             std::string_view location = {}) {
    NumberField out{.name = std::string(name)};
    const std::string path_name = fmt::format("{}Path", name);
    if (const json::string* path = find_string(from, path_name)) {
      KIBAN_TRY(out.path, Reference::parse(std::string_view(*path)));
      return out;
    }
    const json::value* value = from.if_contains(name);
    if (!value) return out;
    if (value->is_number()) {
      out.constant = value->to_number<double>();
      return out;
    }
    if (value->is_string() && language == Language::Jsonata &&
        query_text(std::string_view(value->get_string()))) {
      KIBAN_TRY(out.query, Template::compile(*value, language, location.empty() ? name : location));
      return out;
    }
    return invalid(fmt::format("The field '{}' must be a number", name));
  }

  Result<TextField> text(const json::object& from, std::string_view name, Language language,
                         std::string_view location = {}) {
    TextField out{.name = std::string(name)};
    const std::string path_name = fmt::format("{}Path", name);
    if (const json::string* path = find_string(from, path_name)) {
      KIBAN_TRY(out.path, Expression::parse(std::string_view(*path)));
      return out;
    }
    const json::value* value = from.if_contains(name);
    if (!value) return out;
    if (!value->is_string()) return invalid(fmt::format("The field '{}' must be a string", name));
    const json::string& constant = value->get_string();
    if (language == Language::Jsonata && query_text(std::string_view(constant))) {
      KIBAN_TRY(out.query, Template::compile(*value, language, location.empty() ? name : location));
    } else {
      out.constant = kiban::to_string(constant);
    }
    return out;
  }

  static Result<PathField> path(const json::object& from, std::string_view name) {
    PathField out;
    const json::value* value = from.if_contains(name);
    if (!value) return out;
    if (value->is_null()) {
      out.null = true;
      return out;
    }
    if (!value->is_string()) return invalid(fmt::format("The field '{}' must be a path", name));
    auto reference = Reference::parse(std::string_view(value->get_string()));
    if (!reference)
      return invalid(fmt::format("The value for the field '{}' must be a valid JSONPath ({})", name,
                                 reference.error().cause));
    if (name == "ResultPath" && !reference->path.reference())
      return invalid(fmt::format("The field '{}' must be a reference path", name));
    out.reference = *std::move(reference);
    return out;
  }

  // `within` is the part before the name in JSONata's locations: "Catch[0]/".
  static Result<std::optional<Template>> templated(const json::object& from, std::string_view name,
                                                   Language language,
                                                   std::string_view within = {}) {
    const json::value* value = from.if_contains(name);
    if (!value) return std::optional<Template>();
    KIBAN_TRY(Template out, Template::compile(*value, language, fmt::format("{}{}", within, name)));
    return std::optional<Template>(std::move(out));
  }

  static Result<std::vector<std::string>> errors(const json::object& from) {
    std::vector<std::string> out;
    const json::array* names = find_array(from, "ErrorEquals");
    if (!names || names->empty()) return invalid("The field 'ErrorEquals' is missing or empty");
    for (const json::value& name : *names) {
      if (!name.is_string()) return invalid("The field 'ErrorEquals' must hold strings");
      out.push_back(kiban::to_string(name.get_string()));
    }
    return out;
  }

  static Result<std::vector<Retrier>> retriers(const json::object& from) {
    std::vector<Retrier> out;
    const json::array* list = find_array(from, "Retry");
    if (!list) return out;
    for (const json::value& element : *list) {
      if (!element.is_object()) return invalid("The field 'Retry' must hold objects");
      const json::object& fields = element.get_object();
      Retrier retrier;
      KIBAN_TRY(retrier.error_equals, errors(fields));
      const auto read = [&](std::string_view name, double fallback) {
        const json::value* value = fields.if_contains(name);
        return value && value->is_number() ? value->to_number<double>() : fallback;
      };
      retrier.interval_seconds = read("IntervalSeconds", 1);
      retrier.attempts_max =
          static_cast<std::int64_t>(std::clamp(read("MaxAttempts", 3), 0.0, 99'999'999.0));
      retrier.backoff_rate = read("BackoffRate", 2);
      if (fields.contains("MaxDelaySeconds"))
        retrier.delay_max_seconds = read("MaxDelaySeconds", 0);
      const json::string* jitter = find_string(fields, "JitterStrategy");
      retrier.full_jitter = jitter && *jitter == "FULL";
      out.push_back(std::move(retrier));
    }
    return out;
  }

  Result<std::vector<Catcher>> catchers(const json::object& from, Language language,
                                        const std::map<std::string, std::size_t>& names) {
    std::vector<Catcher> out;
    const json::array* list = find_array(from, "Catch");
    if (!list) return out;
    for (const json::value& element : *list) {
      if (!element.is_object()) return invalid("The field 'Catch' must hold objects");
      const json::object& fields = element.get_object();
      Catcher catcher;
      const std::string within = fmt::format("Catch[{}]/", out.size());
      KIBAN_TRY(catcher.error_equals, errors(fields));
      KIBAN_TRY(catcher.next, target(fields, "Next", names));
      KIBAN_TRY(catcher.result_path, path(fields, "ResultPath"));
      KIBAN_TRY(catcher.assign, templated(fields, "Assign", language, within));
      if (language == Language::Jsonata) {
        KIBAN_TRY(catcher.output, templated(fields, "Output", language, within));
      }
      out.push_back(std::move(catcher));
    }
    return out;
  }

  static Result<std::size_t> target(const json::object& from, std::string_view name,
                                    const std::map<std::string, std::size_t>& names) {
    const json::string* text = find_string(from, name);
    if (!text) return invalid(fmt::format("The field '{}' is missing", name));
    const auto found = names.find(kiban::to_string(*text));
    if (found == names.end())
      return invalid(fmt::format("MISSING_TRANSITION_TARGET: Missing '{}' target: {}", name,
                                 std::string_view(*text)));
    return found->second;
  }

  static Result<TaskResource> resource(const json::object& from) {
    const json::string* text = find_string(from, "Resource");
    if (!text) return invalid("The field 'Resource' is missing");
    return parse_resource(std::string_view(*text));
  }

  Result<void> choice(State& state, const json::object& from,
                      const std::map<std::string, std::size_t>& names) {
    const json::array* choices = find_array(from, "Choices");
    if (!choices || choices->empty()) return invalid("The field 'Choices' is missing or empty");
    for (const json::value& element : *choices) {
      if (!element.is_object()) return invalid("The field 'Choices' must hold objects");
      const json::object& fields = element.get_object();
      Rule rule;
      const std::string within = fmt::format("Choices[{}]/", state.rules.size());
      if (state.language == Language::Jsonata) {
        const json::value* condition = fields.if_contains("Condition");
        if (!condition) return invalid("The field 'Condition' is missing");
        KIBAN_TRY(rule.query, Template::compile(*condition, state.language, within + "Condition"));
        KIBAN_TRY(rule.output, templated(fields, "Output", state.language, within));
      } else {
        KIBAN_TRY(rule.condition, compile_condition(fields));
      }
      KIBAN_TRY(rule.next, target(fields, "Next", names));
      KIBAN_TRY(rule.assign, templated(fields, "Assign", state.language, within));
      state.rules.push_back(std::move(rule));
    }
    if (from.contains("Default")) {
      KIBAN_TRY(state.default_next, target(from, "Default", names));
    }
    return {};
  }

  Result<void> task(State& state, const json::object& from) {
    KIBAN_TRY(state.resource, resource(from));
    KIBAN_TRY(state.timeout, number(from, "TimeoutSeconds", state.language));
    KIBAN_TRY(state.heartbeat, number(from, "HeartbeatSeconds", state.language));
    if (const json::object* credentials = find_object(from, "Credentials")) {
      if (const json::string* role = find_string(*credentials, "RoleArn.$")) {
        state.credentials.name = "RoleArn.$";
        KIBAN_TRY(state.credentials.path, Expression::parse(std::string_view(*role)));
      } else {
        KIBAN_TRY(state.credentials,
                  text(*credentials, "RoleArn", state.language, "Credentials/RoleArn"));
      }
    }
    return {};
  }

  Result<Reader> reader(const json::object& from, std::string_view name,
                        std::string_view config_name, Language language) {
    Reader out;
    const std::string within = fmt::format("{}/", name);
    if (from.contains("Resource")) {
      KIBAN_TRY(out.resource, resource(from));
    }
    KIBAN_TRY(out.parameters,
              templated(from, language == Language::Jsonata ? "Arguments" : "Parameters", language,
                        within));
    if (const json::object* config = find_object(from, config_name)) {
      out.config = *config;
      KIBAN_TRY(out.items_max,
                number(*config, "MaxItems", language, "ItemReader/ReaderConfig/MaxItems"));
    }
    return out;
  }

  Result<void> map(State& state, const json::object& from) {
    MapFields& map = state.map;
    const json::object* processor = find_object(from, "ItemProcessor");
    if (!processor) processor = find_object(from, "Iterator");
    if (!processor) return invalid("The field 'ItemProcessor' is missing");
    if (const json::object* config = find_object(*processor, "ProcessorConfig")) {
      const json::string* mode = find_string(*config, "Mode");
      map.distributed = mode && *mode == "DISTRIBUTED";
      const json::string* type = find_string(*config, "ExecutionType");
      if (type && *type == "EXPRESS") map.child_type = MachineType::Express;
    }
    KIBAN_TRY(const Region region, this->region(*processor, machine));
    state.regions.push_back(region);
    KIBAN_TRY(map.items_path, path(from, "ItemsPath"));
    KIBAN_TRY(map.items, templated(from, "Items", state.language));
    KIBAN_TRY(map.selector, templated(from, "ItemSelector", state.language));
    KIBAN_TRY(map.concurrency, number(from, "MaxConcurrency", state.language));
    KIBAN_TRY(map.tolerated_percentage, number(from, "ToleratedFailurePercentage", state.language));
    KIBAN_TRY(map.tolerated_count, number(from, "ToleratedFailureCount", state.language));
    if (const json::string* label = find_string(from, "Label"))
      map.label = kiban::to_string(*label);
    if (const json::object* reading = find_object(from, "ItemReader")) {
      KIBAN_TRY(map.reader, reader(*reading, "ItemReader", "ReaderConfig", state.language));
    }
    if (const json::object* writing = find_object(from, "ResultWriter")) {
      KIBAN_TRY(map.writer, reader(*writing, "ResultWriter", "WriterConfig", state.language));
    }
    if (const json::object* batcher = find_object(from, "ItemBatcher")) {
      map.batched = true;
      KIBAN_TRY(map.batch_items, number(*batcher, "MaxItemsPerBatch", state.language,
                                        "ItemBatcher/MaxItemsPerBatch"));
      KIBAN_TRY(map.batch_bytes, number(*batcher, "MaxInputBytesPerBatch", state.language,
                                        "ItemBatcher/MaxInputBytesPerBatch"));
      KIBAN_TRY(map.batch_input, templated(*batcher, "BatchInput", state.language, "ItemBatcher/"));
    }
    return {};
  }

  Result<void> fields(State& state, const json::object& from,
                      const std::map<std::string, std::size_t>& names) {
    KIBAN_TRY(state.input_path, path(from, "InputPath"));
    KIBAN_TRY(state.output_path, path(from, "OutputPath"));
    KIBAN_TRY(state.result_path, path(from, "ResultPath"));
    if (state.language == Language::JsonPath) {
      KIBAN_TRY(state.parameters, templated(from, "Parameters", state.language));
      KIBAN_TRY(state.result_selector, templated(from, "ResultSelector", state.language));
    } else {
      KIBAN_TRY(state.arguments, templated(from, "Arguments", state.language));
      KIBAN_TRY(state.output, templated(from, "Output", state.language));
    }
    KIBAN_TRY(state.assign, templated(from, "Assign", state.language));
    KIBAN_TRY(state.retry, retriers(from));
    KIBAN_TRY(state.caught, catchers(from, state.language, names));
    if (const json::value* result = from.if_contains("Result");
        result && state.type == StateType::Pass)
      state.result = Payload::from_tree(*result);
    const bool terminal = state.type == StateType::Succeed || state.type == StateType::Fail ||
                          state.type == StateType::Choice;
    if (!terminal && from.contains("Next")) {
      KIBAN_TRY(state.next, target(from, "Next", names));
    } else if (!terminal) {
      const json::value* end = from.if_contains("End");
      if (!end || !end->is_bool() || !end->get_bool())
        return invalid(fmt::format("The state '{}' needs 'Next' or 'End'", state.name));
    }
    switch (state.type) {
      case StateType::Choice:
        return choice(state, from, names);
      case StateType::Task:
        return task(state, from);
      case StateType::Map:
        return map(state, from);
      case StateType::Parallel: {
        const json::array* branches = find_array(from, "Branches");
        if (!branches || branches->empty())
          return invalid("The field 'Branches' is missing or empty");
        for (const json::value& branch : *branches) {
          if (!branch.is_object()) return invalid("The field 'Branches' must hold objects");
          KIBAN_TRY(const Region region, this->region(branch.get_object(), machine));
          state.regions.push_back(region);
        }
        return {};
      }
      case StateType::Wait: {
        KIBAN_TRY(state.seconds, number(from, "Seconds", state.language));
        if (const json::string* reference = find_string(from, "TimestampPath")) {
          KIBAN_TRY(state.timestamp_path, Reference::parse(std::string_view(*reference)));
        } else {
          KIBAN_TRY(state.timestamp, text(from, "Timestamp", state.language));
        }
        if (!state.seconds.given() && !state.timestamp.given() && !state.timestamp_path)
          return invalid(fmt::format("The Wait state '{}' does not say how long", state.name));
        return {};
      }
      case StateType::Fail: {
        KIBAN_TRY(state.error, text(from, "Error", state.language));
        KIBAN_TRY(state.cause, text(from, "Cause", state.language));
        return {};
      }
      case StateType::Pass:
      case StateType::Succeed:
        break;
    }
    return {};
  }

  static Result<StateType> type_of(const json::object& from, std::string_view name) {
    static constexpr std::pair<std::string_view, StateType> types[] = {
        {"Pass", StateType::Pass},         {"Task", StateType::Task},
        {"Choice", StateType::Choice},     {"Wait", StateType::Wait},
        {"Succeed", StateType::Succeed},   {"Fail", StateType::Fail},
        {"Parallel", StateType::Parallel}, {"Map", StateType::Map},
    };
    const json::string* type = find_string(from, "Type");
    for (const auto& [text, value] : types) {
      if (type && *type == text) return value;
    }
    return invalid(fmt::format("The state '{}' has no valid 'Type'", name));
  }

  static Result<Language> language_of(const json::object& from, Language outer) {
    const json::string* language = find_string(from, "QueryLanguage");
    if (!language) return outer;
    if (*language == "JSONata") return Language::Jsonata;
    if (*language == "JSONPath") return Language::JsonPath;
    return invalid("The field 'QueryLanguage' must be JSONPath or JSONata");
  }

  Result<Region> region(const json::object& from, Language outer) {
    if (++depth > region_depth_max) return invalid("States nested too deep");
    const json::object* states = find_object(from, "States");
    if (!states || states->empty()) return invalid("The field 'States' is missing or empty");
    KIBAN_TRY(const Language language, language_of(from, outer));
    std::map<std::string, std::size_t> names;
    const std::size_t first = program.states.size();
    for (const auto& member : *states) {
      std::string name = kiban::to_string(json::string(member.key()));
      names.emplace(name, program.states.size());
      program.states.push_back(State{.name = std::move(name)});
    }
    std::size_t index = first;
    for (const auto& member : *states) {
      if (!member.value().is_object())
        return invalid(
            fmt::format("The state '{}' is not an object", std::string_view(member.key())));
      const json::object& body = member.value().get_object();
      State state{.name = std::string(member.key())};
      KIBAN_TRY(state.type, type_of(body, state.name));
      KIBAN_TRY(state.language, language_of(body, language));
      KIBAN_TRY_VOID(fields(state, body, names));
      program.states[index++] = std::move(state);
    }
    KIBAN_TRY(const std::size_t start, target(from, "StartAt", names));
    --depth;
    return Region{.start = start};
  }
};

}  // namespace

std::string_view to_string(StateType type) {
  static constexpr std::string_view names[] = {"Pass",    "Task", "Choice",   "Wait",
                                               "Succeed", "Fail", "Parallel", "Map"};
  return names[static_cast<std::size_t>(type)];
}

const State* Program::find(std::string_view name) const {
  const auto found = std::find_if(states.begin(), states.end(),
                                  [&](const State& state) { return state.name == name; });
  return found == states.end() ? nullptr : &*found;
}

std::string TaskResource::action_with_pattern() const {
  switch (pattern) {
    case TaskPattern::RequestResponse:
      return action;
    case TaskPattern::Sync:
      return action + ".sync";
    case TaskPattern::Sync2:
      return action + ".sync:2";
    case TaskPattern::WaitForTaskToken:
      return action + ".waitForTaskToken";
  }
  return action;
}

namespace {
bool is_account(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}
}  // namespace

Result<TaskResource> parse_resource(std::string_view arn) {
  TaskResource out{.arn = std::string(arn)};
  // arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
  std::vector<std::string_view> parts;
  std::string_view rest = out.arn;
  while (parts.size() < 5) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) break;
    parts.push_back(rest.substr(0, colon));
    rest.remove_prefix(colon + 1);
  }
  // AWS's own templates write the region and the account of an integration as well.
  const bool own = rest.starts_with("activity:") || rest.starts_with("stateMachine:") ||
                   rest.starts_with("execution:") || rest.starts_with("express:");
  const bool placed = parts.size() == 5 && !parts[3].empty() && is_account(parts[4]) && !own;
  const bool unplaced = parts.size() == 5 && parts[3].empty() && parts[4].empty();
  if (parts.size() == 5 && parts[2] == "states" && (placed || unplaced)) {
    std::string_view action = rest;
    std::size_t colon = action.find(':');
    if (action.starts_with("aws-sdk:")) colon = action.find(':', 8);
    if (colon == std::string_view::npos)
      return invalid(fmt::format("The resource provided {} is not recognized.", out.arn));
    out.service = std::string(action.substr(0, colon));
    action.remove_prefix(colon + 1);
    const auto strip = [&](std::string_view suffix, TaskPattern pattern) {
      if (!action.ends_with(suffix)) return;
      action.remove_suffix(suffix.size());
      out.pattern = pattern;
    };
    strip(".sync:2", TaskPattern::Sync2);
    if (out.pattern == TaskPattern::RequestResponse) strip(".sync", TaskPattern::Sync);
    if (out.pattern == TaskPattern::RequestResponse)
      strip(".waitForTaskToken", TaskPattern::WaitForTaskToken);
    out.action = std::string(action);
    return out;
  }
  if (parts.size() == 5 && parts[2] == "states" && rest.starts_with("activity:")) {
    out.kind = TaskKind::Activity;
    return out;
  }
  // A function's ARN; recordings hold bare names for them and for activities as well.
  out.kind = out.arn.find("activity") != std::string::npos && parts.size() < 5 ? TaskKind::Activity
                                                                               : TaskKind::Lambda;
  out.service = out.kind == TaskKind::Lambda ? "lambda" : "";
  return out;
}

Result<std::shared_ptr<const Program>> compile(std::string_view definition, MachineType type,
                                               ParametersCheck check) {
  if (definition.size() > definition_bytes_max)
    return invalid("The definition is larger than 1 MB");
  const auto tree = parse_json_exactly(definition);
  if (!tree) return invalid(fmt::format("INVALID_JSON_DESCRIPTION: {}", tree.error().cause));
  if (!tree->is_object()) return invalid("INVALID_JSON_DESCRIPTION: Expected an object");
  const json::object& object = tree->get_object();
  auto program = std::make_shared<Program>();
  program->type = type;
  program->check = std::move(check);
  if (const json::value* timeout = object.if_contains("TimeoutSeconds");
      timeout && timeout->is_number())
    program->timeout_seconds = std::clamp(timeout->to_number<double>(), 0.0, 99'999'999.0);
  Compiler compiler{.program = *program};
  KIBAN_TRY(compiler.machine, Compiler::language_of(object, Language::JsonPath));
  KIBAN_TRY(program->root, compiler.region(object, compiler.machine));
  return program;
}

std::shared_ptr<const Program> child_program(const std::shared_ptr<const Program>& program,
                                             std::string_view map_state) {
  const State* state = program->find(map_state);
  if (!state || state->type != StateType::Map || !state->map.distributed) return nullptr;
  auto child = std::make_shared<Program>(*program);
  child->root = state->regions[0];
  child->type = state->map.child_type;
  child->timeout_seconds.reset();
  return child;
}

}  // namespace kiban::asl
