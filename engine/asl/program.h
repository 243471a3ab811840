// A compiled definition: all states of all regions (the machine, branches, item processors) in one
// array, transitions as indices into it, every path, template and expression parsed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "asl/choice.h"
#include "asl/interpreter.h"
#include "asl/query.h"

namespace kiban::asl {

constexpr std::size_t no_state = static_cast<std::size_t>(-1);
constexpr std::size_t region_depth_max = 64;  // Our own bound on Map in Parallel in Map...

enum class StateType : std::uint8_t { Pass, Task, Choice, Wait, Succeed, Fail, Parallel, Map };

// InputPath and its kin: absent ($), null, or a path.
struct PathField {
  bool null{false};
  std::optional<Reference> reference{};
};

// A field given as a constant, as a ...Path, or as a JSONata expression.
struct NumberField {
  std::string name{};  // "TimeoutSeconds"
  std::optional<double> constant{};
  std::optional<Reference> path{};
  std::optional<Template> query{};
  bool given() const { return constant || path || query; }
};
struct TextField {
  std::string name{};
  std::optional<std::string> constant{};
  std::optional<Expression> path{};  // A path or an intrinsic call.
  std::optional<Template> query{};
  bool given() const { return constant || path || query; }
};

struct Retrier {  // The defaults are the specification's.
  std::vector<std::string> error_equals{};
  double interval_seconds{1};
  std::int64_t attempts_max{3};
  double backoff_rate{2.0};
  std::optional<double> delay_max_seconds{};
  bool full_jitter{false};
};

struct Catcher {
  std::vector<std::string> error_equals{};
  std::size_t next{no_state};
  PathField result_path{};
  std::optional<Template> assign{};
  std::optional<Template> output{};
};

struct Rule {
  Condition condition{};            // JSONPath.
  std::optional<Template> query{};  // JSONata.
  std::size_t next{no_state};
  std::optional<Template> assign{};
  std::optional<Template> output{};
};

struct Reader {  // ItemReader, ResultWriter.
  TaskResource resource{};
  std::optional<Template> parameters{};
  json::object config{};
  NumberField items_max{};
};

struct Region {
  std::size_t start{no_state};
};

struct MapFields {
  bool distributed{false};
  MachineType child_type{MachineType::Standard};
  PathField items_path{};
  std::optional<Template> items{};
  std::optional<Template> selector{};
  NumberField concurrency{};
  NumberField tolerated_percentage{};
  NumberField tolerated_count{};
  std::optional<Reader> reader{};
  std::optional<Reader> writer{};
  NumberField batch_items{};
  NumberField batch_bytes{};
  std::optional<Template> batch_input{};
  bool batched{false};
  std::string label{};
};

struct State {
  std::string name{};
  StateType type{StateType::Pass};
  Language language{Language::JsonPath};
  std::size_t next{no_state};  // no_state: the end of its region.
  PathField input_path{};
  PathField output_path{};
  PathField result_path{};
  std::optional<Template> parameters{};
  std::optional<Template> arguments{};
  std::optional<Template> result_selector{};
  std::optional<Template> assign{};
  std::optional<Template> output{};
  std::optional<Payload> result{};
  std::vector<Retrier> retry{};
  std::vector<Catcher> caught{};
  // Task
  TaskResource resource{};
  NumberField timeout{};
  NumberField heartbeat{};
  TextField credentials{};
  // Choice
  std::vector<Rule> rules{};
  std::size_t default_next{no_state};
  // Wait
  NumberField seconds{};
  TextField timestamp{};
  std::optional<Reference> timestamp_path{};
  // Fail
  TextField error{};
  TextField cause{};
  // Parallel: its branches; Map: its processor alone.
  std::vector<Region> regions{};
  MapFields map{};
};

class Program {
 public:
  std::vector<State> states{};
  Region root{};
  MachineType type{MachineType::Standard};
  std::optional<double> timeout_seconds{};
  ParametersCheck check{};
  const State* find(std::string_view name) const;
};

std::string_view to_string(StateType type);  // "Pass"

}  // namespace kiban::asl
