#include "core/random.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>
#include <utility>

#include "core/result.h"

namespace kiban {

namespace {

void append_number(std::string& out, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8)
    out += static_cast<char>((number >> shift) & 0xffU);
}

}  // namespace

Seed::Seed(std::uint64_t number) {
  for (std::size_t i = 0; i < sizeof number; ++i)
    bytes_[i] = static_cast<unsigned char>(number >> (8 * i));
}

Seed Seed::derive(std::string_view label, std::uint64_t number) const {
  std::string message{"kiban random "};
  message.append(label).append(1, '\0');
  append_number(message, number);
  message.append(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
  Seed derived{0};
  static_assert(size == SHA256_DIGEST_LENGTH);
  ::SHA256(reinterpret_cast<const unsigned char*>(message.data()), message.size(),
           derived.bytes_.data());
  return derived;
}

void RandomStream::refill() {
  // Deriving waits for the first use: most evaluations and commands draw nothing.
  if (!label_.empty()) seed_ = seed_.derive(std::exchange(label_, {}));
  // Looked up once: EVP_chacha20() would look it up at each EVP_EncryptInit_ex.
  static const EVP_CIPHER* const chacha20 = ::EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&::EVP_CIPHER_CTX_free)> context{
      ::EVP_CIPHER_CTX_new(), &::EVP_CIPHER_CTX_free};
  // OpenSSL's IV is the block counter, 32 bits, little-endian, and a nonce of 96 bits.
  std::array<unsigned char, 16> iv{};
  for (unsigned i = 0; i < 4; ++i) iv[i] = static_cast<unsigned char>(blocks_ >> (8 * i));
  constexpr std::uint32_t blocks = buffer_bytes / 64;
  KIBAN_CHECK(blocks_ <= UINT32_MAX - blocks, "one seed gives at most 256 GiB");
  blocks_ += blocks;
  buffer_.fill(0);
  int written = 0;
  KIBAN_CHECK(chacha20 != nullptr && context != nullptr &&
                  ::EVP_EncryptInit_ex(context.get(), chacha20, nullptr, seed_.bytes().data(),
                                       iv.data()) == 1 &&
                  ::EVP_EncryptUpdate(context.get(), buffer_.data(), &written, buffer_.data(),
                                      static_cast<int>(buffer_.size())) == 1 &&
                  written == static_cast<int>(buffer_.size()),
              "ChaCha20");
  used_ = 0;
}

unsigned char RandomStream::byte() {
  if (used_ == buffer_.size()) refill();
  return buffer_[used_++];
}

std::uint64_t RandomStream::next() {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8U) | byte();
  return value;
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  const std::uint64_t reject_from = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = next();
  while (value >= reject_from) value = next();
  return value % bound;
}

std::string RandomStream::pick(std::string_view alphabet, std::size_t length) {
  KIBAN_CHECK(!alphabet.empty() && alphabet.size() <= 256, "a byte chooses the character");
  const std::size_t reject_from = 256 - 256 % alphabet.size();
  std::string out(length, ' ');
  for (char& c : out) {
    unsigned char drawn = byte();
    while (drawn >= reject_from) drawn = byte();
    c = alphabet[drawn % alphabet.size()];
  }
  return out;
}

std::string RandomStream::hex(std::size_t digits) {
  constexpr std::string_view alphabet = "0123456789abcdef";
  std::string out(digits, ' ');
  for (std::size_t i = 0; i < digits; i += 2) {
    const unsigned char drawn = byte();
    out[i] = alphabet[drawn >> 4U];
    if (i + 1 < digits) out[i + 1] = alphabet[drawn & 15U];
  }
  return out;
}

std::string RandomStream::uuid() {
  std::string out = hex(32);
  out[12] = '4';
  out[16] = "89ab"[byte() & 3U];
  for (const std::size_t at : {8U, 13U, 18U, 23U}) out.insert(at, "-");
  return out;
}

double Random::unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

}  // namespace kiban
