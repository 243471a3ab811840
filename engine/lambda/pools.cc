#include "lambda/pools.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiban::lambda {
namespace {

constexpr auto busy_look = std::chrono::milliseconds{100};

}  // namespace

void Pools::invoke(Invocation invocation, Now now) {
  if (abandoned_.erase(invocation.request_id) > 0)
    return invocation.report(refusal("ServiceException", "abandoned"));
  Pool& pool = pools_[invocation.plan->function_arn];
  use_plan(pool, invocation.plan, now);
  if (const Shared environment = take_idle(pool, *invocation.plan, now))
    return environment->deliver(std::move(invocation), now);
  lacking_.insert(invocation.plan->function_arn);
  pool.pending.push_back(std::move(invocation));
  start_wanted(pool, now);
}

void Pools::use_plan(Pool& pool, const std::shared_ptr<const Plan>& plan, Now now) {
  const bool changed = pool.plan && pool.plan->revision != plan->revision;
  pool.plan = plan;
  if (changed) retire(pool, now);
}

void Pools::retire(Pool& pool, Now now) {
  for (const Shared& environment : live_)
    if (&pool_of(*environment) == &pool) environment->retire();
  for (const Shared& environment : std::vector<Shared>(pool.idle)) end(environment, now);
}

Pools::Shared Pools::take_idle(Pool& pool, const Plan& plan, Now now) {
  while (!pool.idle.empty()) {
    Shared environment = pool.idle.back();
    if (environment->has_credentials_for(plan, now.wall)) {
      pool.idle.pop_back();
      return environment;
    }
    end(environment, now);
  }
  return nullptr;
}

void Pools::abandon(const std::vector<std::string>& request_ids) {
  abandoned_.insert(request_ids.begin(), request_ids.end());
}

void Pools::warm(const std::shared_ptr<const Plan>& plan, std::size_t count, runtime::Report report,
                 Now now) {
  Pool& pool = pools_[plan->function_arn];
  use_plan(pool, plan, now);
  pool.warm = count;
  lacking_.insert(plan->function_arn);
  pool.warm_report = std::move(report);
  report_warm(pool);
  start_wanted(pool, now);
}

void Pools::retire(const std::string& arn, const std::string& version, Now now) {
  for (auto at = pools_.begin(); at != pools_.end();) {
    auto& [key, pool] = *at++;  // It may be dropped.
    if (key != fmt::format("{}:{}", arn, version) &&
        !(version.empty() && key.starts_with(arn + ":")))
      continue;
    pool.warm = 0;
    retire(pool, now);
    pool.plan.reset();
    drop_if_unused(key);
  }
}

// A pool holds code and credentials.
void Pools::drop_if_unused(const std::string& function_arn) {
  const auto found = pools_.find(function_arn);
  if (found == pools_.end() || !found->second.pending.empty() || found->second.warm > 0) return;
  const bool used = std::ranges::any_of(live_, [&](const Shared& environment) {
    return environment->plan().function_arn == found->first;
  });
  if (!used) pools_.erase(found);
}

void Pools::next(const Shared& environment, runtime::Respond respond, Now now) {
  stop_starting(environment);
  if (environment->phase() == Phase::Ending) return;  // Its process is being killed.
  environment->park(std::move(respond), now);
  if (environment->retired()) {
    end(environment, now);
    return start_what_waits(now);
  }
  Pool& pool = pool_of(*environment);
  if (!pool.pending.empty() &&
      environment->has_credentials_for(*pool.pending.front().plan, now.wall)) {
    Invocation invocation = std::move(pool.pending.front());
    pool.pending.pop_front();
    environment->deliver(std::move(invocation), now);
  } else {
    pool.idle.push_back(environment);
  }
  report_warm(pool);
  start_what_waits(now);
}

void Pools::stop_starting(const Shared& environment) {
  if (environment->phase() != Phase::Starting) return;
  --starting_;
  Pool& pool = pool_of(*environment);
  if (pool.starting > 0) --pool.starting;
}

std::optional<Invocation> Pools::take_failed(const Shared& environment, const Error& error) {
  stop_starting(environment);
  Pool& pool = pool_of(*environment);
  if (pool.warm_report) (*pool.warm_report)(refusal("ServiceException", error.cause));
  pool.warm_report.reset();
  pool.warm = 0;  // Or it would be tried without end.
  if (pool.pending.empty()) return std::nullopt;
  Invocation invocation = std::move(pool.pending.front());
  pool.pending.pop_front();
  return invocation;
}

void Pools::initialisation_failed(const Shared& environment, Failure failure, const Error& error,
                                  std::string payload, Now now) {
  if (auto invocation = take_failed(environment, error)) {
    if (payload.empty()) payload = error_payload(error.name, invocation->request_id, error.cause);
    environment->fail_initialisation(
        *std::move(invocation),
        {.failure = failure, .payload = std::move(payload), .error_type = error.name}, now);
  }
  environment->end(now);
  start_what_waits(now);
}

void Pools::start_failed(const Shared& environment, const Error& error, Now now) {
  if (!error.name.ends_with("Exception"))
    return initialisation_failed(environment, Failure::Init, error, {}, now);
  if (const auto invocation = take_failed(environment, error))
    invocation->report(refusal(error.name, error.cause));
  environment->end(now);
  start_what_waits(now);
}

