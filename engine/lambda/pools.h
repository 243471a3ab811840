// Which environment runs which invocation, and how many there are.
//
// Of each version of a function there is a pool: environments that wait, and invocations that no
// environment has taken yet. An invocation goes to the environment that waited last; without one a
// new one is started, up to the bounds of the machine. docs.aws.amazon.com/lambda/latest/dg/
// lambda-concurrency.html
//
// Everything is called with the lock of the host held, and nothing blocks.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lambda/environment.h"

namespace kiban::lambda {

struct PoolLimits {
  std::size_t environments_max{64};  // Of all functions; one that waits makes room for another.
  std::size_t starting_max{4};       // That initialise at once.
  std::chrono::milliseconds freeze_after{100};
  std::chrono::milliseconds idle_max{std::chrono::minutes{10}};
  std::chrono::milliseconds init_max{std::chrono::seconds{10}};
};

class Pools {
 public:
  // Makes an environment and starts its process in the background.
  using Start = std::function<std::shared_ptr<Environment>(std::shared_ptr<const Plan>, Kept)>;
  Pools(PoolLimits limits, Start start) : limits_(limits), start_(std::move(start)) {}

  void invoke(Invocation invocation, Now now);
  // Invocations with these ids are refused when they come.
  void abandon(const std::vector<std::string>& request_ids);
  // Keeps `count` environments ready, and reports {"Ready": n} once they are.
  void warm(const std::shared_ptr<const Plan>& plan, std::size_t count, runtime::Report report,
            Now now);
  // The function `arn` without version; `version` empty: all of them.
  void retire(const std::string& arn, const std::string& version, Now now);

  // The runtime of an environment asks for the next invocation.
  void next(const std::shared_ptr<Environment>& environment, runtime::Respond respond, Now now);
  // What failed before the runtime asked for an invocation, as the function's own error. `payload`
  // describes it when the runtime said so itself.
  void initialisation_failed(const std::shared_ptr<Environment>& environment, Failure failure,
                             const Error& error, std::string payload, Now now);
  // Its process could not be started. Errors whose names are exceptions of AWS's API are answered
  // in place of a payload.
  void start_failed(const std::shared_ptr<Environment>& environment, const Error& error, Now now);
  // The process has ended by itself.
  void exited(const std::shared_ptr<Environment>& environment, int code, bool out_of_memory,
              Now now);
  // What time demands: deadlines, freezing, the end of those that waited long.
  void look_at(const std::shared_ptr<Environment>& environment, Now now);
  // Nothing of it is left.
  void gone(const std::shared_ptr<Environment>& environment, Now now);
  // How long nothing is due for the environment.
  std::chrono::milliseconds patience(const Environment& environment, Now now) const;
  void end_all(Now now);
  std::size_t environments() const { return live_.size(); }

 private:
  using Shared = std::shared_ptr<Environment>;
  struct Pool {
    std::shared_ptr<const Plan> plan{};  // Of the last revision.
    std::vector<Shared> idle{};          // The one that waited last at the end.
    std::deque<Invocation> pending{};
    std::size_t starting{0};
    std::size_t warm{0};
    std::optional<runtime::Report> warm_report{};
  };
  Pool& pool_of(const Environment& environment) { return pools_[environment.plan().function_arn]; }
  void use_plan(Pool& pool, const std::shared_ptr<const Plan>& plan, Now now);
  void retire(Pool& pool, Now now);
  void drop_if_unused(const std::string& function_arn);
  Shared take_idle(Pool& pool, const Plan& plan, Now now);
  // Of pools that lack environments.
  void start_what_waits(Now now);
  void start_wanted(Pool& pool, Now now);
  bool may_start(Now now);
  std::size_t warm_lacking(const Pool& pool) const;
  std::size_t live_of(const Pool& pool) const;
  void report_warm(Pool& pool);
  void end(const Shared& environment, Now now);
  void stop_starting(const Shared& environment);
  // Of an environment that did not get ready: the invocation that fails with it.
  std::optional<Invocation> take_failed(const Shared& environment, const Error& error);

  PoolLimits limits_;
  Start start_;
  std::map<std::string, Pool> pools_{};  // By function ARN.
  std::set<std::string> lacking_{};      // Those that may lack environments.
  std::set<Shared> live_{};
  std::set<std::string> abandoned_{};
  std::size_t starting_{0};
};

}  // namespace kiban::lambda
