#include "services/s3/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/codec.h"
#include "core/letters.h"
#include "services/base/bulk.h"
#include "services/base/table_service.h"
#include "store/blobs.h"

namespace kiban::services::s3 {

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

Result<Wanted> wanted_checksum(const json::object& input) {
  Wanted wanted;
  if (const std::string name = text(input, "ChecksumAlgorithm"); !name.empty()) {
    wanted.kind = api::find_checksum(name);
    if (!wanted.kind)
      return fail("NotImplemented", fmt::format("kiban does not know the checksum {}", name));
  }
  for (const api::ChecksumKind kind : api::checksum_kinds) {
    const std::string given = text(input, fmt::format("Checksum{}", api::name_of(kind)));
    if (given.empty()) continue;
    if (!wanted.value.empty())
      return fail("InvalidRequest",
                  "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                  "allowed.");
    wanted = {.kind = kind, .value = given};
  }
  return wanted;
}

Result<Content> read_content(Context& context, const json::object& input,
                             std::optional<api::ChecksumKind> kind) {
  Content content;
  if (const json::object* body = find_object(input, "Body")) {
    content.size = number(*body, "Size", 0);
    content.pieces = pieces_of(*body);
    content.md5 = text(*body, "Md5");
    if (const json::object* known = find_object(*body, "Checksums")) content.checksums = *known;
  } else {
    content.pieces = {{{"Digest", context.put_blob("")}, {"Offset", 0}, {"Size", 0}}};
  }
  if (content.size > put_bytes_max)
    return fail("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
  KIBAN_TRY_VOID(complete_content(context, content, kind));
  return content;
}

Result<void> complete_content(const Context& context, Content& content,
                              std::optional<api::ChecksumKind> kind) {
  const bool has_checksum = !kind || content.checksums.contains(api::name_of(*kind));
  if (has_checksum && !content.md5.empty()) return {};
  auto bytes = read_bulk(context, body_of(content.pieces, content.size));
  if (!bytes) return fail("InternalError", bytes.error().cause);
  if (content.md5.empty()) content.md5 = store::md5_hex(*bytes);
  if (!has_checksum) content.checksums[api::name_of(*kind)] = api::checksum_of(*kind, *bytes);
  return {};
}

// Texts of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and, for checksums,
// as users quote AWS.
Result<void> check_content(const Content& content, const json::object& input,
                           const Wanted& wanted) {
  if (const std::string given = text(input, "ContentMD5"); !given.empty()) {
    const auto bytes = api::decode_base64(given);
    if (!bytes || bytes->size() != 16)
      return fail("InvalidDigest", "The Content-MD5 you specified was invalid.");
    if (*bytes != bytes_of_hex(content.md5))
      return fail("BadDigest", "The Content-MD5 you specified did not match what we received.");
  }
  if (wanted.value.empty()) return {};
  const std::string_view name = api::name_of(*wanted.kind);
  const std::string own = text(content.checksums, name);
  const auto given = api::decode_base64(wanted.value);
  if (!given || given->size() != api::decode_base64(own).value_or("").size()) {
    return fail("InvalidRequest",
                fmt::format("Value for x-amz-checksum-{} header is invalid.", lower_case(name)));
  }
  if (own != wanted.value)
    return fail("BadDigest",
                fmt::format("The {} you specified did not match the calculated checksum.", name));
  return {};
}

json::array pieces_of(const json::object& row) {
  if (const json::array* pieces = find_array(row, "Pieces")) return *pieces;
  return {{{"Digest", text(row, "Digest")}, {"Offset", 0}, {"Size", number(row, "Size", 0)}}};
}

void set_pieces(json::object& row, const json::array& pieces) {
  row.erase("Pieces");
  row.erase("Digest");
  const bool whole = pieces.size() == 1 && number(pieces[0].as_object(), "Offset", 0) == 0;
  if (whole)
    row["Digest"] = pieces[0].as_object().at("Digest");
  else
    row["Pieces"] = pieces;
}

json::array cut_pieces(const json::array& pieces, std::int64_t from, std::int64_t size) {
  json::array out;
  for (const json::value& value : pieces) {
    const json::object& piece = value.as_object();
    const std::int64_t has = number(piece, "Size", 0);
    if (from >= has) {
      from -= has;
      continue;
    }
    const std::int64_t take = std::min(has - from, size);
    if (take <= 0) break;
    out.push_back(json::object{{"Digest", piece.at("Digest")},
                               {"Offset", number(piece, "Offset", 0) + from},
                               {"Size", take}});
    from = 0;
    size -= take;
  }
  return out;
}

json::object body_of(const json::array& pieces, std::int64_t size) {
  if (pieces.size() == 1) return pieces[0].as_object();
  return {{"Pieces", pieces}, {"Size", size}};
}

void show_checksum(const json::object& row, json::object& out) {
  const json::object* checksum = find_object(row, "Checksum");
  if (!checksum) return;
  for (const auto& [name, value] : *checksum) out[fmt::format("Checksum{}", name)] = value;
  out["ChecksumType"] = text(row, "ChecksumType", "FULL_OBJECT");
}

}  // namespace kiban::services::s3