void Pools::exited(const Shared& environment, int code, bool out_of_memory, Now now) {
  const std::string type = out_of_memory ? "Runtime.OutOfMemory" : "Runtime.ExitError";
  if (environment->phase() == Phase::Starting)
    return initialisation_failed(environment, Failure::Exit, Error{type, exit_message(code)}, {},
                                 now);
  if (environment->invocation()) {
    const std::string id = environment->invocation()->request_id;
    environment->finish(
        {.failure = out_of_memory ? Failure::OutOfMemory : Failure::Exit,
         .payload = error_payload(type, id, exit_message(code)),
         .error_type = type,
         .line = fmt::format("RequestId: {} Error: {}\n{}", id, exit_message(code), type)},
        now);
  }
  end(environment, now);
}

void Pools::look_at(const Shared& environment, Now now) {
  const auto waited = now.steady - environment->since();
  switch (environment->phase()) {
    case Phase::Starting:
      if (waited > limits_.init_max + environment->plan().timeout)
        initialisation_failed(environment, Failure::Timeout,
                              {"Sandbox.Timedout", timeout_message(environment->plan().timeout)},
                              {}, now);
      return;
    case Phase::Busy: {
      if (now.steady < environment->deadline()) return;
      if (!environment->invocation()) return end(environment, now);  // It asks for no other.
      const std::string id = environment->invocation()->request_id;
      const auto timeout = environment->plan().timeout;
      environment->finish(
          {.failure = Failure::Timeout,
           .payload = error_payload("Sandbox.Timedout", id, timeout_message(timeout)),
           .line = timeout_line(id, timeout, now.wall)},
          now);
      return end(environment, now);
    }
    case Phase::Idle:
      if (waited >= limits_.idle_max && live_of(pool_of(*environment)) > pool_of(*environment).warm)
        return end(environment, now);
      if (!environment->frozen() && waited >= limits_.freeze_after) environment->freeze();
      return;
    case Phase::Ending:
      return;
  }
}

std::chrono::milliseconds Pools::patience(const Environment& environment, Now now) const {
  using std::chrono::milliseconds;
  const auto until = [&](Steady at) {
    return std::clamp(std::chrono::ceil<milliseconds>(at - now.steady), milliseconds{0},
                      milliseconds{60'000});
  };
  if (environment.phase() == Phase::Idle && environment.frozen())
    return std::max(busy_look, until(environment.since() + limits_.idle_max));
  if (environment.phase() == Phase::Busy) return std::min(busy_look, until(environment.deadline()));
  return busy_look;
}

void Pools::end(const Shared& environment, Now now) {
  stop_starting(environment);
  Pool& pool = pool_of(*environment);
  std::erase(pool.idle, environment);
  environment->end(now);
}

void Pools::end_all(Now now) {
  pools_.clear();
  for (const Shared& environment : live_) environment->end(now);
}

void Pools::gone(const Shared& environment, Now now) {
  live_.erase(environment);
  start_what_waits(now);
  drop_if_unused(environment->plan().function_arn);
}

std::size_t Pools::live_of(const Pool& pool) const {
  return static_cast<std::size_t>(std::ranges::count_if(live_, [&](const Shared& environment) {
    return environment->phase() != Phase::Ending && !environment->retired() && pool.plan &&
           environment->plan().function_arn == pool.plan->function_arn;
  }));
}

std::size_t Pools::warm_lacking(const Pool& pool) const {
  if (pool.warm == 0) return 0;
  const std::size_t live = live_of(pool);
  return pool.warm > live ? pool.warm - live : 0;
}

void Pools::report_warm(Pool& pool) {
  if (!pool.warm_report || live_of(pool) - std::min(live_of(pool), pool.starting) < pool.warm)
    return;
  (*pool.warm_report)({.payload = {{"Ready", pool.warm}}});
  pool.warm_report.reset();
}

// When the machine is full, the environment that has waited longest ends for another.
bool Pools::may_start(Now now) {
  if (starting_ >= limits_.starting_max) return false;
  if (live_.size() < limits_.environments_max) return true;
  Shared oldest;
  for (const auto& [key, pool] : pools_)
    for (const Shared& environment : pool.idle)
      if (pool.warm == 0 && (!oldest || environment->since() < oldest->since()))
        oldest = environment;
  if (oldest) end(oldest, now);  // gone() starts another.
  return false;
}

void Pools::start_wanted(Pool& pool, Now now) {
  std::shared_ptr<const Plan> plan = pool.plan;  // None: the function was deleted meanwhile.
  if (!plan && !pool.pending.empty()) plan = pool.pending.front().plan;
  while (plan && (pool.starting < pool.pending.size() || warm_lacking(pool) > 0) &&
         may_start(now)) {
    const bool provisioned = warm_lacking(pool) > 0;
    ++starting_;
    ++pool.starting;
    live_.insert(start_(plan, provisioned ? Kept::Provisioned : Kept::OnDemand));
  }
}

void Pools::start_what_waits(Now now) {
  std::erase_if(lacking_, [&](const std::string& key) {
    const auto found = pools_.find(key);
    if (found == pools_.end()) return true;
    start_wanted(found->second, now);
    return found->second.pending.empty() && found->second.warm == 0;
  });
}

}  // namespace kiban::lambda
