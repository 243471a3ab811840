// Checks the reply of GetExecutionHistory for each execution whose history grew.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "simulate/coverage.h"
#include "simulate/findings.h"

namespace kiban::simulate {

class Histories {
 public:
  // Asks the engine: operation of Step Functions, input, region.
  using Ask = std::function<Result<json::object>(const std::string&, json::object, std::string)>;
  Histories(Findings& findings, Coverage& coverage) : findings_(findings), coverage_(coverage) {}

  // Keys of rows that were written: those of histories name executions to look at.
  void note(const std::set<std::string>& keys);
  // Looks at those that grew, at most `most`; the rest is for the next time.
  void check(const Ask& ask, std::size_t most);

 private:
  struct Known {
    std::size_t events{0};
    std::uint64_t hash{0};  // Of these events.
  };
  void check_one(const Ask& ask, const std::string& arn, const std::string& region);
  void check_events(const std::string& arn, const json::array& events);
  void check_growth(const std::string& arn, const json::array& events);
  void check_status(const std::string& arn, const json::array& events,
                    const json::object& described);
  void check_map_runs(const Ask& ask, const std::string& region, const json::array& events);
  void report(const std::string& arn, const std::string& what);

  Findings& findings_;
  Coverage& coverage_;
  std::map<std::string, Known> known_{};
  std::map<std::string, std::string> changed_{};  // ARN to region.
};

}  // namespace kiban::simulate
