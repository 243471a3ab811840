// AWS Signature Version 4: verifies what clients sign, and signs for tests and our own client.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/codec.h"
#include "core/result.h"
#include "core/time.h"

namespace kiban::api {

struct Key {
  std::string secret{};
  std::string session_token{};         // Of temporary credentials; empty for a long-lived key.
  std::optional<Timestamp> expires{};  // Of temporary credentials.
};

// The signer, as the request claims.
struct Signature {
  std::string access_key_id{};
  std::string date{};  // 20261124
  std::string region{};
  std::string service{};  // Signing name: "states", "monitoring".
  std::string session_token{};
  bool presigned{false};
};

// The request's claim, unchecked, from its Authorization header or X-Amz-Credential; nullopt
// without a readable signature. `--auth any` needs no more than this.
std::optional<Signature> read_signature(const HttpRequest& request);

// The inputs of the signatures of a body's chunks: each signs the one before it. The first is
// the request's own. docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
struct ChunkSigning {
  std::array<unsigned char, 32> key{};
  std::string timestamp{};
  std::string scope{};
  std::string seed{};          // The request's signature, in hex.
  bool trailer_signed{false};  // …-PAYLOAD-TRAILER: the trailer has a signature too.
};
// `hash`: of the chunk's bytes, or of the trailer's lines "name:value\n", in hex.
std::string chunk_signature(const ChunkSigning& signing, std::string_view previous,
                            std::string_view hash);
std::string trailer_signature(const ChunkSigning& signing, std::string_view previous,
                              std::string_view hash);

constexpr std::string_view mismatch_text =
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.";

// A region that botocore's partitions name.
bool is_region(std::string_view name);

using KeyLookup = std::function<std::optional<Key>(std::string_view access_key_id)>;

// Not thread-safe: one for each I/O thread.
class Verifier {
 public:
  // `own_region` is valid in a credential scope even if it is not a region of AWS.
  explicit Verifier(std::string own_region = {}) : own_region_(std::move(own_region)) {}

  // Checks signature, signed headers, clock skew (5 minutes; 15 for S3), expiry, the credential
  // scope's service and region, and payload hash.
  // Error names are those of the protocol that `wire` found: InvalidSignatureException (json),
  // SignatureDoesNotMatch (query, S3), AuthFailure (ec2), RequestTimeTooSkewed, ExpiredToken…
  Result<Signature> verify(const HttpRequest& request, const Wire& wire, const KeyLookup& lookup,
                           Timestamp now);
  // The same while the body is still on its way: its hash is taken from the header
  // x-amz-content-sha256; without one the signature itself is left to verify(). Returns how the
  // chunks of the body are signed, if they are.
  Result<std::optional<ChunkSigning>> verify_head(const HttpRequest& request, const Wire& wire,
                                                  const KeyLookup& lookup, Timestamp now);

 private:
  using Digest = std::array<unsigned char, 32>;
  enum class Body : std::uint8_t { Whole, Pending };
  struct Verified {
    Signature signature{};
    std::optional<ChunkSigning> chunks{};
  };
  Result<Verified> check(const HttpRequest& request, const Wire& wire, const KeyLookup& lookup,
                         Timestamp now, Body body);
  const Digest& signing_key(const Signature& signature, const std::string& secret);
  std::string own_region_;
  std::map<std::string, Digest, std::less<>> signing_keys_{};  // Bounded; by secret and scope.
};

struct Signer {
  std::string access_key_id{};
  std::string secret{};
  std::string session_token{};
  std::string region{"ap-northeast-1"};
  std::string service{};
};

// Adds X-Amz-Date, X-Amz-Content-Sha256 (S3), X-Amz-Security-Token and Authorization. The request
// must have its Host header.
void sign(HttpRequest& request, const Signer& signer, Timestamp now);
// The query string signed instead; valid for `expires`.
void presign(HttpRequest& request, const Signer& signer, Timestamp now,
             std::chrono::seconds expires);

}  // namespace kiban::api
