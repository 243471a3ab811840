#include "simulate/mutator.h"

#include <atomic>
#include <stdexcept>

#include "simulate/forwarding.h"

namespace kiban::simulate {
namespace {

using namespace std::chrono_literals;
using services::Context;
using services::Outcome;

// Of the kernel: between it and the observer.
class KernelContext final : public ForwardingContext {
 public:
  KernelContext(Context& inner, Mutated& mutated) : ForwardingContext(inner), mutated_(mutated) {}

  void put(std::string_view key, std::string value) override {
    if (mutated_.mutation == Mutation::KeepUndone) written.emplace_back(key, value);
    inner().put(key, std::move(value));
  }
  void set_timer(std::string_view service, std::string_view id, Timestamp at,
                 json::object payload) override {
    if (mutated_.mutation == Mutation::TimerEarly && at > now() + 5s) at -= 5s;
    if (mutated_.mutation == Mutation::TimerLost && mutated_.random.below(4) == 0)
      inner().cancel_timer(service, id);
    else
      inner().set_timer(service, id, at, std::move(payload));
  }
  void perform(services::Effect effect) override {
    if (mutated_.mutation == Mutation::EffectEarly) mutated_.hand_over(effect);
    inner().perform(std::move(effect));
  }

  std::vector<std::pair<std::string, std::string>> written{};

 private:
  Mutated& mutated_;
};

class KernelMutator final : public ForwardingService {
 public:
  KernelMutator(std::unique_ptr<services::Service> inner, Mutated& mutated)
      : ForwardingService(std::move(inner)), mutated_(mutated) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    KernelContext changed{context, mutated_};
    const auto undone = std::exchange(mutated_.undone, {});
    Result<json::object> reply = inner().call(changed, operation, input);
    if (!reply) {
      mutated_.undone = std::move(changed.written);
    } else {
      for (const auto& [key, value] : undone) context.put(key, value);
    }
    return reply;
  }
  void on_timer(Context& context, const json::object& payload) override {
    KernelContext changed{context, mutated_};
    inner().on_timer(changed, payload);
    if (mutated_.mutation == Mutation::TimerTwice) inner().on_timer(changed, payload);
  }
  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    if (mutated_.mutation == Mutation::LoseOutcome && outcome.final) return;
    KernelContext changed{context, mutated_};
    inner().on_outcome(changed, kind, payload, outcome);
    if (mutated_.mutation == Mutation::OutcomeTwice)
      inner().on_outcome(changed, kind, payload, outcome);
  }
  void on_event(Context& context, const services::Event& event) override {
    KernelContext changed{context, mutated_};
    inner().on_event(changed, event);
  }
  void on_start(Context& context) override {
    KernelContext changed{context, mutated_};
    inner().on_start(changed);
  }

 private:
  Mutated& mutated_;
};

// A number that no seed decides: how many contexts this process has made.
std::uint64_t fresh_number() {
  static std::atomic<std::uint64_t> made{0};
  return ++made;
}

// Of the service: between the observer and it.
class ServiceContext final : public ForwardingContext {
 public:
  ServiceContext(Context& inner, Mutated& mutated)
      : ForwardingContext(inner), mutated_(mutated), chance_(fresh_number()) {}

  Random& random() override {
    return mutated_.mutation == Mutation::Nondeterminism ? chance_ : inner().random();
  }
  void put(std::string_view key, std::string value) override {
    const std::size_t at = key.find("/history/");
    if (!key.starts_with("states/") || at == std::string_view::npos)
      return inner().put(key, std::move(value));
    put_history(key, std::move(value));
  }

 private:
  void put_history(std::string_view key, std::string value) {
    const std::string execution{key.substr(0, key.rfind('/'))};
    const auto [first, is_first] = mutated_.histories.emplace(execution, key);
    if (mutated_.mutation == Mutation::HistoryGap && !is_first) return;
    const std::size_t last = value.rfind(",{");
    if (mutated_.mutation == Mutation::HistoryEndsTwice && last != std::string::npos &&
        value.find("ExecutionSucceeded", last) != std::string::npos)
      value.insert(value.size() - 1, value.substr(last, value.size() - 1 - last));
    if (mutated_.mutation == Mutation::HistoryRewritten && !is_first)
      inner().put(first->second, value);
    inner().put(key, std::move(value));
  }

  Mutated& mutated_;
  Random chance_;
};

class ServiceMutator final : public ForwardingService {
 public:
  ServiceMutator(std::unique_ptr<services::Service> inner, Mutated& mutated)
      : ForwardingService(std::move(inner)), mutated_(mutated) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (mutated_.mutation == Mutation::ThrowInside && mutated_.random.below(100) == 0)
      throw std::runtime_error("a mutation");
    ServiceContext changed{context, mutated_};
    return inner().call(changed, operation, input);
  }
  void on_timer(Context& context, const json::object& payload) override {
    ServiceContext changed{context, mutated_};
    inner().on_timer(changed, payload);
  }
  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    ServiceContext changed{context, mutated_};
    inner().on_outcome(changed, kind, payload, outcome);
  }
  void on_event(Context& context, const services::Event& event) override {
    ServiceContext changed{context, mutated_};
    inner().on_event(changed, event);
  }

 private:
  Mutated& mutated_;
};

}  // namespace

std::unique_ptr<services::Service> mutate_kernel(std::unique_ptr<services::Service> service,
                                                 Mutated& mutated) {
  return std::make_unique<KernelMutator>(std::move(service), mutated);
}

std::unique_ptr<services::Service> mutate_service(std::unique_ptr<services::Service> service,
                                                  Mutated& mutated) {
  return std::make_unique<ServiceMutator>(std::move(service), mutated);
}

}  // namespace kiban::simulate
