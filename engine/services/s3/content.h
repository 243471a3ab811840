// An object's bytes and what is known of them: where they lie, MD5, checksums.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/checksums.h"
#include "services/base/service.h"

namespace kiban::services::s3 {

constexpr std::int64_t put_bytes_max = 5LL * 1024 * 1024 * 1024;  // Of one PUT, part or copy.

struct Content {
  json::array pieces{};  // [{"Digest", "Offset", "Size"}], one after the other.
  std::int64_t size{0};
  std::string md5{};         // Hex; empty: not known.
  json::object checksums{};  // {"CRC32": base64}; those that are known.
};

// The checksum that a request names, by value or by algorithm.
struct Wanted {
  std::optional<api::ChecksumKind> kind{};
  std::string value{};  // Base64; empty: to be calculated.
};
// From ChecksumCRC32 … and ChecksumAlgorithm. Errors InvalidRequest, NotImplemented.
Result<Wanted> wanted_checksum(const json::object& input);

// Of a request's Body (absent: no bytes), with its MD5 and, when asked for, a checksum: what did
// not come with the body is calculated from its bytes. Errors EntityTooLarge, NoSuchBlob.
Result<Content> read_content(Context& context, const json::object& input,
                             std::optional<api::ChecksumKind> kind);
Result<void> complete_content(const Context& context, Content& content,
                              std::optional<api::ChecksumKind> kind);
// Against ContentMD5 and the checksum that was sent. Errors BadDigest, InvalidDigest.
Result<void> check_content(const Content& content, const json::object& input, const Wanted& wanted);

// Of a row of an object or a part.
json::array pieces_of(const json::object& row);
void set_pieces(json::object& row, const json::array& pieces);
json::array cut_pieces(const json::array& pieces, std::int64_t from, std::int64_t size);
json::object body_of(const json::array& pieces, std::int64_t size);

// "ChecksumCRC32" of a row's {"Checksum": {"CRC32": …}} into a reply, with ChecksumType.
void show_checksum(const json::object& row, json::object& out);

std::string bytes_of_hex(std::string_view hex);

}  // namespace kiban::services::s3
