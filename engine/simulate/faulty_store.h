// A store in memory that fails as disks and processes do, where a step says so.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/random.h"
#include "simulate/mutations.h"
#include "simulate/step.h"
#include "store/store.h"

namespace kiban::simulate {

// Thrown where the process stops, through the kernel, which is gone then. Deliberately not a
// std::exception: nothing in the engine catches it.
struct Stopped {};

class FaultyStore final : public store::Store {
 public:
  FaultyStore(Mutation mutation, const Seed& seed) : mutation_(mutation), random_(seed) {}

  std::optional<std::string> get(std::string_view key) const override;
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override;
  // Throws Stopped where the fault says so.
  Result<void> commit(const store::Batch& batch) override;

  // The commit after the next `commits` has this fault.
  void plan(Fault fault, std::uint64_t commits);
  // The process has ended: chance decides whether a failed commit is on the disk. Returns true when
  // the last batch, which the kernel did not see committed, is durable.
  bool restart();
  bool fault_happened() const { return happened_; }

 private:
  using Rows = std::map<std::string, std::string, std::less<>>;
  void apply(const store::Batch& batch);
  void apply_mutated(const store::Batch& batch);

  Mutation mutation_;
  Random random_;
  Rows rows_{};
  Fault fault_{Fault::None};
  std::uint64_t commits_until_{0};
  bool happened_{false};
  std::optional<store::Batch> in_doubt_{};
  bool unheard_{false};  // The last batch is durable, and the process stopped before it knew.
  // Of LoseCommit: what undoes the last commit.
  store::Batch undo_{};
};

}  // namespace kiban::simulate
