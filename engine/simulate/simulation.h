// A deterministic simulation of the whole engine: the real kernel and services, a store and hosts
// that fail, a virtual clock, and random requests. docs/simulate.md describes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/base/service.h"
#include "simulate/coverage.h"
#include "simulate/findings.h"
#include "simulate/mutations.h"
#include "simulate/step.h"

namespace kiban::simulate {

using MakeServices = std::function<std::vector<std::unique_ptr<services::Service>>()>;

struct Options {
  std::uint64_t seed{1};
  std::uint64_t steps{100};
  Mutation mutation{Mutation::None};
  MakeServices make_services{};  // Called at each start of the process.
};

struct Run {
  std::vector<Step> steps{};  // As they were made; the last is the one that failed.
  std::optional<Finding> finding{};
  std::uint64_t trace{0};  // Equal for equal seeds.
  Coverage coverage{};
};

// Hears what happens, a line each.
using Tell = std::function<void(const std::string&)>;
// Makes steps until an invariant is violated or `steps` are done; then time passes until all
// deployments have ended.
Run simulate(const Options& options, const Tell& tell = {});
// Makes these steps.
Run repeat(const Options& options, const std::vector<Step>& steps, const Tell& tell = {});
// Drops steps, requests, faults and waits for as long as the same invariant is violated, in at most
// `tries` runs.
std::vector<Step> shrink(const Options& options, const Run& failed, int tries);

}  // namespace kiban::simulate
