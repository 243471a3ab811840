#include "api/sigv4.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "api/protocols.h"
#include "core/letters.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

using Digest = std::array<unsigned char, 32>;
constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
constexpr std::size_t signing_keys_max = 1'000;
constexpr auto skew_max = std::chrono::minutes{5};
constexpr auto skew_max_s3 = std::chrono::minutes{15};
constexpr std::int64_t presigned_seconds_max = 604'800;  // A week, the maximum of sigv4.

Digest sha256(std::string_view text) {
  Digest digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

Digest hmac(const void* key, std::size_t key_size, std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key, static_cast<int>(key_size),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return digest;
}

std::string hex(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Digest derive_key(std::string_view secret, std::string_view date, std::string_view region,
                  std::string_view service) {
  const std::string start = fmt::format("AWS4{}", secret);
  const Digest of_date = hmac(start.data(), start.size(), date);
  const Digest of_region = hmac(of_date.data(), of_date.size(), region);
  const Digest of_service = hmac(of_region.data(), of_region.size(), service);
  return hmac(of_service.data(), of_service.size(), "aws4_request");
}

// A request's signature parameters, unchecked.
struct Claim {
  Signature signature{};
  std::string scope{};           // 20261124/ap-northeast-1/sts/aws4_request
  std::string timestamp{};       // 20261124T025509Z
  std::string signed_headers{};  // host;x-amz-date
  std::string hex{};
  std::int64_t expires_seconds{0};
};

bool set_credential(Claim& claim, std::string_view credential) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t slash = credential.rfind('/');
    // An access key id may not hold a slash, so five parts from the right are the scope's and its.
    if (slash == std::string_view::npos || parts.size() == 4) break;
    parts.emplace_back(credential.substr(slash + 1));
    credential = credential.substr(0, slash);
  }
  if (parts.size() != 4 || credential.empty() || parts[0] != "aws4_request") return false;
  claim.signature.access_key_id = std::string(credential);
  claim.signature.date = parts[3];
  claim.signature.region = parts[2];
  claim.signature.service = parts[1];
  claim.scope = fmt::format("{}/{}/{}/aws4_request", parts[3], parts[2], parts[1]);
  return true;
}

// Credential=…, SignedHeaders=…, Signature=…
bool read_authorization(Claim& claim, std::string_view text) {
  if (!text.starts_with(algorithm)) return false;
  text.remove_prefix(algorithm.size());
  if (!text.starts_with(' ')) return false;
  bool credential = false;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t from = std::min(part.find_first_not_of(' '), part.size());
    const std::string_view pair = part.substr(from);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = pair.substr(equals + 1, pair.find(' ', equals) - equals - 1);
    if (name == "Credential") credential = set_credential(claim, value);
    if (name == "SignedHeaders") claim.signed_headers = std::string(value);
    if (name == "Signature") claim.hex = std::string(value);
  }
  return credential;
}

bool read_presigned(Claim& claim, const HttpRequest& request) {
  if (request.query.find("X-Amz-Credential=") == std::string::npos) return false;
  const auto parameters = read_parameters(request.query, Plus::Keep);
  if (!parameters) return false;
  for (const auto& [name, value] : *parameters) {
    if (name == "X-Amz-Credential" && !set_credential(claim, value)) return false;
    if (name == "X-Amz-Date") claim.timestamp = value;
    if (name == "X-Amz-SignedHeaders") claim.signed_headers = value;
    if (name == "X-Amz-Signature") claim.hex = value;
    if (name == "X-Amz-Security-Token") claim.signature.session_token = value;
    if (name == "X-Amz-Expires") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), claim.expires_seconds);
      if (error != std::errc{} || end != value.data() + value.size()) claim.expires_seconds = -1;
    }
  }
  claim.signature.presigned = true;
  return !claim.signature.access_key_id.empty();
}

// Key and scope become parts of rows and ARNs.
bool is_text(const Signature& signature) {
  return is_utf8(signature.access_key_id) && is_utf8(signature.region) &&
         is_utf8(signature.service);
}

