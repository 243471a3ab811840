// The body of an S3 object or part on its way from the socket to a blob, never in memory as a
// whole.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/aws_chunked.h"
#include "api/checksums.h"
#include "runtime/uploads.h"

namespace kiban::runtime {

// Takes aws-chunked framing off and calculates what S3 says of the content: MD5, the checksum that
// headers or trailers announce, and CRC64NVME.
class ObjectBody final : public BodySink {
 public:
  // `signing`: how the chunks of the body are signed, if they are.
  ObjectBody(std::string path, const api::HttpRequest& head,
             std::optional<api::ChunkSigning> signing = {});

  void write(std::string_view piece) override;
  // Once, when all was written. Errors IncompleteBody, SignatureDoesNotMatch,
  // MalformedTrailerError, ServiceUnavailable.
  Result<void> finish();
  // After finish(), of the content.
  const std::string& sha256() const { return sha256_; }
  // Applies the framing to the request: adds ChecksumCRC32 and other members of the trailer,
  // removes aws-chunked from ContentEncoding.
  void amend(json::object& input) const;
  // {"Digest", "Size", "Md5", "Checksums"}; the bytes are a durable blob then. Blocks: not for the
  // I/O thread.
  Result<json::object> store(store::Blobs& blobs);

 private:
  void take(std::string_view content);

  Spool spool_;
  std::optional<api::ChunkReader> chunks_{};
  api::Headers announcement_{};            // x-amz-trailer.
  std::optional<std::uint64_t> length_{};  // x-amz-decoded-content-length.
  Md5 md5_{};
  std::vector<api::Checksum> checksums_{};
  std::string sha256_{};
};

// The same digests of blobs that are there: `body` is {"Pieces": [{"Digest", "Offset", "Size"}],
// "Size", "Algorithm", "Md5", "Checksums"}. Adds the last two, CRC64NVME and that of Algorithm,
// where they are missing. Error NoSuchBlob. Blocks likewise.
Result<void> complete_digests(const store::Blobs& blobs, json::object& body);

}  // namespace kiban::runtime
