// Sources: "recorded" is the recordings of AWS; "reported" is what users quote of AWS's answers, in
// github.com/floci-io/floci/issues/2670, 2735, 2745, 2968 and 3733,
// localstack/localstack/pull/12487 and aws-cloudformation/cfn-lint/issues/4075; "measured" is what
// github.com/badmintoncryer/cdk-preflight (rules/stepfunctions) quotes of
// ValidateStateMachineDefinition; the fields of each state are
// docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html and states-language.net.
#include "asl/validate_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <span>

#include "asl/optimised.h"
#include "asl/program.h"
#include "asl/query_jsonata.h"
#include "asl/validate_tables.h"
#include "jsonata/readings.h"

namespace kiban::asl {
namespace {

using namespace tables;

// "State names must be unique [...] must not exceed 80 Unicode characters".
// https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
constexpr std::size_t state_name_max = 80;

std::size_t utf16_length(std::string_view text) {
  std::size_t length = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    length += byte >= 0xF0 ? 2 : (byte & 0xC0) != 0x80 ? 1 : 0;
  }
  return length;
}

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
  const Answers& answer;
  bool machine_jsonata{false};
  bool in_catcher{false};
  std::vector<Diagnostic> found{};
  std::vector<Diagnostic> graph{};  // Reported only when every state is valid by itself.
  std::set<std::string, std::less<>> labels{};
  std::set<std::string, std::less<>> state_names{};
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

  // Exactly one of the names. Measured.
  void one_of(const json::object& from, std::span<const std::string_view> names,
              const std::string& location) {
    const auto given =
        std::ranges::count_if(names, [&](std::string_view name) { return from.contains(name); });
    if (given == 1) return;
    error(fmt::format("{} only {}one of the following fields: [{}]",
                      given == 0 ? "This object should have" : "There should",
                      given == 0 ? "" : "be ", fmt::join(names, ", ")),
          location);
  }
  void one_of(const json::object& from, std::initializer_list<std::string_view> names,
              const std::string& location) {
    one_of(from, std::span(names.begin(), names.size()), location);
  }

  void value_among(const json::object& from, std::string_view name,
                   std::initializer_list<std::string_view> values, const std::string& location) {
    const json::string* value = find_string(from, name);
    if (value && std::ranges::find(values, std::string_view(*value)) == values.end())
      error(fmt::format("Value should be one of the following: [{}]", fmt::join(values, ", ")),
            fmt::format("{}/{}", location, name));
  }

  void supported(const json::object& from, std::string_view names, const std::string& location) {
    for (const auto& member : from) {
      const std::string_view name = member.key();
      if (!listed(names, name)) error(fmt::format("Field '{}' is not supported", name), location);
    }
  }

  // Reported for Map's numbers.
  void only_one(const json::object& from, std::string_view name, const std::string& location) {
    const std::string path = fmt::format("{}Path", name);
    if (from.contains(name) && from.contains(path))
      error(fmt::format("There should only be one of the following fields: [{}, {}]", name, path),
            location);
  }

