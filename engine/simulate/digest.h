// A running hash of a trace: FNV-1a, 64 bits. Equal traces have equal hashes; no secret depends on
// it.
#pragma once

#include <cstdint>
#include <string_view>

namespace kiban::simulate {

class Digest {
 public:
  void add(std::string_view text) {
    for (const char c : text) step(static_cast<unsigned char>(c));
    step(0xFF);  // Not a byte of UTF-8: texts do not run into each other.
  }
  std::uint64_t value() const { return hash_; }

 private:
  void step(unsigned char byte) {
    constexpr std::uint64_t prime = 1'099'511'628'211U;
    hash_ = (hash_ ^ byte) * prime;
  }
  std::uint64_t hash_{14'695'981'039'346'656'037U};
};

inline std::uint64_t hash_of(std::string_view text) {
  Digest digest;
  digest.add(text);
  return digest.value();
}

}  // namespace kiban::simulate
