#include "containers/health.h"

#include <utility>

namespace kiban::containers {

std::optional<HealthCheck> HealthCheck::create(const json::object* check, Execute execute,
                                               Time now) {
  const json::array* words = check ? find_array(*check, "command") : nullptr;
  if (!words || words->empty() || (*words)[0] == "NONE") return std::nullopt;
  HealthCheck made;
  made.execute_ = std::move(execute);
  for (const json::value& word : *words)
    if (word.is_string()) made.command_.push_back(to_string(word.get_string()));
  // "CMD-SHELL" is for the container's shell, "CMD" goes as it is.
  if (made.command_[0] == "CMD-SHELL")
    made.command_ = {"/bin/sh", "-c", made.command_.size() > 1 ? made.command_[1] : ""};
  else if (made.command_[0] == "CMD")
    made.command_.erase(made.command_.begin());
  const auto number = [check](std::string_view name, int otherwise) {
    const json::value* found = find(*check, name);
    return found && found->is_number() ? found->to_number<int>() : otherwise;
  };
  made.interval_ = std::chrono::seconds{number("interval", 30)};
  made.timeout_ = std::chrono::seconds{number("timeout", 5)};
  made.retries_ = number("retries", 3);
  made.counts_from_ = now + std::chrono::seconds{number("startPeriod", 0)};
  made.next_ = now + made.interval_;
  return made;
}

std::optional<Health> HealthCheck::advance(Time now) {
  if (running_) {
    if (const auto code = running_->exit_code()) return take(*code == 0, now);
    if (now >= deadline_) return take(false, now);
    return std::nullopt;
  }
  if (now < next_) return std::nullopt;
  auto started = execute_(command_);
  if (!started) return take(false, now);
  running_.emplace(*std::move(started));
  deadline_ = now + timeout_;
  return std::nullopt;
}

std::optional<Health> HealthCheck::take(bool good, Time now) {
  running_.reset();
  next_ = now + interval_;
  const Health before = health_;
  if (good) {
    failures_ = 0;
    health_ = Health::Healthy;
  } else if (now >= counts_from_ && ++failures_ >= retries_) {
    health_ = Health::Unhealthy;
  }
  return health_ == before ? std::nullopt : std::optional(health_);
}

std::string name_of(Health health) {
  return health == Health::Healthy     ? "HEALTHY"
         : health == Health::Unhealthy ? "UNHEALTHY"
                                       : "UNKNOWN";
}

}  // namespace kiban::containers
