// What `kiban iam prove` runs: a file that names the data, the roles and the steps.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/time.h"
#include "iam/report/usage.h"

namespace kiban::cli {

struct Step {
  enum class Kind { Start, Stop, Ended, Update, Advance, Call, PutEvents, Deploy };
  Kind kind{Kind::Start};
  std::string name{};       // Of a state machine, or a stack.
  std::string expect{};     // A status; of start RUNNING: it is not waited for.
  std::string error{};      // Of the execution or the call; empty: any, of a call none.
  std::string until{};      // Of start: an event of its history, such as TaskSubmitted.
  json::value input{};      // Of start, call and put-events.
  std::string service{};    // Of call.
  std::string operation{};  // Of call.
  Duration duration{};      // Of advance.
  std::string file{};       // Of deploy: the template.
  json::object parameters{};

  std::string words() const;
};

struct Scenario {
  std::string data{};      // Copied; empty: it begins with nothing.
  std::string key_file{};  // Of its rows; empty: `key` in it.
  std::string tasks{"process"};
  std::string source{};  // Where processes of tasks run.
  std::string account{};
  std::string region{};
  std::vector<std::string> stacks{};  // Whose roles are proved,
  std::vector<std::string> roles{};   // and these, by name.
  std::vector<Step> setup{};          // Once.
  std::vector<Step> steps{};          // In each run.
  std::vector<iam::report::Exception> allow{};
};

// `folder` is where relative paths begin: that of the file. Error InvalidScenario names the member
// or step.
Result<Scenario> parse_scenario(const json::value& tree, const std::string& folder);

}  // namespace kiban::cli
