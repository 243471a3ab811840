// A container's health check: a command that is run in it again and again.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "containers/program.h"
#include "core/json.h"

namespace kiban::containers {

enum class Health { Unknown, Healthy, Unhealthy };

class HealthCheck {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Starts a command in the container.
  using Execute = std::function<Result<Child>(const std::vector<std::string>&)>;

  // `check` is ECS's healthCheck, nullptr: there is none, or its command is ["NONE"].
  static std::optional<HealthCheck> create(const json::object* check, Execute execute, Time now);

  // Begins or ends the check that is due. Returns the container's health when it changed.
  std::optional<Health> advance(Time now);
  // When advance() has something to do, at the latest.
  Time next() const { return running_ ? deadline_ : next_; }
  // Of the command that runs; -1: none does.
  int descriptor() const { return running_ ? running_->descriptor() : -1; }

 private:
  std::optional<Health> take(bool good, Time now);

  Execute execute_{};
  std::vector<std::string> command_{};
  std::chrono::seconds interval_{30};
  std::chrono::seconds timeout_{5};
  int retries_{3};
  Time counts_from_{};  // Failures before are forgiven.
  Time next_{};
  Time deadline_{};
  std::optional<Child> running_{};
  int failures_{0};
  Health health_{Health::Unknown};
};

std::string name_of(Health health);  // HEALTHY

}  // namespace kiban::containers
