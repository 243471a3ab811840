// The first byte says how the body is cut; whole and cut it must read the same. With signatures it
// must not be complete where it is not without them.
#include <cstddef>
#include <cstdlib>

#include "api/aws_chunked.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using kiban::api::ChunkReader;
  if (size == 0) return 0;
  const std::string_view body{reinterpret_cast<const char*>(data) + 1, size - 1};
  std::string whole;
  std::string cut;
  ChunkReader first([&](std::string_view bytes) { whole += bytes; });
  ChunkReader second([&](std::string_view bytes) { cut += bytes; });
  first.add(body);
  const std::size_t piece = data[0] % 16 + 1;
  for (std::size_t at = 0; at < body.size(); at += piece) second.add(body.substr(at, piece));
  if (whole != cut || first.complete() != second.complete()) abort();
  if (first.trailers() != second.trailers() || whole.size() > size) abort();
  ChunkReader signed_first([](std::string_view) {}, kiban::api::ChunkSigning{.seed = "0"});
  ChunkReader signed_second([](std::string_view) {}, kiban::api::ChunkSigning{.seed = "0"});
  signed_first.add(body);
  for (std::size_t at = 0; at < body.size(); at += piece) signed_second.add(body.substr(at, piece));
  if (signed_first.complete() != signed_second.complete()) abort();
  if (signed_first.mismatched() != signed_second.mismatched()) abort();
  if (signed_first.complete() && !first.complete()) abort();
  return 0;
}
