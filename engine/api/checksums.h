// The checksums that S3 keeps of an object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::api {

enum class ChecksumKind : std::uint8_t { Crc32, Crc32c, Crc64nvme, Sha1, Sha256 };

constexpr std::array checksum_kinds = {ChecksumKind::Crc32, ChecksumKind::Crc32c,
                                       ChecksumKind::Crc64nvme, ChecksumKind::Sha1,
                                       ChecksumKind::Sha256};

// "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", as ChecksumAlgorithm has them.
std::string_view name_of(ChecksumKind kind);
// By that name in any case, as headers have it; nullopt: one that kiban does not know.
std::optional<ChecksumKind> find_checksum(std::string_view name);
inline bool is_crc(ChecksumKind kind) {
  return kind != ChecksumKind::Sha1 && kind != ChecksumKind::Sha256;
}

// Of bytes that come piece by piece.
class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  ~Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) = delete;
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  ChecksumKind kind() const { return kind_; }
  void add(std::string_view bytes);
  std::string base64();  // Once, when all was added. Big-endian bytes, as on the wire.

 private:
  struct Hash;
  ChecksumKind kind_;
  std::uint64_t crc_;
  std::unique_ptr<Hash> hash_;
};

std::string checksum_of(ChecksumKind kind, std::string_view bytes);

// The CRC of two texts joined, from the base64 CRC of each and the length of the second. Error
// `InvalidBase64` when one is not a CRC of this kind.
Result<std::string> join_crcs(ChecksumKind kind, std::string_view first, std::string_view second,
                              std::uint64_t second_size);

}  // namespace kiban::api