std::optional<Claim> read_claim(const HttpRequest& request) {
  Claim claim;
  if (const auto authorization = header(request, "authorization")) {
    if (!read_authorization(claim, *authorization) || !is_text(claim.signature))
      return std::nullopt;
    claim.timestamp = std::string(header(request, "x-amz-date").value_or(""));
    claim.signature.session_token =
        std::string(header(request, "x-amz-security-token").value_or(""));
    return claim;
  }
  if (!read_presigned(claim, request) || !is_text(claim.signature)) return std::nullopt;
  return claim;
}

std::optional<Timestamp> read_basic_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto time = parse_iso8601(
      fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                  text.substr(9, 2), text.substr(11, 2), text.substr(13, 2)));
  if (!time) return std::nullopt;
  return *time;
}

std::string print_basic_time(Timestamp time) {
  std::string text;
  for (const char c : format_iso8601(time).substr(0, 19)) {
    if (c != '-' && c != ':') text += c;
  }
  return text + 'Z';
}

// '.' and '..' resolved, empty segments dropped, as every service but S3 does.
std::string normalise_path(std::string_view path) {
  std::vector<std::string_view> segments;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : segments) out += fmt::format("/{}", segment);
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

// Decoded and encoded again, sorted; without the signature itself.
std::string canonical_query(std::string_view query) {
  if (query.empty()) return {};
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const bool bare = equals == std::string_view::npos;
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = bare ? std::string_view{} : pair.substr(equals + 1);
    if (name == "X-Amz-Signature") continue;
    pairs.emplace_back(encode_uri(decode_uri(name).value_or(std::string(name))),
                       encode_uri(decode_uri(value).value_or(std::string(value))));
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) {
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  }
  return out;
}

// Without blanks around, and runs of blanks as one.
void append_trimmed(std::string& out, std::string_view text) {
  bool pending = false;
  bool begun = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      pending = true;
      continue;
    }
    if (pending && begun) out += ' ';
    out += c;
    pending = false;
    begun = true;
  }
}

std::vector<std::string_view> split_names(std::string_view names) {
  std::vector<std::string_view> out;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(';'));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    out.push_back(name);
  }
  return out;
}

std::string canonical_request(const HttpRequest& request, std::string_view signed_headers, bool s3,
                              std::string_view payload_hash) {
  std::string out = fmt::format("{}\n{}\n{}\n", request.method,
                                s3 ? request.path : encode_uri(normalise_path(request.path), "/"),
                                canonical_query(request.query));
  for (const std::string_view name : split_names(signed_headers)) {
    out += name;
    out += ':';
    bool first = true;
    for (const auto& [key, value] : request.headers) {
      if (!same_letters(key, name)) continue;
      if (!first) out += ',';
      append_trimmed(out, value);
      first = false;
    }
    out += '\n';
  }
  out += fmt::format("\n{}\n{}", signed_headers, payload_hash);
  return out;
}

std::string string_to_sign(std::string_view timestamp, std::string_view scope,
                           const std::string& canonical) {
  return fmt::format("{}\n{}\n{}\n{}", algorithm, timestamp, scope, hex(sha256(canonical)));
}

// The names of one refusal in the protocols. Common errors pages of IAM, EC2, S3 and Step
// Functions.
struct Refusal {
  std::string_view json{};
  std::string_view query{};
  std::string_view ec2{};
  std::string_view s3{};
};
constexpr Refusal no_signature{"MissingAuthenticationTokenException", "MissingAuthenticationToken",
                               "AuthFailure", "AccessDenied"};
constexpr Refusal incomplete{"IncompleteSignatureException", "IncompleteSignature", "AuthFailure",
                             "AuthorizationHeaderMalformed"};
constexpr Refusal unknown_key{"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure",
                              "InvalidAccessKeyId"};
constexpr Refusal bad_token{"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure",
                            "InvalidToken"};
constexpr Refusal token_expired{"ExpiredTokenException", "ExpiredToken", "RequestExpired",
                                "ExpiredToken"};
constexpr Refusal mismatch{"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure",
                           "SignatureDoesNotMatch"};
constexpr Refusal skewed{"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired",
                         "RequestTimeTooSkewed"};
constexpr Refusal url_expired{"InvalidSignatureException", "SignatureDoesNotMatch",
                              "RequestExpired", "AccessDenied"};
constexpr Refusal unsigned_header{"InvalidSignatureException", "SignatureDoesNotMatch",
                                  "AuthFailure", "AccessDenied"};
