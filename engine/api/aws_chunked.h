// aws-chunked bodies: "SIZE;chunk-signature=…\r\nBYTES\r\n … 0\r\ntrailer:value\r\n\r\n", as they
// come in.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
//
// Signatures of chunks and of the trailer are checked as they come, in constant memory: content is
// handed on before its signature is known, and must not be used until complete().
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/codec.h"
#include "api/sigv4.h"

namespace kiban::api {

class ChunkReader {
 public:
  // `take` gets the content, in pieces that are valid during the call. Without `signing` chunk
  // signatures are ignored.
  explicit ChunkReader(std::function<void(std::string_view)> take,
                       std::optional<ChunkSigning> signing = {});

  void add(std::string_view bytes);
  // The last chunk and the trailer came, nothing was wrong; else the body is broken or incomplete.
  bool complete() const { return state_ == State::Done; }
  // A signature of a chunk or of the trailer is missing or wrong.
  bool mismatched() const { return mismatched_; }
  // Of what followed the last chunk; names as sent. The trailer's signature is not among them.
  const Headers& trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t { Size, Data, DataEnd, Trailers, Done, Broken };

  void read_line();
  void read_size();
  void read_trailer();
  void end_chunk();
  void end_trailers();
  void check(std::string_view given, const std::string& expected);

  std::function<void(std::string_view)> take_;
  std::optional<ChunkSigning> signing_;
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest_;  // Of this chunk's bytes.
  std::string previous_{};                                     // The signature before this chunk's.
  std::string claimed_{};                                      // This chunk's.
  std::string trailer_claimed_{};
  bool mismatched_{false};
  State state_{State::Size};
  std::string line_{};
  std::uint64_t left_{0};  // Of the chunk.
  Headers trailers_{};
};

// The body is in chunks, by its x-amz-content-sha256.
bool is_chunked(const HttpRequest& request);
// The trailers are those that x-amz-trailer announces. Error MalformedTrailerError.
Result<void> check_trailers(const HttpRequest& request, const Headers& trailers);

}  // namespace kiban::api
