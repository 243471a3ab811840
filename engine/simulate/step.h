// One step of a simulation: requests that arrive together, a fault, and how long time passes then.
// A step is data, so that a failing run can be repeated with fewer steps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/time.h"

namespace kiban::simulate {

// Of the process, or of the store when it commits. After each of them the process starts anew with
// the durable rows.
enum class Fault {
  None,
  Restart,           // Between two batches.
  StopBeforeCommit,  // The batch is lost, and so are its replies.
  StopAfterCommit,   // The batch is durable; its replies and effects are lost.
  StopAmongEffects,  // Some effects of the batch were handed over.
  TornCommit,        // The batch was written in part: recovery discards it.
  SyncFails,         // The commit fails; the batch may be durable all the same.
  StoreFull,         // The commit fails, and so do those that follow.
};
constexpr std::size_t fault_count = 8;
std::string_view name_of(Fault fault);

struct Call {
  std::string service{};
  std::string operation{};
  // A streaming member is {"kiban:Bytes": text}.
  json::object input{};
  std::string region{};
};

struct Step {
  std::uint64_t number{
      0};  // Seeds derive from it: a step keeps its chance when others are dropped.
  std::vector<Call> calls{};
  Fault fault{Fault::None};
  std::uint64_t fault_after{0};  // Commits (StopAmongEffects: effects) of this step before it.
  Duration advance{0};
};

}  // namespace kiban::simulate
