#include "simulate/faulty_store.h"

#include <array>
#include <utility>

namespace kiban::simulate {
namespace {

constexpr std::array<std::string_view, fault_count> fault_names{
    "none",        "restart",    "stop-before-commit", "stop-after-commit", "stop-among-effects",
    "torn-commit", "sync-fails", "store-full"};

}  // namespace

std::string_view name_of(Fault fault) { return fault_names.at(static_cast<std::size_t>(fault)); }

std::optional<std::string> FaultyStore::get(std::string_view key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<store::Row> FaultyStore::scan(std::string_view prefix, std::string_view after,
                                          std::size_t limit) const {
  std::vector<store::Row> result;
  auto at =
      after >= prefix && !after.empty() ? rows_.upper_bound(after) : rows_.lower_bound(prefix);
  for (; at != rows_.end() && result.size() < limit && at->first.starts_with(prefix); ++at)
    result.push_back({at->first, at->second});
  return result;
}

void FaultyStore::plan(Fault fault, std::uint64_t commits) {
  fault_ = fault;
  commits_until_ = commits;
  happened_ = false;
}

void FaultyStore::apply(const store::Batch& batch) {
  for (const auto& [key, value] : batch) {
    if (value)
      rows_.insert_or_assign(key, *value);
    else
      rows_.erase(key);
  }
}

void FaultyStore::apply_mutated(const store::Batch& batch) {
  undo_.clear();
  if (mutation_ == Mutation::LoseCommit)
    for (const auto& [key, value] : batch) undo_.emplace(key, get(key));
  apply(batch);
  if (mutation_ != Mutation::DamageRow || random_.below(20) > 0) return;
  for (const auto& [key, value] : batch)
    if (value && value->starts_with('{')) {
      rows_.find(key)->second.pop_back();
      return;
    }
}

Result<void> FaultyStore::commit(const store::Batch& batch) {
  const bool now = fault_ != Fault::None && commits_until_ == 0;
  if (commits_until_ > 0) --commits_until_;
  if (!now || fault_ == Fault::Restart || fault_ == Fault::StopAmongEffects) {
    apply_mutated(batch);
    return {};
  }
  happened_ = true;
  if (fault_ == Fault::StopBeforeCommit) throw Stopped{};
  if (fault_ == Fault::StopAfterCommit) {
    apply(batch);
    unheard_ = true;
    throw Stopped{};
  }
  if (fault_ == Fault::TornCommit) {
    if (mutation_ == Mutation::TearCommit) {
      store::Batch half = batch;
      half.erase(std::next(half.begin(), std::ssize(batch) / 2), half.end());
      apply(half);
    }
    throw Stopped{};
  }
  if (fault_ == Fault::SyncFails) in_doubt_ = batch;
  return fail("StoreFailed", fault_ == Fault::SyncFails ? "simulated: fsync: input/output error"
                                                        : "simulated: no space left on device");
}

bool FaultyStore::restart() {
  fault_ = Fault::None;
  const auto doubtful = std::exchange(in_doubt_, std::nullopt);
  const bool durable = doubtful && random_.below(2) == 0;
  if (durable) apply(*doubtful);
  if (mutation_ == Mutation::LoseCommit) apply(std::exchange(undo_, {}));
  return std::exchange(unheard_, false) || durable;
}

}  // namespace kiban::simulate
