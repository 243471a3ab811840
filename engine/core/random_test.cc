#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <type_traits>

namespace kiban {
namespace {

// One stream can't be passed for the other.
static_assert(!std::is_convertible_v<Random&, SecretRandom&>);
static_assert(!std::is_convertible_v<SecretRandom&, Random&>);
static_assert(!std::is_constructible_v<SecretRandom, Random&>);
static_assert(!std::is_constructible_v<Random, SecretRandom&>);

Seed seed_of_bytes(unsigned char first) {
  Seed::Bytes bytes{};
  bytes[0] = first;
  bytes[31] = 0xff;
  return Seed{bytes};
}

TEST(Random, RepeatsForTheSameSeed) {
  EXPECT_EQ(Random(7).uuid(), Random(7).uuid());
  EXPECT_NE(Random(7).uuid(), Random(8).uuid());
  EXPECT_EQ(SecretRandom(7).hex(64), SecretRandom(7).hex(64));
  EXPECT_NE(SecretRandom(7).hex(64), SecretRandom(8).hex(64));
  EXPECT_NE(Random(seed_of_bytes(1)).uuid(), Random(seed_of_bytes(2)).uuid());
}

TEST(Random, StreamsOfOneSeedDiffer) {
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    EXPECT_NE(Random(seed).hex(64), SecretRandom(seed).hex(64)) << seed;
}

TEST(Random, MakesUuidsOfVersion4) {
  Random random{1};
  std::set<char> variants;
  for (int i = 0; i < 200; ++i) {
    const std::string id = random.uuid();
    EXPECT_EQ(id.size(), 36U);
    EXPECT_EQ(id[8], '-');
    EXPECT_EQ(id[14], '4');
    variants.insert(id[19]);
  }
  EXPECT_EQ(variants, (std::set<char>{'8', '9', 'a', 'b'}));
}

TEST(Random, PicksEachCharacterAboutAsOften) {
  SecretRandom random{3};
  const std::string drawn = random.pick("abc", 30'000);  // 256 is not a multiple of 3.
  for (const char c : {'a', 'b', 'c'})
    EXPECT_NEAR(static_cast<double>(std::ranges::count(drawn, c)), 10'000, 400) << c;
  EXPECT_EQ(random.hex(5).size(), 5U);
  EXPECT_EQ(random.hex(0), "");
}

TEST(Random, GoesOnBehindItsBuffer) {
  Random random{1};
  std::set<std::uint64_t> drawn;
  for (int i = 0; i < 10'000; ++i) drawn.insert(random.next());
  EXPECT_EQ(drawn.size(), 10'000U);
  for (int i = 0; i < 1'000; ++i) {
    const double unit = random.unit();
    EXPECT_TRUE(unit >= 0 && unit < 1) << unit;
    EXPECT_LT(random.below(7), 7U);
  }
}

TEST(Seed, DerivesOneWayByLabelAndNumber) {
  const Seed seed = seed_of_bytes(1);
  EXPECT_EQ(seed.derive("batch", 1), seed.derive("batch", 1));
  EXPECT_NE(seed.derive("batch", 1), seed.derive("batch", 2));
  EXPECT_NE(seed.derive("batch"), seed.derive("start"));
  EXPECT_NE(seed.derive("batch", 1), seed_of_bytes(2).derive("batch", 1));
  EXPECT_NE(seed.derive("batch"), seed);
}

// The attack that the former generator allowed: SplitMix64's step can be inverted, so that one
// output gave its state, and from it every earlier and later output.
class Attack {
 public:
  explicit Attack(std::uint64_t seen) : state_(inverse(seen)) {}
  std::uint64_t next() {
    state_ += step;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  void back() { state_ -= step; }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;
  static std::uint64_t unshift(std::uint64_t z, unsigned by) {
    std::uint64_t out = z;
    for (unsigned done = by; done < 64; done += by) out = z ^ (out >> by);
    return out;
  }
  static std::uint64_t inverse_of(std::uint64_t odd) {  // Modulo 2^64, by Newton.
    std::uint64_t out = odd;
    for (int i = 0; i < 6; ++i) out *= 2 - odd * out;
    return out;
  }
  static std::uint64_t inverse(std::uint64_t seen) {
    std::uint64_t z = unshift(seen, 31) * inverse_of(0x94d049bb133111ebU);
    z = unshift(z, 27) * inverse_of(0xbf58476d1ce4e5b9U);
    return unshift(z, 30);
  }
  std::uint64_t state_;
};

TEST(Random, WhatIsSeenTellsNeitherWhatComesNorSecrets) {
  const Seed seed = seed_of_bytes(9);
  Random random{seed};
  SecretRandom secrets{seed};
  const std::uint64_t first = random.next();
  const std::uint64_t second = random.next();
  std::string secret = secrets.hex(16);
  Attack attack{first};
  EXPECT_NE(attack.next(), second);  // The former generator: equal.
  // Neither stream starts from an output of the other, nor from one of its own.
  for (const std::uint64_t seen : {first, second}) {
    EXPECT_NE(SecretRandom(seen).hex(16), secret);
    EXPECT_NE(Random(seen).next(), first);
    EXPECT_NE(Random(seen).next(), second);
    Attack chain{seen};
    for (int i = 0; i < 64; ++i) {
      EXPECT_NE(SecretRandom(chain.next()).hex(16), secret);
      chain.back();
      chain.back();
    }
  }
  // Nor is a part of the secret stream shown by the visible one.
  Random again{seed};
  const std::string visible = again.hex(100'000);
  EXPECT_FALSE(visible.contains(secret));
}

}  // namespace
}  // namespace kiban
