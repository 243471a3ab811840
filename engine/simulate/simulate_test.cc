#include <gtest/gtest.h>

#include "cli/wiring.h"
#include "simulate/simulation.h"

namespace kiban::simulate {
namespace {

Options options(std::uint64_t seed, std::uint64_t steps, Mutation mutation = Mutation::None) {
  return {.seed = seed, .steps = steps, .mutation = mutation, .make_services = [] {
            return cli::make_services({});
          }};
}

std::string words_of(const simulate::Run& run) {
  return run.finding ? run.finding->invariant + ": " + run.finding->what : "";
}

TEST(Simulate, FindsNothingWrongWithTheEngine) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    EXPECT_EQ(words_of(simulate(options(seed, 60))), "") << "seed " << seed;
}

TEST(Simulate, RunsEquallyFromEqualSeeds) {
  const simulate::Run first = simulate(options(3, 60));
  EXPECT_EQ(simulate(options(3, 60)).trace, first.trace);
  EXPECT_EQ(repeat(options(3, 60), first.steps).trace, first.trace);
  EXPECT_NE(simulate(options(4, 60)).trace, first.trace);
}

// Where a fault of each kind shows, within thirty runs of eighty steps.
constexpr std::uint64_t runs_max = 30;
constexpr std::uint64_t steps_max = 80;

class Mutations : public testing::TestWithParam<NamedMutation> {};

TEST_P(Mutations, IsFound) {
  const Mutation mutation = GetParam().mutation;
  for (std::uint64_t seed = 1; seed <= runs_max; ++seed) {
    const simulate::Run run = simulate(options(seed, steps_max, mutation));
    if (run.finding) return;
    if (mutation == Mutation::Nondeterminism &&
        simulate(options(seed, steps_max, mutation)).trace != run.trace)
      return;
  }
  FAIL() << GetParam().name << " was not found";
}

INSTANTIATE_TEST_SUITE_P(All, Mutations, testing::ValuesIn(mutations().begin(), mutations().end()),
                         [](const auto& each) {
                           std::string name;
                           for (const char c : each.param.name) name += c == '-' ? '_' : c;
                           return name;
                         });

TEST(Simulate, ShrinksAFailure) {
  for (std::uint64_t seed = 1; seed <= runs_max; ++seed) {
    const Options wanted = options(seed, steps_max, Mutation::TimerEarly);
    const simulate::Run run = simulate(wanted);
    if (!run.finding || run.steps.size() < 10) continue;
    const std::vector<Step> steps = shrink(wanted, run, 200);
    EXPECT_LT(steps.size(), run.steps.size());
    EXPECT_EQ(repeat(wanted, steps).finding->invariant, run.finding->invariant);
    return;
  }
  FAIL() << "no run with a fault of ten steps";
}

}  // namespace
}  // namespace kiban::simulate
