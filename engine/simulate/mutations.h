// Faults that are put into the engine on purpose, to prove that the simulator finds them. They live
// in wrappers around the store, the services and the effects, so the engine has no code for them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiban::simulate {

enum class Mutation {
  None,
  LoseCommit,        // A commit that returned is gone after a restart.
  TearCommit,        // A stop in the middle of a commit leaves half of the batch.
  DamageRow,         // A row is cut short when it is written.
  EffectEarly,       // An effect is handed over before its batch is committed.
  EffectTwice,       // An effect is handed over twice.
  ForgetEffects,     // Pending effects are not handed over after a restart.
  LoseOutcome,       // The service never hears the final outcome of an effect.
  OutcomeTwice,      // The service hears a final outcome twice.
  TimerEarly,        // Timers fire five seconds early.
  TimerLost,         // A timer is cancelled where it should be set.
  TimerTwice,        // A timer fires twice.
  HistoryGap,        // A piece of a history is not written.
  HistoryEndsTwice,  // The last event of a history is written again.
  HistoryRewritten,  // A piece of a history is written again, changed.
  ThrowInside,       // An operation ends with an exception.
  Nondeterminism,    // Chance that does not come from the seed.
  KeepUndone,        // An operation that is refused keeps what it wrote.
};

struct NamedMutation {
  Mutation mutation{Mutation::None};
  std::string_view name{};
};
std::span<const NamedMutation> mutations();  // All but None.
std::optional<Mutation> find_mutation(std::string_view name);
std::vector<std::string> mutation_names();

}  // namespace kiban::simulate
