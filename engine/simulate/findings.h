// The simulator's findings: the first violation of an invariant ends a run.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace kiban::simulate {

struct Finding {
  std::string invariant{};  // docs/simulate.md lists them.
  std::string what{};
  bool operator==(const Finding&) const = default;
};

class Findings {
 public:
  void report(std::string invariant, std::string what) {
    if (!first_) first_ = Finding{std::move(invariant), std::move(what)};
  }
  const std::optional<Finding>& first() const { return first_; }

 private:
  std::optional<Finding> first_{};
};

}  // namespace kiban::simulate
