#include "api/aws_chunked.h"

#include <algorithm>
#include <charconv>

namespace kiban::api {
namespace {

// Our own bounds: AWS's lines have a size and one signature of 64 digits.
constexpr std::size_t line_bytes_max = 1'024;
constexpr std::size_t trailers_max = 16;
constexpr std::uint64_t chunk_bytes_max = 1ULL << 40U;

}  // namespace

void ChunkReader::add(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::Broken) {
    if (state_ == State::Data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      take_(bytes.substr(0, size));
      bytes.remove_prefix(size);
      left_ -= size;
      if (left_ == 0) state_ = State::DataEnd;
      continue;
    }
    const std::size_t end = bytes.find('\n');
    const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
    line_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (line_.size() > line_bytes_max) state_ = State::Broken;
    if (state_ != State::Broken && line_.ends_with('\n')) read_line();
  }
}

void ChunkReader::read_line() {
  if (!line_.ends_with("\r\n")) {
    state_ = State::Broken;
    return;
  }
  line_.resize(line_.size() - 2);
  if (state_ == State::Size) {
    read_size();
  } else if (state_ == State::DataEnd) {
    state_ = line_.empty() ? State::Size : State::Broken;
  } else if (!line_.empty()) {
    const std::size_t colon = line_.find(':');
    if (colon == std::string::npos || trailers_.size() == trailers_max) {
      state_ = State::Broken;
      return;
    }
    const std::size_t from = std::min(line_.find_first_not_of(' ', colon + 1), line_.size());
    trailers_.emplace_back(line_.substr(0, colon), line_.substr(from));
  }
  line_.clear();
}

void ChunkReader::read_size() {
  const std::string_view digits = std::string_view(line_).substr(0, line_.find(';'));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  const bool good = error == std::errc{} && end == digits.data() + digits.size();
  if (!good || left_ > chunk_bytes_max)
    state_ = State::Broken;
  else
    state_ = left_ == 0 ? State::Trailers : State::Data;
}

bool is_chunked(const HttpRequest& request) {
  const auto hash = header(request, "x-amz-content-sha256");
  return hash && hash->starts_with("STREAMING-");
}

}  // namespace kiban::api
