// The record of the authoriser's decisions: denials are rows, which survive a restart; what was
// allowed is kept in memory only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "iam/decision.h"
#include "services/base/service.h"
#include "store/store.h"

namespace kiban::kernel {

// Of a decision: a statement that applied.
struct DecidingStatement {
  std::string policy{};  // "arn:…:role/R/policy/NAME" of an inline policy, a managed policy's ARN,
                         // "resource:ARN", "boundary:ARN", "session".
  std::size_t index{0};
  std::string sid{};
  bool operator==(const DecidingStatement&) const = default;
};

struct DecisionRecord {
  std::uint64_t id{0};  // Ascending; printed as 16 hexadecimal digits.
  Timestamp time{};
  std::string principal{};  // ARN of the role or the account's root, or a service's name.
  std::string session{};    // ARN of a role's session, else empty.
  std::string acts_for{};
  std::string access_key_id{};
  std::string action{};
  std::string resource{};
  std::vector<services::ConditionKey> keys{};
  iam::Verdict verdict{iam::Verdict::Allowed};
  bool enforced{false};
  std::vector<DecidingStatement> statements{};
  std::vector<std::string_view> missing{};  // Of an implicit deny: "identity", "resource", ….
  std::string text{};                       // Of a denial: the message for the caller.
};

json::object print_decision(const DecisionRecord& record);

constexpr std::size_t allowed_kept = 10'000;
constexpr std::size_t denials_kept = 10'000;
constexpr std::string_view denial_prefix = "kernel/denial/";
std::string print_decision_id(std::uint64_t id);

class DecisionLog {
 public:
  // Reads which denials the store has.
  explicit DecisionLog(const store::Store& store);

  // Gives the record its id.
  void add(DecisionRecord record);
  // Rows to write for denials that were added since the last call, and those to erase.
  void drain(store::Batch& rows);

  struct Query {
    std::string after{};  // An id; those behind it.
    bool denied{false};   // Denials only.
    std::string role{};   // A role's name; empty: any principal.
    std::size_t limit{1'000};
  };
  // Oldest first, as print_decision makes them.
  std::vector<json::object> find(const store::Store& store, const Query& query) const;
  const std::deque<DecisionRecord>& recent() const { return recent_; }

 private:
  std::deque<DecisionRecord> recent_{};  // Allowed ones and denials, since the start.
  std::deque<std::uint64_t> denials_{};  // Ids of the rows.
  std::vector<DecisionRecord> unwritten_{};
  std::uint64_t last_{0};
};

}  // namespace kiban::kernel
