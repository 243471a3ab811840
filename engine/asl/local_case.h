// Runs a definition without a server: mocks answer its tasks, and the result is reported or
// compared with the expectation of a test case.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "asl/virtual_run.h"

namespace kiban::asl {

struct LocalMocks {
  // State name: {"Return": any} or {"Throw": {"Error", "Cause"}}, or an array of these, the n-th
  // for its n-th invocation and the last for all that follow. A Map's answer is what its ItemReader
  // reads.
  json::object answers{};
  // Step Functions Local's configuration, asked for what `answers` does not have.
  json::object config{};
  std::string machine{};
  std::string test_case{};
};

struct LocalRun {
  std::string machine{"machine"};
  MachineType type{MachineType::Standard};
  Payload input{};
  LocalMocks mocks{};
  Timestamp start{Duration(1'700'000'000'000)};
};

struct LocalReport {
  std::string status{};  // "RUNNING": tasks are left that nothing answered.
  std::optional<std::string> output{};
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
  std::vector<std::string> path{};  // The states in the order in which they were entered.
  std::vector<HistoryEvent> events{};
};

// A task without a mock fails with Kiban.NotMocked, whose cause says how to add one.
LocalReport run_locally(const std::shared_ptr<const Program>& program, const LocalRun& run);

// One event a line: id, cause, type, name, data, other details as JSON, seconds since the start
// when there are any.
std::string history_text(const std::vector<HistoryEvent>& events);

// `expected` may hold status, path, output, error and cause. One sentence for each difference; an
// unknown member is one.
std::vector<std::string> differences(const LocalReport& report, const json::object& expected);

}  // namespace kiban::asl