constexpr Refusal bad_payload{"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure",
                              "XAmzContentSHA256Mismatch"};

std::unexpected<Error> refuse(const Wire& wire, const Refusal& refusal, std::string cause) {
  std::string_view name = refusal.json;
  if (wire.protocol == Protocol::Query) name = refusal.query;
  if (wire.protocol == Protocol::Ec2) name = refusal.ec2;
  if (wire.protocol == Protocol::RestXml) name = refusal.s3;
  return fail(std::string(name), std::move(cause));
}

constexpr Refusal wrong_scope{"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure",
                              "AuthorizationHeaderMalformed"};
constexpr Refusal wrong_url_scope{"InvalidSignatureException", "SignatureDoesNotMatch",
                                  "AuthFailure", "AuthorizationQueryParametersError"};
constexpr Refusal wrong_payload_mode{"InvalidSignatureException", "SignatureDoesNotMatch",
                                     "AuthFailure", "InvalidArgument"};
constexpr Refusal wrong_algorithm{"IncompleteSignatureException", "IncompleteSignature",
                                  "AuthFailure", "InvalidRequest"};

Result<void> check_header_time(const Wire& wire, const Claim& claim, Timestamp signed_at,
                               Timestamp now) {
  const bool s3 = wire.protocol == Protocol::RestXml;
  const Duration allowed = s3 ? skew_max_s3 : skew_max;
  if (signed_at >= now - allowed && signed_at <= now + allowed) return {};
  if (s3) {
    return refuse(wire, skewed,
                  "The difference between the request time and the current time is too large.");
  }
  const bool late = signed_at < now;
  const std::string here = print_basic_time(now);
  const std::string edge = print_basic_time(late ? now - allowed : now + allowed);
  return refuse(wire, skewed,
                late ? fmt::format("Signature expired: {} is now earlier than {} ({} - 5 min.)",
                                   claim.timestamp, edge, here)
                     : fmt::format("Signature not yet current: {} is still later than {} ({} + 5 "
                                   "min.)",
                                   claim.timestamp, edge, here));
}

