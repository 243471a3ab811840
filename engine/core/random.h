// Seeded random values: the same seed gives the same ids, tokens and jitter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiban {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();                      // SplitMix64.
  std::uint64_t below(std::uint64_t bound);  // 0 to bound-1; bound > 0.
  double unit();                             // 0 <= x < 1.
  std::string uuid();                        // Version 4, lower case.
  std::string hex(std::size_t digits);       // Lower-case hexadecimal digits.
  std::string pick(std::string_view alphabet, std::size_t length);

 private:
  std::uint64_t state_;
};

}  // namespace kiban
