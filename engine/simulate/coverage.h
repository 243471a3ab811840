// What simulations reached.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/json.h"

namespace kiban::simulate {

struct Answered {
  std::uint64_t succeeded{0};
  std::uint64_t refused{0};
  std::string refusal{};  // The last one.
};

struct Coverage {
  std::map<std::string, Answered> operations{};        // "sqs:SendMessage"
  std::map<std::string, std::uint64_t> state_types{};  // "Wait", by executions that entered one.
  std::map<std::string, std::uint64_t> effects{};      // By kind, as handed over.
  std::map<std::string, std::uint64_t> faults{};
  std::map<std::string, std::uint64_t> counts{};  // "commits", "restarts", "deployments ended", …

  void add(const Coverage& other);
};

// All operations that are served: "sqs:SendMessage".
std::vector<std::string> served_operations();
json::object to_json(const Coverage& coverage);
std::string print(const Coverage& coverage);

}  // namespace kiban::simulate
