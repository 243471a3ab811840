#include "simulate/observer.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulate/digest.h"
#include "simulate/forwarding.h"

namespace kiban::simulate {
namespace {

using services::Caller;
using services::Context;
using services::Outcome;

class ObservedContext final : public ForwardingContext {
 public:
  ObservedContext(Context& inner, Doings& doings) : ForwardingContext(inner), doings_(doings) {}

  void put(std::string_view key, std::string value) override {
    doings_.writes.push_back({.key = std::string(key), .value = hash_of(value)});
    inner().put(key, std::move(value));
  }
  void erase(std::string_view key) override {
    doings_.writes.push_back({.key = std::string(key), .value = std::nullopt});
    inner().erase(key);
  }
  Result<json::object> call(std::string_view service, std::string_view operation,
                            const json::object& input, const Caller& as) override {
    const Doings::Mark before = doings_.mark();
    Result<json::object> reply = inner().call(service, operation, input, as);
    if (!reply) doings_.roll_back(before);
    return reply;
  }
  void set_timer(std::string_view service, std::string_view id, Timestamp at,
                 json::object payload) override {
    const std::int64_t time = std::max<std::int64_t>(0, at.time_since_epoch().count());
    doings_.timers.push_back({.owner = fmt::format("{}/{}", service, id),
                              .key = fmt::format("timer/{:020}/{}/{}", time, service, id),
                              .at = time});
    inner().set_timer(service, id, at, std::move(payload));
  }
  void cancel_timer(std::string_view service, std::string_view id) override {
    doings_.timers.push_back({.owner = fmt::format("{}/{}", service, id), .key = {}, .at = 0});
    inner().cancel_timer(service, id);
  }
  void defer(std::string_view channel, Timestamp until) override {
    deferred_ = true;
    inner().defer(channel, until);
  }
  bool deferred() const { return deferred_; }

 private:
  Doings& doings_;
  bool deferred_{false};
};

class Observer final : public ForwardingService {
 public:
  Observer(std::unique_ptr<services::Service> inner, Doings& doings)
      : ForwardingService(std::move(inner)), doings_(doings) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    ObservedContext observed{context, doings_};
    const Doings::Mark before = doings_.mark();
    Undo undo{doings_, before};
    Result<json::object> reply = inner().call(observed, operation, input);
    undo.keep = reply.has_value() && !observed.deferred();
    return reply;
  }
  void on_timer(Context& context, const json::object& payload) override {
    ++doings_.timers_fired[std::string(name())];
    guard(context, [&](Context& observed) { inner().on_timer(observed, payload); });
  }
  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    if (outcome.final) ++doings_.outcomes[fmt::format("effect/{}/{}", name(), outcome.id)];
    guard(context,
          [&](Context& observed) { inner().on_outcome(observed, kind, payload, outcome); });
  }
  void on_event(Context& context, const services::Event& event) override {
    guard(context, [&](Context& observed) { inner().on_event(observed, event); });
  }
  void on_start(Context& context) override {
    guard(context, [&](Context& observed) { inner().on_start(observed); });
  }

 private:
  struct Undo {  // Also when an exception passes.
    Undo(Doings& of, Doings::Mark to) : doings(of), before(to) {}
    ~Undo() {
      if (!keep) doings.roll_back(before);
    }
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    Doings& doings;
    Doings::Mark before;
    bool keep{false};
  };

  template <typename Body>
  void guard(Context& context, const Body& body) {
    ObservedContext observed{context, doings_};
    Undo undo{doings_, doings_.mark()};
    body(observed);
    undo.keep = true;
  }

  Doings& doings_;
};

}  // namespace

std::unique_ptr<services::Service> observe(std::unique_ptr<services::Service> service,
                                           Doings& doings) {
  return std::make_unique<Observer>(std::move(service), doings);
}

}  // namespace kiban::simulate
