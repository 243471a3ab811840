// Random values from 32 bytes of seed: the same seed gives the same values, and without the seed
// no value can be computed from others. Two streams, of two types, so that a secret can't be drawn
// by mistake from the stream whose output callers see:
//   Random        ids, jitter, $random, States.MathRandom: values that users may see or infer;
//   SecretRandom  keys, passwords, tokens, credential ids: values that a caller must not guess.
// Both are the key stream of ChaCha20 (RFC 8439) under a key derived from the seed by SHA-256 with
// a label of its own. Pure: values are as hard to guess as the seed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kiban {

class Seed {
 public:
  static constexpr std::size_t size = 32;
  using Bytes = std::array<unsigned char, size>;

  // Implicit, for tests and simulations, whose seeds are numbers.
  Seed(std::uint64_t number);  // NOLINT(google-explicit-constructor)
  explicit Seed(const Bytes& bytes) : bytes_(bytes) {}

  // One-way: neither this seed nor those of other labels and numbers can be computed from the
  // derived seed.
  Seed derive(std::string_view label, std::uint64_t number = 0) const;
  const Bytes& bytes() const { return bytes_; }
  bool operator==(const Seed&) const = default;

 private:
  Bytes bytes_{};
};

// What both kinds of stream have in common. Use Random or SecretRandom.
class RandomStream {
 protected:
  RandomStream(const Seed& seed, std::string_view label) : seed_(seed), label_(label) {}

  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound);  // 0 to bound-1; bound > 0.
  std::string uuid();                        // Version 4, lower case.
  std::string hex(std::size_t digits);       // Lower-case hexadecimal digits.
  // Characters of `alphabet`, 1 to 256 of them, each equally likely.
  std::string pick(std::string_view alphabet, std::size_t length);

 private:
  // Key stream made by one refill: 16 UUIDs. A larger buffer slows callers that draw one value.
  static constexpr std::size_t buffer_bytes = 256;

  unsigned char byte();
  void refill();

  Seed seed_;                // Until the first refill; the stream's key from then on.
  std::string_view label_;   // A literal; empty once seed_ is the key.
  std::uint32_t blocks_{0};  // Of 64 bytes, drawn so far.
  std::size_t used_{buffer_bytes};
  std::array<unsigned char, buffer_bytes> buffer_{};
};

class Random : private RandomStream {
 public:
  explicit Random(const Seed& seed) : RandomStream(seed, "visible") {}
  using RandomStream::below;
  using RandomStream::hex;
  using RandomStream::next;
  using RandomStream::pick;
  using RandomStream::uuid;
  double unit();  // 0 <= x < 1.
};

class SecretRandom : private RandomStream {
 public:
  explicit SecretRandom(const Seed& seed) : RandomStream(seed, "secret") {}
  using RandomStream::below;
  using RandomStream::hex;
  using RandomStream::pick;
  using RandomStream::uuid;
};

}  // namespace kiban
