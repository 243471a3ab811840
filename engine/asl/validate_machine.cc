// Sources: "recorded" is the recordings of AWS; "reported" is what users quote of AWS's answers, in
// github.com/floci-io/floci/issues/2670, 2735, 2745, 2968 and 3733,
// localstack/localstack/pull/12487 and aws-cloudformation/cfn-lint/issues/4075; the fields of each
// state are docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html and
// states-language.net.
#include "asl/validate_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "asl/program.h"
#include "asl/query_jsonata.h"
#include "jsonata/readings.h"

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

// Every field that a state of the type may have, each between spaces.
std::string_view fields_of(std::string_view type) {
  static constexpr std::string_view task =
      " Resource Parameters Arguments Credentials ResultSelector ResultPath Retry Catch "
      "TimeoutSeconds TimeoutSecondsPath HeartbeatSeconds HeartbeatSecondsPath InputPath "
      "OutputPath Output Assign Next End ";
  static constexpr std::string_view map =
      " ItemProcessor Iterator ItemsPath Items ItemSelector Parameters ItemReader ItemBatcher "
      "ResultWriter MaxConcurrency MaxConcurrencyPath ToleratedFailureCount "
      "ToleratedFailureCountPath ToleratedFailurePercentage ToleratedFailurePercentagePath Label "
      "ResultSelector ResultPath Retry Catch InputPath OutputPath Output Assign Next End ";
  static constexpr std::pair<std::string_view, std::string_view> table[] = {
      {"Task", task},
      {"Map", map},
      {"Wait",
       " Seconds SecondsPath Timestamp TimestampPath InputPath OutputPath Output Assign Next End "},
      {"Pass", " Result Parameters ResultPath InputPath OutputPath Output Assign Next End "},
      {"Succeed", " InputPath OutputPath Output "},
      {"Fail", " Error ErrorPath Cause CausePath "},
      {"Choice", " Choices Default InputPath OutputPath Output Assign "},
      {"Parallel",
       " Branches Parameters Arguments ResultSelector ResultPath Retry Catch InputPath "
       "OutputPath Output Assign Next End "},
  };
  for (const auto& [name, fields] : table) {
    if (name == type) return fields;
  }
  return {};
}

bool listed(std::string_view list, std::string_view word) {
  return list.contains(fmt::format(" {} ", word));
}

constexpr std::string_view jsonata_only = " Arguments Output Items Condition ";
constexpr std::string_view jsonpath_only =
    " InputPath OutputPath ResultPath Parameters ResultSelector Result ItemsPath SecondsPath "
    "TimestampPath TimeoutSecondsPath HeartbeatSecondsPath MaxConcurrencyPath "
    "ToleratedFailureCountPath ToleratedFailurePercentagePath ErrorPath CausePath "
    "MaxItemsPerBatchPath MaxInputBytesPerBatchPath MaxItemsPath Variable ";

// Reported: only ItemsPath may read the context object.
constexpr std::string_view map_numbers =
    " MaxConcurrencyPath ToleratedFailureCountPath ToleratedFailurePercentagePath "
    "MaxItemsPerBatchPath MaxInputBytesPerBatchPath MaxItemsPath ";

struct Range {
  std::string_view name{};
  double least{0};
  double most{0};  // 0: none.
};
constexpr Range ranges[] = {
    {"Seconds", 0, 99'999'999},          {"TimeoutSeconds", 1, 99'999'999},
    {"HeartbeatSeconds", 1, 99'999'999}, {"MaxConcurrency", 0, 0},
    {"ToleratedFailureCount", 0, 0},     {"ToleratedFailurePercentage", 0, 100},
    {"MaxItems", 0, 100'000'000},        {"MaxItemsPerBatch", 0, 0},
    {"MaxInputBytesPerBatch", 0, 0},
};

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

bool looks_like_path(std::string_view text) {
  return text.starts_with("$.") || text.starts_with("$[") || text.starts_with("$$.") ||
         (text.starts_with("States.") && text.ends_with(')'));
}

struct Validator {
  MachineType type{MachineType::Standard};
  const Served& served;
  bool machine_jsonata{false};
  std::vector<Diagnostic> found{};
  std::vector<Diagnostic> graph{};  // Told only when every state is good in itself.
  std::set<std::string, std::less<>> labels{};
  std::size_t depth{0};