  void numbers(const json::object& from, bool jsonata, const std::string& location,
               std::span<const Range> which = ranges) {
    for (const Range& range : which) {
      only_one(from, range.name, location);
      const json::value* value = find(from, range.name);
      if (!value) continue;
      const bool real = range.name == "ToleratedFailurePercentage" || range.name == "BackoffRate";
      const std::string at = fmt::format("{}/{}", location, range.name);
      if (!value->is_number()) {
        const json::string* text = jsonata ? value->if_string() : nullptr;
        if (!text || !query_text(std::string_view(*text)))
          error(fmt::format("Expected value of type {}", real ? "Float" : "Integer"), at);
        continue;
      }
      const auto shown = [&](double bound) {
        return real ? fmt::format("{:.1f}", bound) : fmt::format("{:.0f}", bound);
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

  // Reported of AWS: github.com/anomalyco/sst/issues/6110 quotes the words,
  // floci-io/floci/issues/2745 the kind. Only a catcher's own Output and Assign have an error
  // output.
  void query(std::string_view text, const std::string& location) {
    const auto inner = query_text(text);
    if (!inner) return;
    const auto parsed = jsonata::parse(*inner);
    if (!parsed) return error(parsed.error().message, location, "INVALID_JSONATA_EXPRESSION");
    const jsonata::Readings read = jsonata::readings(**parsed);
    for (const std::string& field : read.fields)
      error(fmt::format("Reference to '{}' at the top level is not supported.", field), location,
            "UNSUPPORTED_JSONATA_EXPRESSION");
    if (read.error_output && !in_catcher)
      error("Field '$states.errorOutput' does not exist.", location,
            "UNSUPPORTED_JSONATA_EXPRESSION");
    if (read.document)
      error("Reference to '$$' is not supported.", location, "UNSUPPORTED_JSONATA_EXPRESSION");
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
      return error("Value must be a valid JSONPath.", location);
    if (call) return;
    const auto reference = Reference::parse(text);
    if (!reference) return error("Value must be a valid JSONPath.", location);
    const bool context = reference->root == Reference::Root::Context;
    if (name == "ResultPath" ? !reference->path.reference() || context
                             : listed(map_numbers, name) && context)
      error("Value is not a Reference Path", location);
  }

  // --- States -----------------------------------------------------------------------------------

  void resource(const json::object& state, bool jsonata, const std::string& location) {
    const json::string* value = find_string(state, "Resource");
    if (!value) return require(state, {"Resource"}, location);
    const std::string text = kiban::to_string(*value);
    const std::string at = location + "/Resource";
    const bool express = type == MachineType::Express;
    if (express && text.find(":states:") != std::string::npos &&
        text.find(":activity:") != std::string::npos)
      error("Express state machine does not support Activity ARN", at);
    if (express) {
      // The space at the end is AWS's, of this pattern alone. Recorded.
      for (const std::string_view pattern : {".waitForTaskToken", ".sync", ".sync:2"}) {
        if (text.ends_with(pattern))
          error(fmt::format("Express state machine does not support '{}' service integration{}",
                            pattern, pattern == ".waitForTaskToken" ? " " : ""),
                at);
      }
    }
    if (!text.starts_with("arn:")) return error("Value is not a valid resource ARN", at);
    const auto called = parse_resource(text);
    const bool function = called && called->kind == TaskKind::Lambda;
    if (!called ||
        (called->kind == TaskKind::Integration && (!recognised(*called) || unknown(*called))) ||
        (function && !text.contains(":lambda:")))
      return error(fmt::format("The resource provided {} is not recognized. The value is not a "
                               "valid resource ARN, or the resource is not available in this "
                               "region.",
                               text),
                   at);
    if (called->kind == TaskKind::Integration) {
      integration(*called, state, jsonata, location);
    } else if (!function && state.contains("Credentials")) {
      error("The field 'Credentials' is not supported for activities", location);
    }
  }

  bool unknown(const TaskResource& called) const {
    return answer && answer(called) == Answer::NoSuchOperation;
  }

  // Measured.
  void integration(const TaskResource& called, const json::object& state, bool jsonata,
                   const std::string& location) {
    const std::string_view field = jsonata ? "Arguments" : "Parameters";
    const json::value* given = find(state, field);
    if (!given)
      return error(fmt::format("{} field is required for resource ARN: {}", field, called.arn),
                   location);
    const json::object* parameters = given->if_object();
    std::string_view names = required_parameters(called);
    while (parameters && names.size() > 1) {
      const std::string_view name = names.substr(1, names.find(' ', 1) - 1);
      names.remove_prefix(name.size() + 1);
      if (!parameters->contains(name) && !parameters->contains(fmt::format("{}.$", name)))
        error(fmt::format("The field '{}' is required but was missing", name),
              fmt::format("{}/{}", location, field));
    }
  }

  void task(const json::object& state, bool jsonata, const std::string& location) {
    resource(state, jsonata, location);
    const json::string* arn = find_string(state, "Resource");
    const auto called = arn ? parse_resource(std::string_view(*arn)) : Result<TaskResource>();
    if (answer && called && answer(*called) == Answer::NotServed)
      warn(
          std::string(not_served),
          fmt::format("kiban does not serve {}: unless it is mocked, the state fails", called->arn),
          location + "/Resource");
    const json::object* credentials = find_object(state, "Credentials");
    if (credentials && !credentials->contains("RoleArn") && !credentials->contains("RoleArn.$"))
      error("The field 'RoleArn' is required but was missing", location + "/Credentials");
  }

  void wait(const json::object& state, bool jsonata, const std::string& location) {
    one_of(state, {"SecondsPath", "Seconds", "TimestampPath", "Timestamp"}, location);
    numbers(state, jsonata, location, wait_ranges);
    const json::string* at = find_string(state, "Timestamp");
    // Recorded: test_wait_timestamp_invalid[JSONATA], of a machine without a query language.
    const bool query = at && jsonata && query_text(std::string_view(*at));
    if (at && !query && !is_timestamp(*at))
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
    numbers(*part, jsonata, location);
    language_fields(*part, jsonata, location);
    for (const auto& [name, value] : *part) {
      if (!jsonata && listed(map_numbers, name))
        path(name, value, fmt::format("{}/{}", location, std::string_view(name)));
    }
  }

  void map(const json::object& state, const std::string& location, bool jsonata) {
    label(state, location);
    const json::object* batcher = find_object(state, "ItemBatcher");
    map_part(batcher, location + "/ItemBatcher", jsonata);
    if (batcher) item_batcher(*batcher, location + "/ItemBatcher");
    if (const json::object* writer = find_object(state, "ResultWriter"))
      result_writer(*writer, location + "/ResultWriter");
    const json::object* reader = find_object(state, "ItemReader");
    one_of(state, {"ItemProcessor", "Iterator"}, location);
    if (reader) item_reader(*reader, location + "/ItemReader");
    // Quoted of AWS in github.com/aws/aws-cdk/issues/33396.
    for (const char* name : {"ItemReader", "ResultWriter"}) {
      const json::object* part = find_object(state, name);
      const std::string at = fmt::format("{}/{}", location, name);
      if (part && jsonata && part->contains("Resource")) require(*part, {"Arguments"}, at);
      if (part) language_fields(*part, jsonata, at);
    }
    map_part(reader ? find_object(*reader, "ReaderConfig") : nullptr,
             location + "/ItemReader/ReaderConfig", jsonata);
    for (const char* name : {"ItemProcessor", "Iterator"}) {
      const json::object* inner = find_object(state, name);
      if (!inner) continue;
      const std::string at = fmt::format("{}/{}", location, name);
      processor_config(*inner, at);
      if (!distributed(*inner)) inline_only(state, location);
      if (inner->contains("QueryLanguage")) error("Field 'QueryLanguage' is not supported", at);
      const MachineType outer = type;
      const json::object* config = find_object(*inner, "ProcessorConfig");
      const json::string* kind = config ? find_string(*config, "ExecutionType") : nullptr;
      if (kind) type = *kind == "EXPRESS" ? MachineType::Express : MachineType::Standard;
      region(*inner, at);
      type = outer;
      return;
    }
  }

  static bool distributed(const json::object& processor) {
    const json::object* config = find_object(processor, "ProcessorConfig");
    const json::string* mode = config ? find_string(*config, "Mode") : nullptr;
    return mode && *mode == "DISTRIBUTED";
  }

  // These belong to distributed Maps, says the page; the words are those of other fields.
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
  void inline_only(const json::object& state, const std::string& location) {
    for (const char* name : {"ItemReader", "ItemBatcher", "ResultWriter"}) {
      if (state.contains(name)) error(fmt::format("Field '{}' is not supported", name), location);
    }
  }

  // "You must specify one of these values to batch items."
  // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
  void item_batcher(const json::object& batcher, const std::string& at) {
    for (const char* name : {"MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch",
                             "MaxInputBytesPerBatchPath"}) {
      if (batcher.contains(name)) return;
    }
    error(
        "This object should have at least one of the following fields: [MaxItemsPerBatch, "
        "MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]",
        at);
  }

  // An empty one is taken and fails when it runs: github.com/aws/aws-cdk/pull/33831.
  // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
  void result_writer(const json::object& writer, const std::string& at) {
    const json::string* resource = find_string(writer, "Resource");
    if (resource && !std::string_view(*resource).ends_with(":states:::s3:putObject"))
      error("The field 'Resource' does not match any of the allowed values", at + "/Resource");
    const json::object* config = find_object(writer, "WriterConfig");
    if (!config) return;
    value_among(*config, "Transformation", {"NONE", "COMPACT", "FLATTEN"}, at + "/WriterConfig");
    value_among(*config, "OutputType", {"JSON", "JSONL"}, at + "/WriterConfig");
  }

  // Measured.
  void processor_config(const json::object& processor, const std::string& at) {
    const json::object* config = find_object(processor, "ProcessorConfig");
    if (!config) return;
    const std::string location = at + "/ProcessorConfig";
    const json::string* mode = find_string(*config, "Mode");
    const bool far = mode && *mode == "DISTRIBUTED";
    if (far && type == MachineType::Express)
      error(
          "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state "
          "machines",
          location + "/Mode");
    value_among(*config, "Mode", {"INLINE", "DISTRIBUTED"}, location);
    if (far)
      require(*config, {"ExecutionType"}, location);
    else if (config->contains("ExecutionType"))
      return error("Field 'ExecutionType' is not supported", location);
    value_among(*config, "ExecutionType", {"STANDARD", "EXPRESS"}, location);
  }

  // Measured.
  void item_reader(const json::object& reader, const std::string& at) {
    const json::string* resource = find_string(reader, "Resource");
    if (resource && !std::string_view(*resource).ends_with(":states:::s3:getObject") &&
        !std::string_view(*resource).ends_with(":states:::s3:listObjectsV2"))
      error("The field 'Resource' does not match any of the allowed values", at + "/Resource");
    const json::object* config = find_object(reader, "ReaderConfig");
    if (!config) return;
    const std::string location = at + "/ReaderConfig";
    const json::string* kind = find_string(*config, "InputType");
    const json::string* header = find_string(*config, "CSVHeaderLocation");
    if (kind && *kind == "CSV" && !header)
      error("The field 'CSVHeaderLocation' is required", location);
    if (kind && *kind == "JSON" && header)
      error("Field 'CSVHeaderLocation' is not supported", location);
    if (header && *header == "GIVEN") require(*config, {"CSVHeaders"}, location);
    reader_values(*config, location);
  }

  // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
  void reader_values(const json::object& config, const std::string& location) {
    value_among(config, "InputType", {"CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"}, location);
    value_among(config, "CSVDelimiter", {"COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"}, location);
    value_among(config, "CSVHeaderLocation", {"FIRST_ROW", "GIVEN"}, location);
    value_among(config, "Transformation", {"NONE", "LOAD_AND_FLATTEN"}, location);
    value_among(config, "ManifestType", {"ATHENA_DATA", "S3_INVENTORY"}, location);
    const json::string* transformation = find_string(config, "Transformation");
    // "When set to LOAD_AND_FLATTEN, you must also set InputType."
    if (transformation && *transformation == "LOAD_AND_FLATTEN")
      require(config, {"InputType"}, location);
    // "If set to S3_INVENTORY, you must not also specify InputType".
    const json::string* manifest = find_string(config, "ManifestType");
    if (manifest && *manifest == "S3_INVENTORY" && config.contains("InputType"))
      error("Field 'InputType' is not supported", location);
  }

  void choice(const json::object& state, const std::string& location, bool jsonata) {
    require(state, {"Choices"}, location);
    const json::array* rules = find_array(state, "Choices");
    if (rules && rules->empty()) error("Value cannot be empty", location + "/Choices");
    for (std::size_t i = 0; rules && i < rules->size(); ++i) {
      const std::string at = fmt::format("{}/Choices[{}]", location, i);
      const json::object* rule = (*rules)[i].if_object();
      if (!rule) {
        error("Expected value of type Object", at);
        continue;
      }
      require(*rule, {"Next"}, at);
      language_fields(*rule, jsonata, at);
      if (const json::value* assign = find(*rule, "Assign")) variables(*assign, at + "/Assign");
      if (!jsonata) {
        if (!rule->contains("Condition")) condition(*rule, at, 0);
        if (const json::value* assign = find(*rule, "Assign")) paths(*assign, at + "/Assign");
        continue;
      }
      for (const char* name : {"Condition", "Assign", "Output"}) {
        if (const json::value* value = find(*rule, name))
          queries(*value, fmt::format("{}/{}", at, name));
      }
    }
  }

  // A rule, or a condition within its And, Or and Not. Measured.
  void condition(const json::object& rule, const std::string& at, std::size_t nested) {
    if (nested > region_depth_max) return;
    if (nested > 0 && rule.contains("Next")) error("Field 'Next' is not supported", at);
    static constexpr std::string_view selectors[] = {"And", "Or", "Not", "Variable"};
    if (std::ranges::count_if(selectors, [&](auto name) { return rule.contains(name); }) != 1)
      return error(
          "The object must have only one of the following fields, [And, Or, Not, "
          "Variable, Condition]",
          at);
    for (const char* list : {"And", "Or"}) {
      const json::array* parts = find_array(rule, list);
      if (parts && parts->empty()) error("Value cannot be empty", fmt::format("{}/{}", at, list));
      for (std::size_t i = 0; parts && i < parts->size(); ++i) {
        if ((*parts)[i].is_object())
          condition((*parts)[i].get_object(), fmt::format("{}/{}[{}]", at, list, i), nested + 1);
      }
    }
    if (const json::object* part = find_object(rule, "Not"))
      condition(*part, at + "/Not", nested + 1);
    if (!rule.contains("Variable")) return;
    one_of(rule, comparisons, at);
    for (const auto& [key, value] : rule) {
      const std::string_view name = key;
      const bool path = name == "Variable" || (name.ends_with("Path") && name != "ResultPath");
      const std::string where = fmt::format("{}/{}", at, name);
      const json::string* text = value.if_string();
      if (path && text && !text->starts_with('$'))
        error("Value is not a Reference Path: Reference path didn't start with '$'", where);
      else if (path && (!text || !Reference::parse(std::string_view(*text))))
        error("Value is not a Reference Path", where);
      else if (!path && name.starts_with("Timestamp") && !(text && is_timestamp(*text)))
        error("String does not match RFC3339 timestamp", where);
    }
  }

  // The names that an Assign gives. Measured.
  void variables(const json::value& assign, const std::string& at) {
    const json::object* names = assign.if_object();
    for (const auto& member : names ? *names : json::object{}) {
      std::string_view name = member.key();
      if (name.ends_with(".$")) name.remove_suffix(2);
      const std::string where = fmt::format("{}/{}", at, std::string_view(member.key()));
      const auto letter = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return std::isalpha(byte) != 0 || byte >= 0x80;
      };
      const bool good = !name.empty() && letter(name[0]) && std::ranges::all_of(name, [&](char c) {
        return letter(c) || c == '_' || (c >= '0' && c <= '9');
      });
      if (name == "states")
        error("Cannot assign to reserved variable '$states'.", where, "RESERVED_VARIABLE_NAME");
      else if (!good)
        error(fmt::format("Invalid variable name '{}': the variable name contains invalid "
                          "characters.",
                          name),
              where, "INVALID_VARIABLE_NAME");
    }
  }

  // Measured.
  void error_names(const json::object& handler, bool last, const std::string& at) {
    const json::array* names = find_array(handler, "ErrorEquals");
    if (!names) return;
    if (names->empty()) return error("Value cannot be empty", at + "/ErrorEquals");
    const bool all = std::ranges::find(*names, json::value("States.ALL")) != names->end();
    if (all && (!last || names->size() > 1))
      error("States.ALL must appear alone and at end of list", at + "/ErrorEquals");
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
        error_names(*one, i + 1 == all->size(), at);
        if (*list == 'R') {
          require(*one, {"ErrorEquals"}, at);
          numbers(*one, false, at, retry_ranges);
          value_among(*one, "JitterStrategy", {"NONE", "FULL"}, at);
          continue;
        }
        require(*one, {"ErrorEquals", "Next"}, at);
        if (const json::value* assign = find(*one, "Assign")) variables(*assign, at + "/Assign");
        language_fields(*one, jsonata, at);
        for (const char* name : {"Assign", "Output"}) {
          const json::value* value = find(*one, name);
          if (!value) continue;
          const std::string where = fmt::format("{}/{}", at, name);
          in_catcher = true;
          jsonata ? queries(*value, where) : paths(*value, where);
          in_catcher = false;
        }
        if (const json::value* result = find(*one, "ResultPath"); result && !jsonata)
          path("ResultPath", *result, at + "/ResultPath");
      }
    }
  }

