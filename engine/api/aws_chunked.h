// aws-chunked bodies: "SIZE;chunk-signature=…\r\nBYTES\r\n … 0\r\ntrailer:value\r\n\r\n", as they
// come in.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
//
// Chunk signatures are not checked: the seed signature, which covers the headers, is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "api/codec.h"

namespace kiban::api {

class ChunkReader {
 public:
  // `take` gets the content, in pieces that are valid during the call.
  explicit ChunkReader(std::function<void(std::string_view)> take) : take_(std::move(take)) {}

  void add(std::string_view bytes);
  // The last chunk came, and nothing was wrong; else the body is broken or ended too early.
  bool complete() const { return state_ == State::Trailers && line_.empty(); }
  // Of what followed the last chunk; names as sent.
  const Headers& trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t { Size, Data, DataEnd, Trailers, Broken };

  void read_line();
  void read_size();

  std::function<void(std::string_view)> take_;
  State state_{State::Size};
  std::string line_{};
  std::uint64_t left_{0};  // Of the chunk.
  Headers trailers_{};
};

// The body is in chunks, by its x-amz-content-sha256.
bool is_chunked(const HttpRequest& request);

}  // namespace kiban::api