  void error(std::string message, std::string location,
             std::string code = "SCHEMA_VALIDATION_FAILED") {
    found.push_back(
        {.code = std::move(code), .message = std::move(message), .location = std::move(location)});
  }
  void warn(std::string code, std::string message, std::string location) {
    found.push_back({.severity = Severity::Warning,
                     .code = std::move(code),
                     .message = std::move(message),
                     .location = std::move(location)});
  }

  // Recorded for StartAt and States.
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

  // Reported for Map's numbers.
  void only_one(const json::object& from, std::string_view name, const std::string& location) {
    const std::string path = fmt::format("{}Path", name);
    if (from.contains(name) && from.contains(path))
      error(fmt::format("There should only be one of the following fields: [{}, {}]", name, path),
            location);
  }

  void numbers(const json::object& from, const std::string& location) {
    for (const Range& range : ranges) {
      only_one(from, range.name, location);
      const json::value* value = find(from, range.name);
      if (!value || !value->is_number()) continue;
      const bool percentage = range.name == "ToleratedFailurePercentage";
      const std::string at = fmt::format("{}/{}", location, range.name);
      const auto shown = [&](double bound) {
        return percentage ? fmt::format("{:.1f}", bound) : fmt::format("{:.0f}", bound);
      };
      const double number = value->to_number<double>();
      if (number < range.least) error("Minimum value is " + shown(range.least), at);
      if (range.most > 0 && number > range.most) error("Maximum value is " + shown(range.most), at);
    }
  }

  void language_fields(const json::object& from, bool jsonata, const std::string& location) {
    for (const auto& member : from) {
      const std::string_view name = member.key();
      if (listed(jsonata ? jsonpath_only : jsonata_only, name))
        error(fmt::format("The QueryLanguage is set to '{}', but field '{}' is only supported for "
                          "the '{}' QueryLanguage",
                          jsonata ? "JSONata" : "JSONPath", name, jsonata ? "JSONPath" : "JSONata"),
              location);
    }
  }

  // --- Expressions ------------------------------------------------------------------------------

  void query(std::string_view text, const std::string& location) {
    const auto inner = query_text(text);
    if (!inner) return;
    const auto parsed = jsonata::parse(*inner);
    if (!parsed) return error(parsed.error().message, location, "INVALID_JSONATA_EXPRESSION");
    for (const std::string& field : jsonata::readings(**parsed).fields)
      error(fmt::format("Reference to '{}' at the top level is not supported.", field), location,
            "UNSUPPORTED_JSONATA_EXPRESSION");
  }

  void queries(const json::value& value, const std::string& location) {
    if (value.is_string()) return query(std::string_view(value.get_string()), location);
    if (value.is_object()) {
      for (const auto& [name, part] : value.get_object())
        queries(part, fmt::format("{}/{}", location, std::string_view(name)));
    } else if (value.is_array()) {
      std::size_t index = 0;
      for (const json::value& part : value.get_array())
        queries(part, fmt::format("{}[{}]", location, index++));
    }
  }

  // A payload template of the JSONPath dialect.
  void paths(const json::value& value, const std::string& location) {
    if (value.is_array()) {
      std::size_t index = 0;
      for (const json::value& part : value.get_array())
        paths(part, fmt::format("{}[{}]", location, index++));
    }
    if (!value.is_object()) return;
    for (const auto& [key, part] : value.get_object()) {
      const std::string_view name = key;
      if (!name.ends_with(".$")) {
        if (part.is_string() && !listed(map_numbers, name) &&
            looks_like_path(std::string_view(part.get_string())))
          warn("NO_DOLLAR",
               fmt::format("The value of '{}' looks like a JSONPath or an intrinsic function, but "
                           "the name does not end with '.$': it is taken as it stands",
                           name),
               fmt::format("{}/{}", location, name));
        paths(part, fmt::format("{}/{}", location, name));
        continue;
      }
      if (!part.is_string() || !Expression::parse(std::string_view(part.get_string())))
        error(fmt::format("The value for the field '{}' must be a valid JSONPath or a valid "
                          "intrinsic function call",
                          name),
              location);
    }
  }

