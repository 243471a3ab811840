#include "api/checksums.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "api/codec.h"
#include "core/letters.h"

namespace kiban::api {
namespace {

struct Name {
  ChecksumKind kind{};
  std::string_view name{};
};
constexpr std::array names = {
    Name{ChecksumKind::Crc32, "CRC32"},         Name{ChecksumKind::Crc32c, "CRC32C"},
    Name{ChecksumKind::Crc64nvme, "CRC64NVME"}, Name{ChecksumKind::Sha1, "SHA1"},
    Name{ChecksumKind::Sha256, "SHA256"},
};

// A CRC whose bits run from the lowest (reflected), begins with all ones and ends inverted. The
// three of S3 are of this kind: https://reveng.sourceforge.io/crc-catalogue/all.htm (CRC-32/ISO-
// HDLC, CRC-32/ISCSI, CRC-64/NVME).
struct Crc {
  unsigned bits{32};
  std::uint64_t polynomial{0};
  // tables[k][b]: what byte b followed by k zero bytes leaves.
  std::array<std::array<std::uint64_t, 256>, 8> tables{};

  constexpr Crc(unsigned width, std::uint64_t reflected) : bits(width), polynomial(reflected) {
    for (std::uint64_t byte = 0; byte < 256; ++byte) {
      std::uint64_t value = byte;
      for (int bit = 0; bit < 8; ++bit) value = times_x(value);
      tables[0][byte] = value;
    }
    for (std::size_t k = 1; k < tables.size(); ++k) {
      for (std::size_t byte = 0; byte < 256; ++byte) {
        const std::uint64_t before = tables[k - 1][byte];
        tables[k][byte] = tables[0][before & 0xFFU] ^ (before >> 8U);
      }
    }
  }
  constexpr std::uint64_t times_x(std::uint64_t value) const {
    return (value & 1U) != 0 ? (value >> 1U) ^ polynomial : value >> 1U;
  }
  constexpr std::uint64_t ones() const { return ~std::uint64_t{0} >> (64 - bits); }

  std::uint64_t add(std::uint64_t crc, std::string_view bytes) const {
    static_assert(std::endian::native == std::endian::little);
    while (bytes.size() >= 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, bytes.data(), 8);
      crc ^= eight;
      std::uint64_t next = 0;
      for (std::size_t i = 0; i < 8; ++i) next ^= tables[7 - i][(crc >> (8 * i)) & 0xFFU];
      crc = next;
      bytes.remove_prefix(8);
    }
    for (const char c : bytes)
      crc = tables[0][(crc ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (crc >> 8U);
    return crc;
  }

  // Product of two polynomials modulo ours; the highest bit is the coefficient of x^0.
  std::uint64_t multiply(std::uint64_t a, std::uint64_t b) const {
    std::uint64_t product = 0;
    for (std::uint64_t bit = std::uint64_t{1} << (bits - 1); bit != 0; bit >>= 1U) {
      if ((a & bit) != 0) product ^= b;
      b = times_x(b);
    }
    return product;
  }
  // `crc` with `count` zero bytes behind it.
  std::uint64_t shift(std::uint64_t crc, std::uint64_t count) const {
    std::uint64_t power = std::uint64_t{1} << (bits - 9);  // x^8
    for (; count != 0; count >>= 1U) {
      if ((count & 1U) != 0) crc = multiply(power, crc);
      power = multiply(power, power);
    }
    return crc;
  }
};

const Crc& crc_of(ChecksumKind kind) {
  static const Crc crc32{32, 0xEDB88320U};
  static const Crc crc32c{32, 0x82F63B78U};
  static const Crc crc64nvme{64, 0x9A6C9329AC4BC9B5U};
  if (kind == ChecksumKind::Crc32) return crc32;
  return kind == ChecksumKind::Crc32c ? crc32c : crc64nvme;
}

std::string print_crc(const Crc& crc, std::uint64_t value) {
  std::string bytes;
  for (unsigned at = crc.bits; at != 0; at -= 8) bytes += static_cast<char>(value >> (at - 8));
  return encode_base64(bytes);
}

Result<std::uint64_t> read_crc(const Crc& crc, std::string_view base64) {
  KIBAN_TRY(const std::string bytes, decode_base64(base64));
  if (bytes.size() * 8 != crc.bits) return fail("InvalidBase64", "not the length of this CRC");
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

struct Checksum::Hash {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

std::string_view name_of(ChecksumKind kind) {
  return std::ranges::find(names, kind, &Name::kind)->name;
}

std::optional<ChecksumKind> find_checksum(std::string_view name) {
  const auto found =
      std::ranges::find_if(names, [&](const Name& one) { return same_letters(one.name, name); });
  if (found == names.end()) return std::nullopt;
  return found->kind;
}

Checksum::Checksum(ChecksumKind kind)
    : kind_(kind),
      crc_(is_crc(kind) ? crc_of(kind).ones() : 0),
      hash_(is_crc(kind) ? nullptr : std::make_unique<Hash>()) {
  if (!hash_) return;
  const EVP_MD* algorithm = kind == ChecksumKind::Sha1 ? EVP_sha1() : EVP_sha256();
  KIBAN_CHECK(EVP_DigestInit_ex(hash_->context.get(), algorithm, nullptr) == 1, "a hash");
}

Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;

void Checksum::add(std::string_view bytes) {
  if (hash_)
    EVP_DigestUpdate(hash_->context.get(), bytes.data(), bytes.size());
  else
    crc_ = crc_of(kind_).add(crc_, bytes);
}

std::string Checksum::base64() {
  if (!hash_) return print_crc(crc_of(kind_), crc_ ^ crc_of(kind_).ones());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(hash_->context.get(), digest.data(), &size);
  return encode_base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string checksum_of(ChecksumKind kind, std::string_view bytes) {
  Checksum checksum{kind};
  checksum.add(bytes);
  return checksum.base64();
}

Result<std::string> join_crcs(ChecksumKind kind, std::string_view first, std::string_view second,
                              std::uint64_t second_size) {
  const Crc& crc = crc_of(kind);
  KIBAN_TRY(const std::uint64_t a, read_crc(crc, first));
  KIBAN_TRY(const std::uint64_t b, read_crc(crc, second));
  return print_crc(crc, crc.shift(a, second_size) ^ b);
}

}  // namespace kiban::api
