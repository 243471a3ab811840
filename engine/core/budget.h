// The steps that one evaluation may take, so that no request blocks the kernel thread.
#pragma once

#include <cstddef>

#include "core/json.h"

namespace kiban {

// Counts steps taken and bytes made; deterministic, where a limit in time would not be.
class Budget {
 public:
  constexpr Budget(std::size_t steps, std::size_t bytes) : steps_(steps), bytes_(bytes) {}

  // False once more was asked for than is left; it stays false.
  [[nodiscard]] constexpr bool spend(std::size_t steps, std::size_t bytes = 0) {
    if (steps > steps_ || bytes > bytes_) {
      steps_ = bytes_ = 0;
      spent_ = true;
    }
    if (spent_) return false;
    steps_ -= steps;
    bytes_ -= bytes;
    return true;
  }
  constexpr std::size_t steps_left() const { return steps_; }
  // Whether a spend() was refused.
  constexpr bool spent() const { return spent_; }

 private:
  std::size_t steps_;
  std::size_t bytes_;
  bool spent_{false};
};

// About how many bytes of memory a copy of the value takes.
inline std::size_t copy_bytes(const json::value& value) {
  std::size_t bytes = sizeof(json::value);
  if (value.is_string()) {
    bytes += value.get_string().size();
  } else if (value.is_array()) {
    for (const json::value& element : value.get_array()) bytes += copy_bytes(element);
  } else if (value.is_object()) {
    for (const auto& member : value.get_object())
      bytes += sizeof(json::key_value_pair) + member.key().size() + copy_bytes(member.value());
  }
  return bytes;
}

}  // namespace kiban