  void expressions(const json::object& state, bool jsonata, const std::string& location) {
    static constexpr std::string_view nested =
        " Retry Catch Choices Branches ItemProcessor Iterator Comment Type QueryLanguage Result ";
    for (const auto& [key, value] : state) {
      const std::string_view name = key;
      const std::string at = fmt::format("{}/{}", location, name);
      if (listed(nested, name)) continue;
      if (jsonata) {
        queries(value, at);
      } else if (name.ends_with("Path")) {
        path(name, value, at);
      } else {
        paths(value, at);
      }
    }
  }

  void path(std::string_view name, const json::value& value, const std::string& location) {
    if (value.is_null()) return;
    if (!value.is_string()) return error("Expected value of type String", location);
    const std::string_view text(value.get_string());
    const bool call = (name == "ErrorPath" || name == "CausePath") && text.starts_with("States.");
    if (call ? !Expression::parse(text).has_value() : !text.starts_with('$'))
      return error("Value is not a valid JSONPath", location);
    if (call) return;
    const auto reference = Reference::parse(text);
    if (!reference) return error("Value is not a valid JSONPath", location);
    const bool context = reference->root == Reference::Root::Context;
    if (name == "ResultPath" ? !reference->path.reference() || context
                             : listed(map_numbers, name) && context)
      error("Value is not a Reference Path", location);
  }

