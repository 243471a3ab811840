// One simulated engine: its process, which stops and starts, the durable rows, and the outside
// world.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "simulate/faulty_store.h"
#include "simulate/histories.h"
#include "simulate/hosts.h"
#include "simulate/ledger.h"
#include "simulate/mutator.h"
#include "simulate/simulation.h"
#include "store/blobs.h"

namespace kiban::simulate {

class World final : public kernel::EffectSink {
 public:
  // Hears of each reply.
  using Heard = std::function<void(const Call&, const Result<json::object>&)>;
  World(const Options& options, Tell tell);

  void set_heard(Heard heard) { heard_ = std::move(heard); }
  // Hears of the body of each HTTP request and mail.
  void set_sent(std::function<void(const std::string&)> sent) { sent_ = std::move(sent); }
  void perform(const Step& step);
  // Nothing outside fails or hangs any more.
  void be_kind() { hosts_.be_kind(); }
  // The same, until no deployment is under way.
  void settle();

  Timestamp now() const { return now_; }
  std::uint64_t commits() const { return ledger_.commits(); }
  const Findings& findings() const { return findings_; }
  std::uint64_t trace() const { return trace_.value(); }
  Coverage& coverage() { return coverage_; }

  void perform(const services::Effect& effect) override;
  // A request of the simulator's own: no fault meets it.
  Result<json::object> ask(const std::string& service, const std::string& operation,
                           json::object input, const std::string& region);

 private:
  void start_process();
  void restart();
  void submit(const Call& call);
  void answer(const Call& call, const Result<json::object>& reply);
  // One batch of the kernel, and a new process when it stopped.
  void batch();
  void drain();
  void pass(Duration span, std::size_t batches_max);
  void deliver_answers();
  void check_histories();
  std::vector<std::string> deployments_under_way();
  Seed next_seed();

  Options options_;
  Tell tell_;
  Heard heard_{};
  std::function<void(const std::string&)> sent_{};
  Seed seed_;
  Timestamp now_{Duration{1'767'225'600'000}};  // 2026-01-01T00:00:00Z
  Findings findings_{};
  Digest trace_{};
  Coverage coverage_{};
  FaultyStore store_;
  Ledger ledger_;
  Hosts hosts_;
  Mutated mutated_;
  Histories histories_;
  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  std::unique_ptr<kernel::Kernel> kernel_{};
  std::uint64_t step_{0};
  std::uint64_t seeds_drawn_{0};  // In this step.
  std::uint64_t effects_until_stop_{0};
  bool stops_among_effects_{false};
  bool starting_{false};  // The kernel's start is under way.
  std::set<std::string> regions_{"ap-northeast-1"};
};

}  // namespace kiban::simulate
