// Least privilege by mutation: what is removed in turn, and what a run without it proves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iam/report/usage.h"

namespace kiban::iam::report {

// A statement, or an action of one, that a role loses for a run.
struct Mutation {
  std::string role{};  // ARN.
  StatementRef statement{};
  std::string action{};   // Empty: the whole statement.
  std::size_t policy{0};  // Its place among the policies of the role.
  bool detaches{false};   // A policy of AWS's, which goes as a whole.
  // Of the policy without it; nullopt: nothing is left, so the policy goes.
  std::optional<json::object> document{};
  // Whether a decision of the unchanged run was allowed by it. Without one its removal changes no
  // decision: it is excess, and no run is needed.
  bool exercised{false};

  std::string words() const;
};

enum class Actions : std::uint8_t { Whole, Each };  // Each: those of statements with several, too.
std::vector<Mutation> mutations_of(const RolePolicies& role, const std::vector<Record>& unchanged,
                                   Actions actions);

enum class Proof : std::uint8_t {
  Necessary,   // Refused: exactly what the statement allows.
  Excess,      // Nothing was refused and the scenario ended as expected.
  Unexpected,  // Something else was refused, or the scenario ended otherwise without a refusal.
};
std::string_view proof_name(Proof proof);

struct Judgement {
  Proof proof{Proof::Excess};
  std::vector<Record> refusals{};  // Of the role, by what was removed.
  std::vector<Record> others{};    // Denials that the unchanged run had not.
};
// `deviated`: the scenario did not end as expected.
Judgement judge(const Mutation& mutation, const std::vector<Record>& unchanged,
                const std::vector<Record>& changed, bool deviated);

}  // namespace kiban::iam::report
