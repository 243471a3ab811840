// Keeps the books of a store: what every acknowledged commit wrote, and from these books what must
// be true of timers and effects. Lies between the kernel and the store under test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/base/service.h"
#include "simulate/digest.h"
#include "simulate/findings.h"
#include "store/store.h"

namespace kiban::simulate {

// A write of a service, or a timer that it set or cancelled, in the order in which they came.
struct Write {
  std::string key{};
  std::optional<std::uint64_t> value{};  // Its hash; nullopt: erased.
};
struct TimerWrite {
  std::string owner{};  // "SERVICE/ID"
  std::string key{};    // Of the timer's row; empty: cancelled.
  std::int64_t at{0};
};

// What services did since the last commit, as observer.h saw it. What an operation that failed
// wrote is cut off again.
struct Doings {
  struct Mark {
    std::size_t writes{0};
    std::size_t timers{0};
  };
  Mark mark() const { return {writes.size(), timers.size()}; }
  void roll_back(const Mark& to) {
    writes.resize(to.writes);
    timers.resize(to.timers);
  }

  std::vector<Write> writes{};
  std::vector<TimerWrite> timers{};
  std::map<std::string, std::uint64_t> timers_fired{};  // By service.
  std::map<std::string, std::uint64_t> outcomes{};      // Final ones, by the effect's row.
};

class Ledger final : public store::Store {
 public:
  Ledger(store::Store& under, Findings& findings, Digest& trace)
      : under_(under), findings_(findings), trace_(trace) {}

  std::optional<std::string> get(std::string_view key) const override { return under_.get(key); }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    return under_.scan(prefix, after, limit);
  }
  Result<void> commit(const store::Batch& batch) override;

  // Before each batch of the kernel.
  void begin_batch(Timestamp now);
  // After each batch of the kernel: services did nothing that was not committed.
  void end_batch();
  // After a restart of the store: it must hold exactly what was acknowledged, and the whole batch
  // in doubt if `durable`.
  void check_restart(bool durable);
  // An effect is handed over.
  void hand_over(const services::Effect& effect);
  // Nothing that is pending waits for being handed over.
  void check_handed_over();

  Doings& doings() { return doings_; }
  std::uint64_t commits() const { return commits_; }
  std::size_t rows() const { return rows_.size(); }
  // Keys that commits wrote since the last call.
  std::set<std::string> take_written() { return std::exchange(written_, {}); }
  // How often the row of this effect was written anew: its generation.
  std::uint64_t generation(const std::string& key) const;

 private:
  void take(const store::Batch& batch);
  void check_timers(const store::Batch& batch);
  void check_timers_written(const store::Batch& batch);
  void check_rows(const store::Batch& batch);
  void check_writes(const store::Batch& batch);
  void check_outcomes(const store::Batch& batch);
  // The row's hash once the batch is applied.
  std::optional<std::uint64_t> after(const store::Batch& batch, const std::string& key) const;

  store::Store& under_;
  Findings& findings_;
  Digest& trace_;
  Timestamp now_{};
  Doings doings_{};
  std::map<std::string, std::uint64_t, std::less<>> rows_{};  // Key to the hash of the value.
  std::optional<store::Batch> last_{};  // Handed to the store, and not acknowledged.
  std::set<std::string> written_{};
  std::map<std::string, std::uint64_t> generations_{};  // Of effect rows.
  std::set<std::string> to_hand_over_{};                // Keys of effect rows, in this process.
  std::uint64_t commits_{0};
};

}  // namespace kiban::simulate
