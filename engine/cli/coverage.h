// The observed activity of the state machines and rules that use a role: a permission that was
// never used may belong to a state that was never entered.
#pragma once

#include <string>
#include <vector>

#include "cli/client.h"
#include "iam/report/record.h"

namespace kiban::cli {

struct MachineCoverage {
  std::string name{};
  std::size_t executions{0};  // That were read: the newest.
  std::size_t states{0};
  std::vector<std::string> never_entered{};
  bool express{false};  // Whose executions are not kept.
};

struct RuleCoverage {
  std::string name{};
  bool fired{false};  // As its target's role acted for it.
};

struct Coverage {
  std::vector<MachineCoverage> machines{};
  std::vector<RuleCoverage> rules{};
};

// All state machines and rules of a server; each is read once.
class Observed {
 public:
  static Result<Observed> read(const Client& client);
  Coverage of_role(const std::string& role_arn,
                   const std::vector<iam::report::Record>& records) const;

 private:
  struct Machine {
    std::string role{};
    MachineCoverage coverage{};
  };
  struct Rule {
    std::string arn{};
    std::string name{};
    std::vector<std::string> roles{};  // Of its targets.
  };
  std::vector<Machine> machines_{};
  std::vector<Rule> rules_{};
};

}  // namespace kiban::cli
