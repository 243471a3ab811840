#include "asl/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "asl/program.h"

namespace kiban::asl {
namespace {

constexpr std::array<std::string_view, 8> types{"Task", "Wait",   "Pass",     "Succeed",
                                                "Fail", "Choice", "Parallel", "Map"};

// Optimised integrations and their actions, of the services whose actions we know completely.
// https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
struct Optimised {
  std::string_view service{};
  std::string_view actions{};  // Each between spaces.
};
constexpr Optimised optimised[] = {
    {"apigateway", " invoke "},     {"dynamodb", " getItem putItem deleteItem updateItem "},
    {"ecs", " runTask "},           {"events", " putEvents "},
    {"http", " invoke "},           {"lambda", " invoke "},
    {"sns", " publish "},           {"sqs", " sendMessage "},
    {"states", " startExecution "},
};

bool is_query(std::string_view text) { return text.starts_with("{%") && text.ends_with("%}"); }

// White space, control characters (C1 as well, recorded by AWS), wildcards, brackets and such.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
std::optional<std::string_view> forbidden_in_label(std::string_view label) {
  constexpr std::string_view special = "?*<>{}[]\"#%\\^|~`$&,;:/";
  for (std::size_t i = 0; i < label.size(); ++i) {
    const auto c = static_cast<unsigned char>(label[i]);
    if (c <= 0x20 || c == 0x7F || special.find(label[i]) != std::string_view::npos)
      return label.substr(i, 1);
    const auto second = static_cast<unsigned char>(i + 1 < label.size() ? label[i + 1] : 0);
    if (c == 0xC2 && second >= 0x80 && second <= 0x9F) return label.substr(i, 2);  // U+0080-009F.
  }
  return std::nullopt;
}

// RFC 3339 with an upper-case T between date and time; recorded by AWS.
bool is_timestamp(std::string_view text) {
  return text.size() > 10 && text[10] == 'T' && parse_iso8601(text).has_value();
}

struct Validator {
  MachineType type{MachineType::Standard};
  std::vector<Diagnostic> found{};
  std::size_t depth{0};

  void error(std::string message, std::string location,
             std::string code = "SCHEMA_VALIDATION_FAILED") {
    found.push_back(
        {.code = std::move(code), .message = std::move(message), .location = std::move(location)});
  }

  // Recorded by AWS for StartAt and States.
  void require(const json::object& from, std::initializer_list<std::string_view> names,
               const std::string& location) {
    std::string missing;
    for (const std::string_view name : names) {
      if (from.contains(name)) continue;
      if (!missing.empty()) missing += ", ";
      missing += name;
    }
    if (!missing.empty())
      error(fmt::format("These fields are required: [{}]", missing),
            location.empty() ? "/" : location);
  }

  void resource(const json::object& state, const std::string& location) {
    const json::string* value = find_string(state, "Resource");
    if (!value) return require(state, {"Resource"}, location);
    const std::string text = kiban::to_string(*value);
    const std::string at = location + "/Resource";
    const bool express = type == MachineType::Express;
    if (express && text.find(":states:") != std::string::npos &&
        text.find(":activity:") != std::string::npos)
      error("Express state machine does not support Activity ARN", at);
    if (express) {  // The space at the end is AWS's.
      for (const std::string_view pattern : {".waitForTaskToken", ".sync", ".sync:2"}) {
        if (text.ends_with(pattern))
          error(fmt::format("Express state machine does not support '{}' service integration ",
                            pattern),
                at);
      }
    }
    const std::size_t head = text.find(":states:::");
    if (head == std::string::npos || !text.starts_with("arn:")) return;
    std::string_view rest = std::string_view(text).substr(head + 10);
    if (rest.starts_with("aws-sdk:")) return;
    const std::size_t colon = rest.find(':');
    const std::string_view service = rest.substr(0, colon);
    const auto* known = std::ranges::find(optimised, service, &Optimised::service);
    if (known == std::end(optimised) || colon == std::string_view::npos) return;
    std::string_view action = rest.substr(colon + 1);
    action = action.substr(0, action.find('.'));
    if (known->actions.find(fmt::format(" {} ", action)) == std::string_view::npos)
      error(fmt::format("The resource provided {} is not recognized. The value is not a valid "
                        "resource ARN, or the resource is not available in this region.",
                        text),
            at);
  }

