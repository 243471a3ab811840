#include "services/ecr/manifest.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/json.h"

namespace kiban::services::ecr {
namespace {

constexpr std::string_view docker_image = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view docker_list =
    "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view oci_image = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
constexpr std::size_t descriptors_max = 10'000;  // Our own bound.

// As ECR words its refusals of parameters.
std::unexpected<Error> invalid(std::string_view why) {
  return fail(
      "InvalidParameterException",
      fmt::format("Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{}'", why));
}

Result<Descriptor> read_descriptor(const json::value* value, std::string_view where) {
  const json::object* object = value ? value->if_object() : nullptr;
  if (!object) return invalid(fmt::format("{} must be an object", where));
  const json::string* digest = find_string(*object, "digest");
  if (!digest || !is_sha256(*digest))
    return invalid(fmt::format("{}.digest must be sha256: and 64 hexadecimal digits", where));
  const json::value* size = find(*object, "size");
  if (!size || !size->is_int64() || size->get_int64() < 0)
    return invalid(fmt::format("{}.size must be a number of bytes", where));
  const json::string* type = find_string(*object, "mediaType");
  return Descriptor{.media_type = type ? to_string(*type) : "",
                    .digest = to_string(*digest),
                    .size = static_cast<std::uint64_t>(size->get_int64())};
}

// Layers that stay where they come from and are not pushed:
// https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#non-distributable-layers
bool is_elsewhere(const Descriptor& layer) {
  return layer.media_type.find(".foreign.") != std::string::npos ||
         layer.media_type.find(".nondistributable.") != std::string::npos;
}

Result<std::vector<Descriptor>> read_descriptors(const json::object& object, std::string_view key) {
  const json::array* list = find_array(object, key);
  if (!list) return invalid(fmt::format("{} must be a list", key));
  if (list->size() > descriptors_max)
    return invalid(fmt::format("{} has more than {} entries", key, descriptors_max));
  std::vector<Descriptor> all;
  for (const json::value& each : *list) {
    KIBAN_TRY(Descriptor descriptor,
              read_descriptor(&each, fmt::format("{}[{}]", key, all.size())));
    all.push_back(std::move(descriptor));
  }
  return all;
}

Result<std::string> media_type_of(const json::object& object, std::string_view given) {
  const json::string* own = find_string(object, "mediaType");
  if (own && !given.empty() && given != std::string_view(*own))
    return invalid(
        fmt::format("its mediaType is '{}', but '{}' was given", std::string_view(*own), given));
  if (!own && given.empty()) return invalid("it has no mediaType, and none was given");
  return own ? to_string(*own) : std::string(given);
}

}  // namespace

std::uint64_t Manifest::size() const {
  std::uint64_t sum = 0;
  for (const Descriptor& blob : blobs) sum += blob.size;
  return sum;
}

bool is_sha256(std::string_view digest) {
  constexpr std::string_view algorithm = "sha256:";
  return digest.size() == algorithm.size() + 64 && digest.starts_with(algorithm) &&
         digest.find_first_not_of("0123456789abcdef", algorithm.size()) == std::string_view::npos;
}

bool is_tag(std::string_view tag) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !tag.empty() && tag.size() <= 128 && tag[0] != '.' && tag[0] != '-' &&
         tag.find_first_not_of(letters) == std::string_view::npos;
}

Result<Manifest> parse_manifest(std::string_view text, std::string_view media_type) {
  if (text.size() > manifest_bytes_max) return invalid("it is larger than 4 MiB");
  const Result<json::value> parsed = parse_json(text);
  if (!parsed) return invalid(parsed.error().cause);
  const json::object* object = parsed->if_object();
  if (!object) return invalid("it must be a JSON object");
  const json::value* version = find(*object, "schemaVersion");
  if (!version || !version->is_int64() || version->get_int64() != 2)
    return invalid("schemaVersion must be 2");
  Manifest manifest;
  KIBAN_TRY(manifest.media_type, media_type_of(*object, media_type));
  if (manifest.media_type == docker_list || manifest.media_type == oci_index) {
    KIBAN_TRY(manifest.images, read_descriptors(*object, "manifests"));
    return manifest;
  }
  if (manifest.media_type != docker_image && manifest.media_type != oci_image)
    return invalid(
        fmt::format("'{}' is no media type of a manifest that is served", manifest.media_type));
  KIBAN_TRY(const Descriptor config, read_descriptor(find(*object, "config"), "config"));
  const json::string* artifact = find_string(*object, "artifactType");
  manifest.artifact_type = artifact ? to_string(*artifact) : config.media_type;
  manifest.blobs.push_back(config);
  KIBAN_TRY(const std::vector<Descriptor> layers, read_descriptors(*object, "layers"));
  std::ranges::copy_if(layers, std::back_inserter(manifest.blobs), std::not_fn(is_elsewhere));
  return manifest;
}

}  // namespace kiban::services::ecr
