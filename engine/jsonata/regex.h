// Regular expressions through PCRE2, with bounds on backtracking.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiban::jsonata {

struct RegexMatch {
  std::size_t start{0};  // Bytes.
  std::size_t end{0};
  std::vector<std::string_view> groups{};
};

// What of Regex::find's `steps` counts as one evaluation of a node.
constexpr std::uint64_t regex_steps_per_fuel = 8;

class Regex {
 public:
  enum class Fault : std::uint8_t { Limit };
  // `flags` of "im". The error says what PCRE2 says.
  static std::expected<std::unique_ptr<Regex>, std::string> compile(std::string_view pattern,
                                                                    std::string_view flags);
  // `steps` grows by those that were counted, core/regex_budget.h.
  std::expected<std::optional<RegexMatch>, Fault> find(std::string_view text, std::size_t from,
                                                       std::uint64_t* steps = nullptr) const;

 private:
  struct Code;
  struct Free {
    void operator()(Code* code) const;
  };
  std::unique_ptr<Code, Free> code_{};
};

}  // namespace kiban::jsonata
