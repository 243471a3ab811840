// `kiban simulate`.
#pragma once

#include <cstdint>
#include <string>

#include "cli/commands.h"
#include "simulate/simulation.h"

namespace kiban::cli {

struct SimulateOptions {
  std::uint64_t seed{1};
  std::uint64_t steps{200};
  std::uint64_t runs{1};
  std::uint64_t seconds{0};  // 0: however long it takes.
  std::string mutation{};
  bool whole{false};
  bool trace{false};
  bool requests{false};
};

int run_simulations(const SimulateOptions& options, const OutputOptions& output);

}  // namespace kiban::cli