  void task(const json::object& state, const std::string& location) {
    resource(state, location);
    const json::object* credentials = find_object(state, "Credentials");
    if (credentials && !credentials->contains("RoleArn") && !credentials->contains("RoleArn.$"))
      error("The field 'RoleArn' is required but was missing", location + "/Credentials");
  }

  void wait(const json::object& state, const std::string& location) {
    const json::string* at = find_string(state, "Timestamp");
    if (at && !is_query(*at) && !is_timestamp(*at))
      error("String does not match RFC3339 timestamp", location + "/Timestamp");
  }

  void map(const json::object& state, const std::string& location, bool jsonata) {
    if (const json::string* label = find_string(state, "Label")) {
      if (const auto bad = forbidden_in_label(*label))
        error(fmt::format("Label contains invalid character: '{}'", *bad), location + "/Label");
      if (label->size() > 40) error("Label cannot exceed 40 characters", location + "/Label");
    }
    for (const char* name : {"ItemProcessor", "Iterator"}) {
      if (const json::object* inner = find_object(state, name)) {
        const MachineType outer = type;
        const json::object* config = find_object(*inner, "ProcessorConfig");
        const json::string* kind = config ? find_string(*config, "ExecutionType") : nullptr;
        if (kind) type = *kind == "EXPRESS" ? MachineType::Express : MachineType::Standard;
        region(*inner, location + "/" + name, jsonata);
        type = outer;
        return;
      }
    }
    require(state, {"ItemProcessor"}, location);
  }

  // The states that this one leads to, each with where that is said.
  using Targets = std::vector<std::pair<std::string, std::string>>;
  static Targets targets(const json::object& state, const std::string& location) {
    Targets out;
    const auto add = [&](const json::object& from, std::string_view name, std::string where) {
      if (const json::string* next = find_string(from, name))
        out.emplace_back(kiban::to_string(*next), std::move(where));
    };
    add(state, "Next", location + "/Next");
    add(state, "Default", location + "/Default");
    for (const char* list : {"Choices", "Catch"}) {
      const json::array* all = find_array(state, list);
      for (std::size_t i = 0; all && i < all->size(); ++i) {
        if ((*all)[i].is_object())
          add((*all)[i].get_object(), "Next", fmt::format("{}/{}[{}]/Next", location, list, i));
      }
    }
    return out;
  }

