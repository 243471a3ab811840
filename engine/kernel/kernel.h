// The one deterministic thread: commands, due timers, outcomes and events are decided as a batch,
// written with one commit, and only then answered and acted upon. Same commands, same times and
// seeds, same store: same result. Not thread-safe: one thread owns a Kernel and its services.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iam/decision.h"
#include "kernel/decision_log.h"
#include "services/base/service.h"
#include "store/blobs.h"
#include "store/store.h"

namespace kiban::kernel {

// What came over the wire, decoded. `reply` is called once: when the batch that decided it is
// durable, or with an Error when it failed.
struct Command {
  std::string service{};
  std::string operation{};
  json::object input{};
  services::Caller caller{};
  std::function<void(Result<json::object>)> reply{};
  // True once nobody waits for the reply any more: a deferred command is dropped then.
  std::function<bool()> abandoned{};
};

// Performs effects outside of the kernel; what comes of them goes back in through Kernel::outcome.
class EffectSink {
 public:
  virtual ~EffectSink() = default;
  // Called on the kernel's thread, after the commit. Must not call into the kernel except
  // outcome() and submit().
  virtual void perform(const services::Effect& effect) = 0;
};

enum class Auth { Any, Sigv4 };

// What comes of the authoriser's decisions. Observe: they are recorded, and everything passes. Off:
// nothing is decided.
enum class Iam { Enforce, Observe, Off };
std::string_view iam_name(Iam iam);  // "enforce", "observe", "off"

struct Options {
  std::string account{"000000000000"};
  std::string region{"ap-northeast-1"};
  std::string endpoint{"http://127.0.0.1:4566"};
  Auth auth{Auth::Any};
  std::optional<Iam> iam{};  // Nothing: Enforce under Auth::Sigv4, Observe under Auth::Any.
  // Of the decisions of one operation together; see Authoriser::begin_operation().
  std::size_t decision_steps{iam::steps_max};
  store::Blobs* blobs{nullptr};  // Outlives the kernel; nullptr: a store in memory of its own.
  EffectSink* sink{nullptr};     // Outlives the kernel; nullptr: effects stay pending rows.
  bool keep_time{false};         // Each batch writes its time, for kept_time().
  // Called on the kernel's thread with the rows of each batch, once they are durable.
  std::function<void(const store::Batch&)> committed{};
  // Our own mistakes (an exception out of a service, a timer for a service that is gone).
  std::function<void(const std::string&)> log{};
};

// Operations, timer firings, outcomes and event deliveries that one batch decides; what is left
// over goes on in the next batch, so an endless chain never holds up a commit.
constexpr std::size_t batch_fuel = 5'000;
// Nested call()s of one operation, and how deep they go.
constexpr std::size_t calls_per_operation_max = 50'000;
constexpr std::size_t call_depth_max = 32;

struct WaitingTimer {
  Timestamp at{};
  std::string service{};
  json::object payload{};  // What its on_timer will get.
};

class Kernel {
 public:
  Kernel(store::Store& store, std::vector<std::unique_ptr<services::Service>> services,
         Options options = {});
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Services' on_start as one batch, then pending effects to the sink again. run_batch does it when
  // nobody has.
  Result<void> start(Timestamp now, const Seed& seed);

  void submit(Command command);
  // Ignored when the effect is unknown or had its final outcome. `committed` is called once nothing
  // that the outcome changed can be lost; never when the store fails.
  void outcome(std::string service, services::Outcome outcome,
               std::function<void()> committed = {});

  // A row of the runtime's own, "kernel/…", written by the next batch, for which it makes busy().
  void keep(std::string key, std::string value);

  // Decides what waits and what is due at `now`, commits once, replies, hands effects over. Error
  // `StoreFailed`: nothing was decided, those who waited were told, and every later call fails too:
  // the caller ends the process.
  // Each batch wants a seed of its own that no other batch's tells: all secrets come from it.
  Result<void> run_batch(Timestamp now, const Seed& seed);
  // Commands, outcomes, left-overs or rows to keep wait for a batch.
  bool busy() const;
  // When run_batch must run next though nothing was submitted: timers and ends of long polls.
  std::optional<Timestamp> next_timer() const;
  // The timers that wait, at most `most` of them, in the order of their time.
  std::vector<WaitingTimer> waiting_timers(std::size_t most) const;
  bool failed() const;
  std::size_t long_polls() const;  // Commands that were deferred.

  // For tests and simulation: runs batches until nothing waits, jumping from timer to timer, but
  // not beyond `until`. Returns the time then: that of the last batch. Seeds derive from `seed`.
  Timestamp run_until_idle(Timestamp now, Timestamp until = Timestamp::max(), const Seed& seed = 1);

  // For tests: one operation as the account's root, its batch included. Long polls end at once.
  Result<json::object> call(std::string service, std::string operation, json::object input,
                            Timestamp now, const Seed& seed = 1);

  // A committed row.
  std::optional<std::string> read(std::string_view key) const;
  services::Caller root() const;
  std::vector<services::Effect> pending_effects() const;
  // Changes whenever pending_effects() may have.
  std::uint64_t effects_version() const;
  // The authoriser's, oldest first: see DecisionLog::find.
  std::vector<json::object> decisions(const DecisionLog::Query& query) const;
  // Those since the start, bounded.
  const std::deque<DecisionRecord>& recent_decisions() const;
  Iam iam() const;

 private:
  class Batch;
  friend class Batch;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The time of the last batch that wrote anything, if the kernel kept it.
std::optional<Timestamp> kept_time(const store::Store& store);

}  // namespace kiban::kernel
