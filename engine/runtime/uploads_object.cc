#include "runtime/uploads_object.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "core/letters.h"

namespace kiban::runtime {

namespace {

constexpr std::string_view checksum_prefix = "x-amz-checksum-";

// CRC64NVME, S3's default, and the checksums that the headers name: x-amz-checksum-crc32,
// x-amz-trailer: x-amz-checksum-crc32, x-amz-sdk-checksum-algorithm: CRC32.
std::vector<api::Checksum> announced(const api::HttpRequest& head) {
  std::vector<api::ChecksumKind> kinds{api::ChecksumKind::Crc64nvme};
  const auto add = [&](std::string_view name) {
    const auto kind = api::find_checksum(name);
    if (kind && std::ranges::find(kinds, *kind) == kinds.end()) kinds.push_back(*kind);
  };
  for (const auto& [name, value] : head.headers) {
    const std::string low = lower_case(name);
    if (low.starts_with(checksum_prefix)) add(low.substr(checksum_prefix.size()));
    if (low == "x-amz-sdk-checksum-algorithm") add(value);
    if (low == "x-amz-trailer" && lower_case(value).starts_with(checksum_prefix))
      add(value.substr(checksum_prefix.size()));
  }
  return {kinds.begin(), kinds.end()};
}

std::optional<std::uint64_t> decoded_length(const api::HttpRequest& head) {
  const auto text = api::header(head, "x-amz-decoded-content-length");
  std::uint64_t length = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), length);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return length;
}

// "gzip" of "aws-chunked, gzip".
std::string without_chunked(std::string_view encodings) {
  std::string kept;
  while (!encodings.empty()) {
    std::string_view one = encodings.substr(0, encodings.find(','));
    encodings.remove_prefix(std::min(encodings.size(), one.size() + 1));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (!one.empty() && one != "aws-chunked") kept += (kept.empty() ? "" : ",") + std::string(one);
  }
  return kept;
}

std::uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* found = find(object, key);
  return found && found->is_number() ? found->to_number<std::uint64_t>() : 0;
}

// Hands the bytes of one piece of a blob to `take`.
template <typename Take>
Result<void> read_piece(const store::Blobs& blobs, const json::object& piece, Take take) {
  const json::string* digest = find_string(piece, "Digest");
  if (!digest) return fail("NoSuchBlob", "a piece without a digest");
  std::uint64_t left = number_of(piece, "Size");
  const std::uint64_t offset = number_of(piece, "Offset");
  const auto path = blobs.file(*digest);
  if (!path) {
    KIBAN_TRY(const std::string bytes, blobs.read(*digest));
    take(std::string_view(bytes).substr(std::min<std::uint64_t>(offset, bytes.size()), left));
    return {};
  }
  std::ifstream file{*path, std::ios::binary};
  file.seekg(static_cast<std::streamoff>(offset));
  std::string buffer(256UL * 1024, '\0');
  while (left > 0) {
    const std::uint64_t want = std::min<std::uint64_t>(left, buffer.size());
    file.read(buffer.data(), static_cast<std::streamsize>(want));
    if (!file) return fail("NoSuchBlob", fmt::format("{} can't be read", *path));
    take(std::string_view(buffer).substr(0, want));
    left -= want;
  }
  return {};
}

}  // namespace

ObjectBody::ObjectBody(std::string path, const api::HttpRequest& head,
                       std::optional<api::ChunkSigning> signing)
    : spool_(std::move(path)), checksums_(announced(head)) {
  if (!api::is_chunked(head)) return;
  chunks_.emplace([this](std::string_view content) { take(content); }, std::move(signing));
  for (const auto& [name, value] : head.headers)
    if (same_letters(name, "x-amz-trailer")) announcement_.emplace_back(name, value);
  length_ = decoded_length(head);
}

void ObjectBody::write(std::string_view piece) {
  if (chunks_)
    chunks_->add(piece);
  else
    take(piece);
}

void ObjectBody::take(std::string_view content) {
  spool_.write(content);
  md5_.add(content);
  for (api::Checksum& checksum : checksums_) checksum.add(content);
}

Result<void> ObjectBody::finish() {
  // docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
  if (chunks_ && !length_)
    return fail("MissingContentLength", "You must provide the Content-Length HTTP header.");
  if (chunks_ && chunks_->mismatched())
    return fail("SignatureDoesNotMatch", std::string(api::mismatch_text));
  if ((chunks_ && !chunks_->complete()) || (length_ && *length_ != spool_.size()))
    return fail("IncompleteBody",
                "The request body terminated unexpectedly, or is not of the length that "
                "x-amz-decoded-content-length told");
  if (chunks_) KIBAN_TRY_VOID(api::check_trailers({.headers = announcement_}, chunks_->trailers()));
  if (const auto closed = spool_.close(); !closed)
    return fail("ServiceUnavailable", closed.error().cause);
  sha256_ = spool_.sha256();
  return {};
}

void ObjectBody::amend(json::object& input) const {
  if (!chunks_) return;
  for (const auto& [name, value] : chunks_->trailers()) {
    const std::string low = lower_case(name);
    if (low.starts_with(checksum_prefix))
      input["Checksum" + upper_case(low.substr(checksum_prefix.size()))] = value;
  }
  const json::string* encoding = find_string(input, "ContentEncoding");
  if (!encoding) return;
  const std::string kept = without_chunked(*encoding);
  if (kept.empty())
    input.erase("ContentEncoding");
  else
    input["ContentEncoding"] = kept;
}

Result<json::object> ObjectBody::store(store::Blobs& blobs) {
  KIBAN_TRY_VOID(blobs.adopt(sha256_, spool_.path()));
  json::object checksums;
  for (api::Checksum& checksum : checksums_)
    checksums[api::name_of(checksum.kind())] = checksum.base64();
  return json::object{{"Digest", sha256_},
                      {"Size", spool_.size()},
                      {"Md5", md5_.hex()},
                      {"Checksums", std::move(checksums)}};
}

Result<void> complete_digests(const store::Blobs& blobs, json::object& body) {
  json::object& known = body["Checksums"].is_object() ? body["Checksums"].as_object()
                                                      : body["Checksums"].emplace_object();
  const bool wants_md5 = !body.contains("Md5");
  std::vector<api::Checksum> missing;
  const json::string* algorithm = find_string(body, "Algorithm");
  for (const api::ChecksumKind kind : api::checksum_kinds) {
    const bool wanted =
        kind == api::ChecksumKind::Crc64nvme || (algorithm && *algorithm == api::name_of(kind));
    if (wanted && !known.contains(api::name_of(kind))) missing.emplace_back(kind);
  }
  const json::array* pieces = find_array(body, "Pieces");
  if ((!wants_md5 && missing.empty()) || !pieces) return {};
  Md5 md5;
  for (const json::value& piece : *pieces) {
    KIBAN_TRY_VOID(read_piece(blobs, piece.as_object(), [&](std::string_view bytes) {
      md5.add(bytes);
      for (api::Checksum& checksum : missing) checksum.add(bytes);
    }));
  }
  for (api::Checksum& checksum : missing) known[api::name_of(checksum.kind())] = checksum.base64();
  if (wants_md5) body["Md5"] = md5.hex();
  return {};
}

}  // namespace kiban::runtime