  void state(const json::object& fields, const std::string& location, bool jsonata) {
    const json::string* kind = find_string(fields, "Type");
    if (!kind) return require(fields, {"Type"}, location);
    if (std::ranges::find(types, std::string_view(*kind)) == types.end())
      return error(fmt::format("The field 'Type' should have one of these values: [{}]",
                               fmt::join(types, ", ")),
                   location + "/Type");
    const json::string* language = find_string(fields, "QueryLanguage");
    if (language && jsonata && *language == "JSONPath")
      error("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            location);
    if (*kind == "Task") return task(fields, location);
    if (*kind == "Wait") return wait(fields, location);
    if (*kind == "Map") return map(fields, location, jsonata);
    if (*kind == "Choice") return require(fields, {"Choices"}, location);
    if (*kind != "Parallel") return;
    require(fields, {"Branches"}, location);
    const json::array* branches = find_array(fields, "Branches");
    for (std::size_t i = 0; branches && i < branches->size(); ++i) {
      if ((*branches)[i].is_object())
        region((*branches)[i].get_object(), fmt::format("{}/Branches[{}]", location, i), jsonata);
    }
  }

  void region(const json::object& fields, const std::string& location, bool jsonata) {
    if (++depth > region_depth_max) return error("States nested too deep", location);
    const json::string* language = find_string(fields, "QueryLanguage");
    jsonata = jsonata || (language && *language == "JSONata");
    require(fields, {"StartAt", "States"}, location);
    if (const json::object* states = find_object(fields, "States")) {
      std::set<std::string, std::less<>> reached;
      const auto reach = [&](const std::string& name, std::string_view field,
                             const std::string& where) {
        if (!states->contains(name))
          error(fmt::format("Missing '{}' target: {}", field, name), where,
                "MISSING_TRANSITION_TARGET");
        reached.insert(name);
      };
      if (const json::string* start = find_string(fields, "StartAt"))
        reach(kiban::to_string(*start), "StartAt", location + "/StartAt");
      for (const auto& [name, value] : *states) {
        const std::string at = fmt::format("{}/States/{}", location, std::string_view(name));
        if (!value.is_object()) {
          error("Expected value of type Object", at);
          continue;
        }
        state(value.get_object(), at, jsonata);
        for (const auto& [target, where] : targets(value.get_object(), at))
          reach(target, where.substr(where.rfind('/') + 1), where);
      }
    }
    --depth;
  }
};

// The parser that AWS uses (Jackson) on a bare word; what else is not JSON is told in our words.
Diagnostic not_json(std::string_view text, const Error& problem) {
  const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  const auto first = std::ranges::find_if_not(
      text, [](char c) { return std::isspace(static_cast<unsigned char>(c)); });
  const auto last = std::find_if_not(first, text.end(), word);
  const std::string_view token(first, last);
  Diagnostic out{.code = "INVALID_JSON_DESCRIPTION", .message = problem.cause};
  const bool literal = token == "true" || token == "false" || token == "null";
  if (token.empty() || literal || std::isdigit(static_cast<unsigned char>(token[0]))) return out;
  const auto newline = std::string_view(text.begin(), first).rfind('\n');
  const auto start = static_cast<std::size_t>(first - text.begin());
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  out.location =
      fmt::format("[Source: (String)\"{}\"; line: {}, column: {}]", text,
                  std::count(text.begin(), first, '\n') + 1, start - line_start + token.size() + 1);
  out.message = fmt::format(
      "Unrecognized token '{}': was expecting (JSON String, Number, Array, Object or token "
      "'null', 'true' or 'false')\n at {}",
      token, out.location);
  return out;
}

}  // namespace

std::vector<Diagnostic> validate(std::string_view definition, MachineType type) {
  const bool blank = std::ranges::all_of(
      definition, [](char c) { return std::isspace(static_cast<unsigned char>(c)); });
  if (blank) return {{.message = "Definition must be a valid JSON object"}};
  const auto tree = parse_json(definition);
  if (!tree) return {not_json(definition, tree.error())};
  if (!tree->is_object()) return {{.message = "Definition must be a valid JSON object"}};
  Validator validator{.type = type};
  validator.region(tree->get_object(), "", false);
  if (!validator.found.empty()) return std::move(validator.found);
  // What only the compiler sees: malformed paths and expressions, states without a successor.
  const auto program = compile(definition, type);
  if (!program) return {{.message = program.error().cause}};
  return {};
}

std::optional<std::string> refusal(const std::vector<Diagnostic>& diagnostics) {
  std::string all;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::Error) continue;
    if (!all.empty()) all += ", ";
    all += diagnostic.code + ": " + diagnostic.message;
    if (!diagnostic.location.empty() && !diagnostic.location.starts_with('['))
      all += " at " + diagnostic.location;
  }
  if (all.empty()) return std::nullopt;
  return fmt::format("Invalid State Machine Definition: '{}'", all);
}

}  // namespace kiban::asl