  // --- States -----------------------------------------------------------------------------------

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
    if (!listed(known->actions, action))
      error(fmt::format("The resource provided {} is not recognized. The value is not a valid "
                        "resource ARN, or the resource is not available in this region.",
                        text),
            at);
  }

  void task(const json::object& state, const std::string& location) {
    resource(state, location);
    const json::string* arn = find_string(state, "Resource");
    const auto called = arn ? parse_resource(std::string_view(*arn)) : Result<TaskResource>();
    if (served && called && !served(*called))
      warn(
          "KIBAN_NOT_SERVED",
          fmt::format("kiban does not serve {}: unless it is mocked, the state fails", called->arn),
          location + "/Resource");
    const json::object* credentials = find_object(state, "Credentials");
    if (credentials && !credentials->contains("RoleArn") && !credentials->contains("RoleArn.$"))
      error("The field 'RoleArn' is required but was missing", location + "/Credentials");
  }

  void wait(const json::object& state, const std::string& location) {
    const json::string* at = find_string(state, "Timestamp");
    if (at && !query_text(std::string_view(*at)) && !is_timestamp(*at))
      error("String does not match RFC3339 timestamp", location + "/Timestamp");
  }

  void pass(const json::object& state, const std::string& location) {
    const json::object* result = find_object(state, "Result");
    for (const auto& member : result ? *result : json::object{}) {
      if (std::string_view(member.key()).ends_with(".$"))
        warn("PASS_RESULT_IS_STATIC",
             fmt::format("The Result of a Pass state is taken as it stands: '{}' is no path here",
                         std::string_view(member.key())),
             fmt::format("{}/Result/{}", location, std::string_view(member.key())));
    }
  }

  void label(const json::object& state, const std::string& location) {
    const json::string* label = find_string(state, "Label");
    if (!label) return;
    if (const auto bad = forbidden_in_label(*label))
      error(fmt::format("Label contains invalid character: '{}'", *bad), location + "/Label");
    if (label->size() > 40) error("Label cannot exceed 40 characters", location + "/Label");
    if (!labels.insert(kiban::to_string(*label)).second)
      error(fmt::format("The label '{}' is given more than once", std::string_view(*label)),
            location + "/Label", "DUPLICATE_LABEL_NAME");
  }

  void map_part(const json::object* part, const std::string& location, bool jsonata) {
    if (!part) return;
    numbers(*part, location);
    language_fields(*part, jsonata, location);
    for (const auto& [name, value] : *part) {
      if (!jsonata && listed(map_numbers, name))
        path(name, value, fmt::format("{}/{}", location, std::string_view(name)));
    }
  }

  void map(const json::object& state, const std::string& location, bool jsonata) {
    label(state, location);
    map_part(find_object(state, "ItemBatcher"), location + "/ItemBatcher", jsonata);
    const json::object* reader = find_object(state, "ItemReader");
    map_part(reader ? find_object(*reader, "ReaderConfig") : nullptr,
             location + "/ItemReader/ReaderConfig", jsonata);
    for (const char* name : {"ItemProcessor", "Iterator"}) {
      const json::object* inner = find_object(state, name);
      if (!inner) continue;
      const std::string at = fmt::format("{}/{}", location, name);
      if (inner->contains("QueryLanguage")) error("Field 'QueryLanguage' is not supported", at);
      const MachineType outer = type;
      const json::object* config = find_object(*inner, "ProcessorConfig");
      const json::string* kind = config ? find_string(*config, "ExecutionType") : nullptr;
      if (kind) type = *kind == "EXPRESS" ? MachineType::Express : MachineType::Standard;
      region(*inner, at);
      type = outer;
      return;
    }
    require(state, {"ItemProcessor"}, location);
  }

  void choice(const json::object& state, const std::string& location, bool jsonata) {
    require(state, {"Choices"}, location);
    const json::array* rules = find_array(state, "Choices");
    for (std::size_t i = 0; rules && i < rules->size(); ++i) {
      const std::string at = fmt::format("{}/Choices[{}]", location, i);
      const json::object* rule = (*rules)[i].if_object();
      if (!rule) {
        error("Expected value of type Object", at);
        continue;
      }
      require(*rule, {"Next"}, at);
      language_fields(*rule, jsonata, at);
      if (!jsonata) {
        if (const json::value* assign = find(*rule, "Assign")) paths(*assign, at + "/Assign");
        continue;
      }
      for (const char* name : {"Condition", "Assign", "Output"}) {
        if (const json::value* value = find(*rule, name))
          queries(*value, fmt::format("{}/{}", at, name));
      }
    }
  }

  void handlers(const json::object& state, const std::string& location, bool jsonata) {
    for (const char* list : {"Retry", "Catch"}) {
      const json::array* all = find_array(state, list);
      for (std::size_t i = 0; all && i < all->size(); ++i) {
        const std::string at = fmt::format("{}/{}[{}]", location, list, i);
        const json::object* one = (*all)[i].if_object();
        if (!one) {
          error("Expected value of type Object", at);
          continue;
        }
        if (*list == 'R') {
          require(*one, {"ErrorEquals"}, at);
          continue;
        }
        require(*one, {"ErrorEquals", "Next"}, at);
        language_fields(*one, jsonata, at);
        for (const char* name : {"Assign", "Output"}) {
          const json::value* value = find(*one, name);
          if (!value) continue;
          const std::string where = fmt::format("{}/{}", at, name);
          jsonata ? queries(*value, where) : paths(*value, where);
        }
        if (const json::value* result = find(*one, "ResultPath"); result && !jsonata)
          path("ResultPath", *result, at + "/ResultPath");
      }
    }
  }

  // Reported: anything but exactly "JSONPath" counts as JSONata, besides being told.
  bool language(const json::object& from, bool outer, const std::string& location) {
    const json::value* language = find(from, "QueryLanguage");
    if (!language) return outer;
    const json::string* text = language->if_string();
    if (!text || (*text != "JSONata" && *text != "JSONPath"))
      error("The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
            location + "/QueryLanguage");
    return !text || *text != "JSONPath";
  }

  void state(const json::object& fields, const std::string& location) {
    const json::string* kind = find_string(fields, "Type");
    if (!kind) return require(fields, {"Type"}, location);
    if (std::ranges::find(types, std::string_view(*kind)) == types.end())
      return error(fmt::format("The field 'Type' should have one of these values: [{}]",
                               fmt::join(types, ", ")),
                   location + "/Type");
    const bool jsonata = language(fields, machine_jsonata, location);
    if (machine_jsonata && !jsonata)
      error("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            location);
    for (const auto& member : fields) {
      const std::string_view name = member.key();
      if (!listed(fields_of(*kind), name) && !listed(" Type Comment QueryLanguage ", name))
        error(fmt::format("Field '{}' is not supported", name), location);
    }
    language_fields(fields, jsonata, location);
    numbers(fields, location);
    expressions(fields, jsonata, location);
    handlers(fields, location, jsonata);
    if (*kind == "Task") return task(fields, location);
    if (*kind == "Wait") return wait(fields, location);
    if (*kind == "Pass") return pass(fields, location);
    if (*kind == "Map") return map(fields, location, jsonata);
    if (*kind == "Choice") return choice(fields, location, jsonata);
    if (*kind != "Parallel") return;
    require(fields, {"Branches"}, location);
    const json::array* branches = find_array(fields, "Branches");
    for (std::size_t i = 0; branches && i < branches->size(); ++i) {
      if ((*branches)[i].is_object())
        region((*branches)[i].get_object(), fmt::format("{}/Branches[{}]", location, i));
    }
  }

  // --- Transitions ------------------------------------------------------------------------------

  // The states that this one leads to, each with where that is said.
  using Targets = std::vector<std::pair<std::string, std::string>>;
  static Targets targets(const json::object& state, const std::string& location) {
    Targets out;
    const auto add = [&](const json::object& from, std::string_view name, std::string where) {
      if (const json::string* next = find_string(from, name))
        out.emplace_back(kiban::to_string(*next), std::move(where));
    };
    add(state, "Next", location + "/Next");
    for (const char* list : {"Choices", "Catch"}) {
      const json::array* all = find_array(state, list);
      for (std::size_t i = 0; all && i < all->size(); ++i) {
        if ((*all)[i].is_object())
          add((*all)[i].get_object(), "Next", fmt::format("{}/{}[{}]/Next", location, list, i));
      }
    }
    add(state, "Default", location + "/Default");
    return out;
  }

  static bool terminal(const json::object& state) {
    const json::string* kind = find_string(state, "Type");
    if (kind && (*kind == "Succeed" || *kind == "Fail")) return true;
    const json::value* end = find(state, "End");
    return end && end->is_bool() && end->get_bool();
  }

  // Reported: a missing target is "Next" whatever the field; without a terminal state nothing is
  // said of unreachable ones.
  void transitions(const json::object& region, const json::object& states,
                   const std::string& location) {
    const auto lost = [&](std::string message, std::string where) {
      graph.push_back({.code = "MISSING_TRANSITION_TARGET",
                       .message = std::move(message),
                       .location = std::move(where)});
    };
    std::map<std::string, Targets, std::less<>> leads;
    bool ends = false;
    const json::string* start = find_string(region, "StartAt");
    if (start && !states.contains(*start))
      lost(fmt::format("Missing 'StartAt' target: {}", std::string_view(*start)),
           location + "/StartAt");
    for (const auto& [name, value] : states) {
      const std::string at = fmt::format("{}/States/{}", location, std::string_view(name));
      Targets next = targets(value.get_object(), at);
      for (const auto& [target, where] : next) {
        if (!states.contains(target)) lost(fmt::format("Missing 'Next' target: {}", target), where);
      }
      ends = ends || terminal(value.get_object());
      leads.emplace(std::string(name), std::move(next));
    }
    if (!ends) {
      graph.push_back({.code = "MISSING_END_STATE", .message = "Workflow has no terminal state"});
      return;
    }
    if (!start || !states.contains(*start)) return;
    std::set<std::string, std::less<>> reached{kiban::to_string(*start)};
    std::vector<std::string> open{kiban::to_string(*start)};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      for (const auto& [target, where] : leads[name]) {
        if (reached.insert(target).second) open.push_back(target);
      }
    }
    for (const auto& member : states) {
      const std::string_view name = member.key();
      if (!reached.contains(name))
        lost(fmt::format("State \"{}\" is not reachable.", name),
             fmt::format("{}/States/{}", location, name));
    }
  }

  void region(const json::object& fields, const std::string& location) {
    if (++depth > region_depth_max)
      return error("The states are nested too deeply", location, "TOO_DEEPLY_NESTED");
    require(fields, {"StartAt", "States"}, location);
    if (const json::object* states = find_object(fields, "States")) {
      bool objects = true;
      for (const auto& [name, value] : *states) {
        const std::string at = fmt::format("{}/States/{}", location, std::string_view(name));
        if (value.is_object()) {
          state(value.get_object(), at);
        } else {
          objects = false;
          error("Expected value of type Object", at);
        }
      }
      if (objects) transitions(fields, *states, location);
    }
    --depth;
  }
};

}  // namespace

std::vector<Diagnostic> check_machine(const json::object& definition, MachineType type,
                                      const Served& served) {
  Validator validator{.type = type, .served = served};
  validator.machine_jsonata = validator.language(definition, false, "");
  validator.numbers(definition, "");
  validator.region(definition, "");
  const bool bad = std::ranges::any_of(
      validator.found, [](const Diagnostic& one) { return one.severity == Severity::Error; });
  if (!bad) {
    validator.found.insert(validator.found.begin(), validator.graph.begin(), validator.graph.end());
  }
  return std::move(validator.found);
}

}  // namespace kiban::asl