  // Reported: anything but exactly "JSONPath" counts as JSONata, besides having a diagnostic.
  bool language(const json::object& from, bool outer, const std::string& location) {
    const json::value* language = find(from, "QueryLanguage");
    if (!language) return outer;
    const json::string* text = language->if_string();
    if (!text || (*text != "JSONata" && *text != "JSONPath"))
      error("The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
            location + "/QueryLanguage");
    return !text || *text != "JSONPath";
  }

  // Measured.
  void leaving(const json::object& fields, const std::string& location) {
    const json::value* end = find(fields, "End");
    const bool ends = end && end->is_bool() && end->get_bool();
    if (fields.contains("Next") == ends)
      error(fmt::format("{} only {}one of the following fields: [Next, End]",
                        ends ? "There should" : "This object should have", ends ? "be " : ""),
            location);
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
    supported(fields, fmt::format("{}Type Comment QueryLanguage ", fields_of(*kind)), location);
    if (listed(fields_of(*kind), "Next")) leaving(fields, location);
    if (const json::value* assign = find(fields, "Assign"))
      variables(*assign, location + "/Assign");
    for (const char* name : {"Error", "Cause"}) {
      only_one(fields, name, location);
      const json::string* text = find_string(fields, name);
      if (!jsonata && text && looks_like_path(std::string_view(*text)))
        warn("NO_PATH",
             fmt::format("The value of '{0}' looks like a JSONPath, but the name is not '{0}Path': "
                         "it is taken as it stands",
                         name),
             fmt::format("{}/{}", location, name));
    }
    language_fields(fields, jsonata, location);
    numbers(fields, jsonata, location);
    expressions(fields, jsonata, location);
    handlers(fields, location, jsonata);
    if (*kind == "Task") return task(fields, jsonata, location);
    if (*kind == "Wait") return wait(fields, jsonata, location);
    if (*kind == "Pass") return pass(fields, location);
    if (*kind == "Map") return map(fields, location, jsonata);
    if (*kind == "Choice") return choice(fields, location, jsonata);
    if (*kind != "Parallel") return;
    require(fields, {"Branches"}, location);
    const json::array* branches = find_array(fields, "Branches");
    // Recorded: test_parallel_state_empty_branches.
    if (branches && branches->empty()) error("Value cannot be empty", location + "/Branches");
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

  // Reported: a missing target is "Next" for every field; without a terminal state there are no
  // diagnostics for unreachable states.
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
    // In this order. Recorded: test_validate_state_machine_definition_not_a_definition[EMPTY_DICT].
    require(fields, {"States", "StartAt"}, location);
    if (const json::object* states = find_object(fields, "States")) {
      bool objects = true;
      for (const auto& [name, value] : *states) {
        const std::string at = fmt::format("{}/States/{}", location, std::string_view(name));
        // Names are the whole machine's. Quoted by users of Step Functions Local.
        if (utf16_length(name) > state_name_max)
          error(
              fmt::format("State name exceeds the maximum length of {} characters", state_name_max),
              at);
        if (!state_names.insert(kiban::to_string(json::string(name))).second)
          error(fmt::format("Duplicate State name: {}", std::string_view(name)), at,
                "DUPLICATE_STATE_NAME");
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
                                      const Answers& answer) {
  Validator validator{.type = type, .answer = answer};
  validator.machine_jsonata = validator.language(definition, false, "");
  // Measured: no time limit may be 0, but the machine's.
  static constexpr Range limit[] = {{"TimeoutSeconds", 0, 99'999'999}};
  validator.numbers(definition, false, "", limit);
  validator.supported(definition, " Comment QueryLanguage StartAt TimeoutSeconds Version States ",
                      "/");
  validator.value_among(definition, "Version", {"1.0"}, "");
  validator.region(definition, "");
  const bool bad = std::ranges::any_of(
      validator.found, [](const Diagnostic& one) { return one.severity == Severity::Error; });
  if (!bad) {
    validator.found.insert(validator.found.begin(), validator.graph.begin(), validator.graph.end());
  }
  return std::move(validator.found);
}

}  // namespace kiban::asl
