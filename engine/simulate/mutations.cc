#include "simulate/mutations.h"

#include <algorithm>
#include <array>

namespace kiban::simulate {
namespace {

constexpr std::array all{
    NamedMutation{Mutation::LoseCommit, "lose-commit"},
    NamedMutation{Mutation::TearCommit, "tear-commit"},
    NamedMutation{Mutation::DamageRow, "damage-row"},
    NamedMutation{Mutation::EffectEarly, "effect-early"},
    NamedMutation{Mutation::EffectTwice, "effect-twice"},
    NamedMutation{Mutation::ForgetEffects, "forget-effects"},
    NamedMutation{Mutation::LoseOutcome, "lose-outcome"},
    NamedMutation{Mutation::OutcomeTwice, "outcome-twice"},
    NamedMutation{Mutation::TimerEarly, "timer-early"},
    NamedMutation{Mutation::TimerLost, "timer-lost"},
    NamedMutation{Mutation::TimerTwice, "timer-twice"},
    NamedMutation{Mutation::HistoryGap, "history-gap"},
    NamedMutation{Mutation::HistoryEndsTwice, "history-ends-twice"},
    NamedMutation{Mutation::HistoryRewritten, "history-rewritten"},
    NamedMutation{Mutation::ThrowInside, "throw-inside"},
    NamedMutation{Mutation::Nondeterminism, "nondeterminism"},
    NamedMutation{Mutation::KeepUndone, "keep-undone"},
};

}  // namespace

std::span<const NamedMutation> mutations() { return all; }

std::optional<Mutation> find_mutation(std::string_view name) {
  const auto* const found = std::ranges::find(all, name, &NamedMutation::name);
  return found == all.end() ? std::nullopt : std::optional{found->mutation};
}

std::vector<std::string> mutation_names() {
  std::vector<std::string> names;
  for (const NamedMutation& each : all) names.emplace_back(each.name);
  return names;
}

}  // namespace kiban::simulate
