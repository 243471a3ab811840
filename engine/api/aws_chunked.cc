#include "api/aws_chunked.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/letters.h"

namespace kiban::api {
namespace {

// Our own bounds: AWS's lines have a size and one signature of 64 digits.
constexpr std::size_t line_bytes_max = 1'024;
constexpr std::size_t trailers_max = 16;
constexpr std::uint64_t chunk_bytes_max = 1ULL << 40U;
constexpr std::string_view trailer_signature_name = "x-amz-trailer-signature";
constexpr std::string_view chunk_signature_name = ";chunk-signature=";

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::string end_digest(EVP_MD_CTX* context) {
  std::array<unsigned char, 32> bytes{};
  EVP_DigestFinal_ex(context, bytes.data(), nullptr);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

}  // namespace

ChunkReader::ChunkReader(std::function<void(std::string_view)> take,
                         std::optional<ChunkSigning> signing)
    : take_(std::move(take)),
      signing_(std::move(signing)),
      digest_(signing_ ? EVP_MD_CTX_new() : nullptr, EVP_MD_CTX_free) {
  if (!signing_) return;
  previous_ = signing_->seed;
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
}

void ChunkReader::add(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::Broken) {
    if (state_ == State::Data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      take_(bytes.substr(0, size));
      if (signing_) EVP_DigestUpdate(digest_.get(), bytes.data(), size);
      bytes.remove_prefix(size);
      left_ -= size;
      if (left_ > 0) continue;
      state_ = State::DataEnd;
      end_chunk();
      continue;
    }
    if (state_ == State::Done) {  // Nothing may follow the trailer.
      state_ = State::Broken;
      return;
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
  } else if (line_.empty()) {
    end_trailers();
  } else {
    read_trailer();
  }
  line_.clear();
}

void ChunkReader::read_trailer() {
  const std::size_t colon = line_.find(':');
  if (colon == std::string::npos || trailers_.size() == trailers_max) {
    state_ = State::Broken;
    return;
  }
  const std::string_view value = trimmed(std::string_view(line_).substr(colon + 1));
  if (same_letters(line_.substr(0, colon), trailer_signature_name))
    trailer_claimed_ = value;
  else
    trailers_.emplace_back(line_.substr(0, colon), value);
}

void ChunkReader::read_size() {
  const std::string_view line = line_;
  const std::string_view digits = line.substr(0, line.find(';'));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  const bool good = error == std::errc{} && end == digits.data() + digits.size();
  if (!good || left_ > chunk_bytes_max) {
    state_ = State::Broken;
    return;
  }
  const std::string_view extension = line.substr(digits.size());
  claimed_ = extension.starts_with(chunk_signature_name)
                 ? extension.substr(chunk_signature_name.size())
                 : std::string_view{};
  state_ = left_ == 0 ? State::Trailers : State::Data;
  if (left_ == 0) end_chunk();
}

void ChunkReader::end_chunk() {
  if (!signing_) return;
  check(claimed_, chunk_signature(*signing_, previous_, end_digest(digest_.get())));
  previous_ = claimed_;
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
}

void ChunkReader::end_trailers() {
  state_ = State::Done;
  if (!signing_) return;
  if (!signing_->trailer_signed) {
    if (!trailers_.empty() || !trailer_claimed_.empty()) state_ = State::Broken;
    return;
  }
  for (const auto& [name, value] : trailers_) {
    const std::string text = lower_case(name) + ":" + value + "\n";
    EVP_DigestUpdate(digest_.get(), text.data(), text.size());
  }
  check(trailer_claimed_, trailer_signature(*signing_, previous_, end_digest(digest_.get())));
}

void ChunkReader::check(std::string_view given, const std::string& expected) {
  if (given.size() == expected.size() &&
      CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0)
    return;
  mismatched_ = true;
  state_ = State::Broken;
}

bool is_chunked(const HttpRequest& request) {
  const auto hash = header(request, "x-amz-content-sha256");
  return hash && hash->starts_with("STREAMING-");
}

Result<void> check_trailers(const HttpRequest& request, const Headers& trailers) {
  std::size_t announced = 0;
  for (const auto& [name, names] : request.headers) {
    if (!same_letters(name, "x-amz-trailer")) continue;
    for (std::string_view rest = names; !rest.empty();) {
      const std::string_view one = trimmed(rest.substr(0, rest.find(',')));
      rest.remove_prefix(std::min(rest.size(), rest.find(',') + (rest.find(',') != rest.npos)));
      if (one.empty()) continue;
      ++announced;
      const auto same = [&](const auto& trailer) { return same_letters(trailer.first, one); };
      if (std::ranges::count_if(trailers, same) != 1) announced = trailers.size() + 1;
    }
  }
  if (announced == trailers.size()) return {};
  return fail("MalformedTrailerError",
              "The request contained trailing data that was not well-formed or did not conform to "
              "our published schema.");
}

}  // namespace kiban::api
