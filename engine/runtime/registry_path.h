// Paths of the OCI distribution API, below /v2/.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#endpoints
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kiban::runtime {

struct RegistryPath {
  enum class Kind { Base, Tags, Manifest, Blob, Uploads, Upload };
  Kind kind{Kind::Base};
  std::string repository{};
  std::string reference{};  // Tag or digest of a manifest, digest of a blob, id of an upload.
  std::map<std::string, std::string, std::less<>> query{};
  bool operator==(const RegistryPath&) const = default;

  std::string parameter(std::string_view name) const;  // "" when it is not there.
};

// `target` is HTTP's: percent-encoded, with the query. nullopt: the registry does not have the
// path.
std::optional<RegistryPath> parse_registry_path(std::string_view target);

// "bytes=0-9", "bytes=10-", "bytes=-5" of `size` bytes: first byte and count. nullopt: cannot be
// satisfied. Headers other than a single range select all bytes, as RFC 9110 allows.
struct ByteRange {
  std::uint64_t offset{0};
  std::uint64_t size{0};
  bool operator==(const ByteRange&) const = default;
};
std::optional<ByteRange> parse_byte_range(std::string_view header, std::uint64_t size);

}  // namespace kiban::runtime
