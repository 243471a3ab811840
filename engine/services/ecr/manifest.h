// What an image manifest says: OCI's and Docker's second schema, of one image or an index of many.
// https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md and image-index.md,
// https://distribution.github.io/distribution/spec/manifest-v2-2/
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban::services::ecr {

constexpr std::size_t manifest_bytes_max = 4 * 1024 * 1024;  // The limit of the API model.

struct Descriptor {
  std::string media_type{};
  std::string digest{};  // sha256:…
  std::uint64_t size{0};
  bool operator==(const Descriptor&) const = default;
};

struct Manifest {
  std::string media_type{};
  std::string artifact_type{};       // What the image is: its own word, or its config's media type.
  std::vector<Descriptor> blobs{};   // Config first, then the layers that a registry keeps.
  std::vector<Descriptor> images{};  // Of an index.
  std::uint64_t size() const;        // Of the blobs together.
  bool operator==(const Manifest&) const = default;
};

// "sha256:" and 64 lower-case hexadecimal digits, the one algorithm that is served.
bool is_sha256(std::string_view digest);
// [A-Za-z0-9_][A-Za-z0-9._-]{0,127}: what the distribution specification takes for a tag.
bool is_tag(std::string_view tag);

// `media_type` is what came beside the text; empty: the text itself must say. Error
// InvalidParameterException, whose cause says what is wrong with the manifest.
Result<Manifest> parse_manifest(std::string_view text, std::string_view media_type);

}  // namespace kiban::services::ecr