Result<void> check_url_time(const Wire& wire, const Claim& claim, Timestamp signed_at,
                            Timestamp now) {
  // STS URLs (for EKS and the like) carry no X-Amz-Expires; AWS gives them 15 minutes.
  const std::int64_t seconds = claim.expires_seconds == 0 ? 900 : claim.expires_seconds;
  // docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
  if (wire.protocol == Protocol::RestXml && seconds > presigned_seconds_max)
    return refuse(wire, wrong_url_scope,
                  "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                  "X-Amz-Expires must be less than 604800 seconds");
  if (wire.protocol == Protocol::RestXml && seconds < 0)
    return refuse(wire, wrong_url_scope, "X-Amz-Expires must be non-negative");
  if (seconds < 0 || seconds > presigned_seconds_max) {
    return refuse(wire, incomplete,
                  "X-Amz-Expires must be a number of seconds, at least 1 and at most 604800");
  }
  if (signed_at > now + skew_max_s3) return refuse(wire, url_expired, "Request is not valid yet");
  if (now <= signed_at + std::chrono::seconds{seconds}) return {};
  return refuse(wire, url_expired, "Request has expired");
}

// The region must be one of AWS's and the service the one that is asked, or a signature for one
// service could be used for another.
Result<void> check_scope(const Wire& wire, const Claim& claim, std::string_view own_region) {
  const Refusal& refusal = claim.signature.presigned ? wrong_url_scope : wrong_scope;
  if (wire.service && wire.service->signing_name != claim.signature.service)
    return refuse(wire, refusal,
                  fmt::format("Credential should be scoped to correct service: '{}'. ",
                              wire.service->signing_name));
  const std::string_view region = claim.signature.region;
  if (!is_region(region) && (own_region.empty() || region != own_region))
    return refuse(wire, refusal, "Credential should be scoped to a valid region. ");
  return {};
}

// Modes of S3 that leave the body out of the request's signature; its chunks may have their own.
// docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
constexpr std::string_view signed_chunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
constexpr std::string_view signed_chunks_and_trailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
constexpr std::string_view unsigned_chunks = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// The hash that was signed. It must be the body's own, unless S3's client left the body out of it.
// nullopt: unknown until the body was read.
Result<std::optional<std::string>> payload_hash(const HttpRequest& request, const Wire& wire,
                                                const Claim& claim, bool whole) {
  const auto given = header(request, "x-amz-content-sha256");
  const bool s3 = claim.signature.service == "s3";
  if (s3 && given && !is_sha256(*given)) {
    if (*given != unsigned_payload && *given != unsigned_chunks && *given != signed_chunks &&
        *given != signed_chunks_and_trailer)
      return refuse(wire, wrong_payload_mode,
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.");
    return std::string(*given);
  }
  if (!given && claim.signature.presigned && s3) return std::string(unsigned_payload);
  if (!whole) return given ? std::optional{std::string(*given)} : std::nullopt;
  std::string own = request.body_sha256 ? *request.body_sha256 : hex(sha256(request.body));
  if (given && *given != own) {
    return refuse(wire, s3 ? bad_payload : mismatch,
                  s3 ? "The provided 'x-amz-content-sha256' header does not match what was "
                       "computed."
                     : std::string(mismatch_text));
  }
  return own;
}

std::optional<ChunkSigning> chunk_signing(const HttpRequest& request, const Claim& claim,
                                          const Digest& key) {
  const auto mode = header(request, "x-amz-content-sha256");
  if (mode != signed_chunks && mode != signed_chunks_and_trailer) return std::nullopt;
  return ChunkSigning{.key = key,
                      .timestamp = claim.timestamp,
                      .scope = claim.scope,
                      .seed = claim.hex,
                      .trailer_signed = mode == signed_chunks_and_trailer};
}

// Signature Version 2, which S3 took before: boto3 presigns so where no region forbids it.
bool is_signed_otherwise(const HttpRequest& request) {
  if (const auto authorization = header(request, "authorization"))
    return authorization->starts_with("AWS ") ||
           (authorization->starts_with("AWS4-") &&
            authorization->substr(0, authorization->find(' ')) != algorithm);
  return request.query.find("AWSAccessKeyId=") != std::string::npos &&
         request.query.find("Signature=") != std::string::npos;
}

std::unexpected<Error> refuse_unreadable(const HttpRequest& request, const Wire& wire) {
  if (is_signed_otherwise(request))
    return refuse(wire, wrong_algorithm,
                  "The authorization mechanism you have provided is not supported. Please use "
                  "AWS4-HMAC-SHA256.");
  if (header(request, "authorization"))
    return refuse(wire, incomplete,
                  "Authorization header requires 'Credential' parameter as "
                  "KEY/DATE/REGION/SERVICE/aws4_request, 'SignedHeaders' and 'Signature'.");
  return refuse(
      wire, no_signature,
      wire.protocol == Protocol::RestXml ? "Access Denied" : "Missing Authentication Token");
}

Result<void> check_key(const Wire& wire, const Claim& claim, const Key& key, Timestamp now) {
  const bool same = key.session_token.size() == claim.signature.session_token.size() &&
                    CRYPTO_memcmp(key.session_token.data(), claim.signature.session_token.data(),
                                  key.session_token.size()) == 0;
  if (!same)
    return refuse(wire, bad_token, "The security token included in the request is invalid.");
  if (key.expires && now >= *key.expires) {
    return refuse(wire, token_expired, "The security token included in the request is expired");
  }
  return {};
}

Result<void> check_signed_headers(const HttpRequest& request, const Wire& wire,
                                  const Claim& claim) {
  const auto names = split_names(claim.signed_headers);
  const auto is_signed = [&](std::string_view name) {
    return std::ranges::any_of(names, [&](auto other) { return same_letters(name, other); });
  };
  if (!is_signed("host")) {
    return refuse(wire, mismatch, "'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  // What changes the meaning of a request must be signed, or anyone on the way could add it. S3
  // says so for every x-amz- header; elsewhere it is these.
  constexpr std::array<std::string_view, 3> always = {"x-amz-date", "x-amz-target",
                                                      "x-amz-security-token"};
  for (const auto& [name, value] : request.headers) {
    const bool amazon = wire.protocol == Protocol::RestXml && name.size() > 6 &&
                        same_letters(name.substr(0, 6), "x-amz-") &&
                        !same_letters(name, "x-amz-user-agent");
    const bool must = amazon || std::ranges::any_of(always, [&](std::string_view other) {
                        return same_letters(name, other);
                      });
    if (!must || is_signed(name)) continue;
    return refuse(
        wire, unsigned_header,
        fmt::format("There were headers present in the request which were not signed: {}", name));
  }
  return {};
}

}  // namespace

std::optional<Signature> read_signature(const HttpRequest& request) {
  auto claim = read_claim(request);
  if (!claim) return std::nullopt;
  return std::move(claim->signature);
}

const Verifier::Digest& Verifier::signing_key(const Signature& signature,
                                              const std::string& secret) {
  const std::string name =
      fmt::format("{}\n{}\n{}\n{}", secret, signature.date, signature.region, signature.service);
  const auto found = signing_keys_.find(name);
  if (found != signing_keys_.end()) return found->second;
  if (signing_keys_.size() >= signing_keys_max) signing_keys_.clear();
  return signing_keys_
      .emplace(name, derive_key(secret, signature.date, signature.region, signature.service))
      .first->second;
}

Result<Signature> Verifier::verify(const HttpRequest& request, const Wire& wire,
                                   const KeyLookup& lookup, Timestamp now) {
  KIBAN_TRY(Verified verified, check(request, wire, lookup, now, Body::Whole));
  return std::move(verified.signature);
}

Result<std::optional<ChunkSigning>> Verifier::verify_head(const HttpRequest& request,
                                                          const Wire& wire, const KeyLookup& lookup,
                                                          Timestamp now) {
  KIBAN_TRY(Verified verified, check(request, wire, lookup, now, Body::Pending));
  return std::move(verified.chunks);
}

Result<Verifier::Verified> Verifier::check(const HttpRequest& request, const Wire& wire,
                                           const KeyLookup& lookup, Timestamp now, Body body) {
  const auto claim = read_claim(request);
  if (!claim) return refuse_unreadable(request, wire);
  if (claim->hex.empty() || claim->signed_headers.empty()) {
    return refuse(wire, incomplete,
                  "Authorization header requires 'Signature' parameter and 'SignedHeaders' "
                  "parameter.");
  }
  const auto signed_at = read_basic_time(claim->timestamp);
  if (!signed_at || claim->timestamp.substr(0, 8) != claim->signature.date) {
    return refuse(wire, incomplete,
                  fmt::format("X-Amz-Date must be a time such as 20261124T025509Z of the day in "
                              "the credential scope; got '{}' and '{}'",
                              claim->timestamp, claim->signature.date));
  }
  const auto key = lookup(claim->signature.access_key_id);
  if (!key) {
    return refuse(wire, unknown_key,
                  wire.protocol == Protocol::RestXml
                      ? "The AWS Access Key Id you provided does not exist in our records."
                      : "The security token included in the request is invalid.");
  }
  KIBAN_TRY_VOID(check_scope(wire, *claim, own_region_));
  KIBAN_TRY_VOID(claim->signature.presigned ? check_url_time(wire, *claim, *signed_at, now)
                                            : check_header_time(wire, *claim, *signed_at, now));
  KIBAN_TRY_VOID(check_signed_headers(request, wire, *claim));
  KIBAN_TRY(const std::optional<std::string> hash,
            payload_hash(request, wire, *claim, body == Body::Whole));
  Verified verified{.signature = claim->signature};
  if (hash) {
    const std::string canonical =
        canonical_request(request, claim->signed_headers, claim->signature.service == "s3", *hash);
    const Digest& signing = signing_key(claim->signature, key->secret);
    const std::string expected = hex(hmac(
        signing.data(), signing.size(), string_to_sign(claim->timestamp, claim->scope, canonical)));
    if (expected.size() != claim->hex.size() ||
        CRYPTO_memcmp(expected.data(), claim->hex.data(), expected.size()) != 0) {
      return refuse(wire, mismatch, std::string(mismatch_text));
    }
    verified.chunks = chunk_signing(request, *claim, signing);
  }
  KIBAN_TRY_VOID(check_key(wire, *claim, *key, now));
  return verified;
}

std::string chunk_signature(const ChunkSigning& signing, std::string_view previous,
                            std::string_view hash) {
  constexpr std::string_view hash_of_nothing =
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  return hex(hmac(signing.key.data(), signing.key.size(),
                  fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", signing.timestamp,
                              signing.scope, previous, hash_of_nothing, hash)));
}

std::string trailer_signature(const ChunkSigning& signing, std::string_view previous,
                              std::string_view hash) {
  return hex(hmac(signing.key.data(), signing.key.size(),
                  fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", signing.timestamp,
                              signing.scope, previous, hash)));
}

// The regions of all partitions in botocore's partitions.json. A region made after it is served
// with `kiban serve --region NAME`.
bool is_region(std::string_view name) {
  constexpr std::array<std::string_view, 46> all = {
      "af-south-1",     "ap-east-1",      "ap-east-2",      "ap-northeast-1",  "ap-northeast-2",
      "ap-northeast-3", "ap-south-1",     "ap-south-2",     "ap-southeast-1",  "ap-southeast-2",
      "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",  "ap-southeast-7",
      "ca-central-1",   "ca-west-1",      "cn-north-1",     "cn-northwest-1",  "eu-central-1",
      "eu-central-2",   "eu-isoe-west-1", "eu-north-1",     "eu-south-1",      "eu-south-2",
      "eu-west-1",      "eu-west-2",      "eu-west-3",      "eusc-de-east-1",  "il-central-1",
      "me-central-1",   "me-south-1",     "mx-central-1",   "sa-east-1",       "us-east-1",
      "us-east-2",      "us-gov-east-1",  "us-gov-west-1",  "us-iso-east-1",   "us-iso-west-1",
      "us-isob-east-1", "us-isob-west-1", "us-isof-east-1", "us-isof-south-1", "us-west-1",
      "us-west-2"};
  return std::ranges::find(all, name) != all.end();
}

void sign(HttpRequest& request, const Signer& signer, Timestamp now) {
  const std::string timestamp = print_basic_time(now);
  const std::string date = timestamp.substr(0, 8);
  const std::string hash = hex(sha256(request.body));
  request.headers.emplace_back("X-Amz-Date", timestamp);
  if (signer.service == "s3") request.headers.emplace_back("X-Amz-Content-Sha256", hash);
  if (!signer.session_token.empty()) {
    request.headers.emplace_back("X-Amz-Security-Token", signer.session_token);
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : request.headers) {
    const std::string low = lower_case(name);
    if (low == "host" || low == "content-type" || low.starts_with("x-amz-")) names.push_back(low);
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  const std::string scope =
      fmt::format("{}/{}/{}/aws4_request", date, signer.region, signer.service);
  const std::string signed_headers = fmt::format("{}", fmt::join(names, ";"));
  const std::string canonical =
      canonical_request(request, signed_headers, signer.service == "s3", hash);
  const Digest key = derive_key(signer.secret, date, signer.region, signer.service);
  request.headers.emplace_back(
      "Authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                  signer.access_key_id, scope, signed_headers,
                  hex(hmac(key.data(), key.size(), string_to_sign(timestamp, scope, canonical)))));
}

void presign(HttpRequest& request, const Signer& signer, Timestamp now,
             std::chrono::seconds expires) {
  const std::string timestamp = print_basic_time(now);
  const std::string date = timestamp.substr(0, 8);
  const std::string scope =
      fmt::format("{}/{}/{}/aws4_request", date, signer.region, signer.service);
  const auto add = [&](std::string_view name, std::string_view value) {
    request.query +=
        fmt::format("{}{}={}", request.query.empty() ? "" : "&", name, encode_uri(value));
  };
  add("X-Amz-Algorithm", algorithm);
  add("X-Amz-Credential", fmt::format("{}/{}", signer.access_key_id, scope));
  add("X-Amz-Date", timestamp);
  add("X-Amz-Expires", std::to_string(expires.count()));
  add("X-Amz-SignedHeaders", "host");
  if (!signer.session_token.empty()) add("X-Amz-Security-Token", signer.session_token);
  const bool s3 = signer.service == "s3";
  const std::string hash = s3 ? std::string(unsigned_payload) : hex(sha256(request.body));
  const std::string canonical = canonical_request(request, "host", s3, hash);
  const Digest key = derive_key(signer.secret, date, signer.region, signer.service);
  add("X-Amz-Signature",
      hex(hmac(key.data(), key.size(), string_to_sign(timestamp, scope, canonical))));
}

}  // namespace kiban::api
