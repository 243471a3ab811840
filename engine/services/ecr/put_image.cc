// Layers and images as they come in.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "services/ecr/manifest.h"
#include "services/ecr/rows.h"
#include "store/blobs.h"

namespace kiban::services::ecr {
namespace {

Result<json::object> open_upload(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(open_repository(context, input, "ecr:InitiateLayerUpload"));
  return json::object{};
}

Result<json::object> put_layer(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(open_repository(context, input, "ecr:CompleteLayerUpload"));
  put_json(context, layer_key(context, text(input, "repositoryName"), text(input, "layerDigest")),
           {{"layerSize", input.at("layerSize")}});
  return json::object{};
}

Result<json::object> get_layer(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository,
            open_repository(context, input, "ecr:GetDownloadUrlForLayer"));
  const std::string digest = text(input, "layerDigest");
  auto row = get_json(context, layer_key(context, text(input, "repositoryName"), digest));
  if (!row)
    return fail("LayersNotFoundException",
                fmt::format("The layer with digest '{}' does not exist within the repository with "
                            "name '{}' in the registry with id '{}'",
                            digest, text(input, "repositoryName"), text(repository, "registryId")));
  return *std::move(row);
}

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html
Result<json::object> check_layers(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository,
            open_repository(context, input, "ecr:BatchCheckLayerAvailability"));
  json::array layers;
  json::array failures;
  for (const json::value& given : input.at("layerDigests").as_array()) {
    const std::string digest = to_string(given.as_string());
    if (!is_sha256(digest)) {
      failures.push_back({{"layerDigest", digest},
                          {"failureCode", "InvalidLayerDigest"},
                          {"failureReason", "Invalid layer digest"}});
      continue;
    }
    const auto row =
        get_json(context, layer_key(context, text(repository, "repositoryName"), digest));
    json::object layer{{"layerDigest", digest},
                       {"layerAvailability", row ? "AVAILABLE" : "UNAVAILABLE"}};
    if (row) layer["layerSize"] = row->at("layerSize");
    layers.push_back(std::move(layer));
  }
  return json::object{{"layers", std::move(layers)}, {"failures", std::move(failures)}};
}

// What a manifest refers to must be in its repository.
Result<void> check_references(const Context& context, const json::object& repository,
                              const Manifest& manifest) {
  const std::string name = text(repository, "repositoryName");
  const auto missing = [&](const std::vector<Descriptor>& all, const auto& key) {
    std::vector<std::string> absent;
    for (const Descriptor& each : all)
      if (!context.get(key(context, name, each.digest))) absent.push_back(each.digest);
    return absent;
  };
  const auto refused = [&](std::string error, std::string_view what,
                           const std::vector<std::string>& absent) {
    return fail(std::move(error),
                fmt::format("{} with digests '[{}]' required for pushing image into repository "
                            "with name '{}' in the registry with id '{}' do not exist",
                            what, fmt::join(absent, ", "), name, text(repository, "registryId")));
  };
  if (const auto layers = missing(manifest.blobs, layer_key); !layers.empty())
    return refused("LayersNotFoundException", "Layers", layers);
  if (const auto images = missing(manifest.images, image_key); !images.empty())
    return refused("ReferencedImagesNotFoundException", "Images", images);
  return {};
}

json::array digests_of(const std::vector<Descriptor>& descriptors) {
  json::array all;
  for (const Descriptor& each : descriptors) all.emplace_back(each.digest);
  return all;
}

json::object new_image(const Context& context, const json::object& repository,
                       const Manifest& manifest, const std::string& digest) {
  const std::string name = text(repository, "repositoryName");
  // Of an index: that of its largest image, as API_ImageDetail tells.
  std::uint64_t size = manifest.size();
  for (const Descriptor& child : manifest.images) {
    const auto row = get_json(context, image_key(context, name, child.digest));
    if (row) size = std::max(size, static_cast<std::uint64_t>(number(*row, "imageSizeInBytes", 0)));
  }
  json::object image{{"registryId", repository.at("registryId")},
                     {"repositoryName", name},
                     {"imageDigest", digest},
                     {"imageTags", json::array{}},
                     {"imageSizeInBytes", size},
                     {"imagePushedAt", epoch_seconds(context.now())},
                     {"imageManifestMediaType", manifest.media_type},
                     {"blobs", digests_of(manifest.blobs)},
                     {"images", digests_of(manifest.images)}};
  if (!manifest.artifact_type.empty()) image["artifactMediaType"] = manifest.artifact_type;
  return image;
}

void drop_tag(Context& context, const std::string& repository, std::string_view digest,
              const std::string& tag) {
  auto image = get_json(context, image_key(context, repository, digest));
  if (!image) return;
  json::array& tags = (*image)["imageTags"].as_array();
  const auto found = std::ranges::find(tags, json::value(tag));
  if (found != tags.end()) tags.erase(found);
  put_json(context, image_key(context, repository, digest), *image);
}

// https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
void publish_push(Context& context, const std::string& repository, const std::string& digest,
                  const std::string& tag) {
  json::object detail{{"result", "SUCCESS"},
                      {"repository-name", repository},
                      {"image-digest", digest},
                      {"action-type", "PUSH"}};
  if (!tag.empty()) detail["image-tag"] = tag;
  context.publish({.source = "aws.ecr",
                   .detail_type = "ECR Image Action",
                   .region = context.caller().region,
                   .account = context.caller().account,
                   .detail = std::move(detail)});
}

// An existing tag stands in the way of this push? `there`: the digest that it is on.
Result<void> check_tag(const json::object& repository, const std::string& tag,
                       const std::string& digest, std::string_view there) {
  const std::string name = text(repository, "repositoryName");
  if (is_immutable(repository, tag))
    return fail("ImageTagAlreadyExistsException",
                fmt::format("The image tag '{}' already exists in the '{}' repository and cannot "
                            "be overwritten because the repository is immutable.",
                            tag, name));
  if (there == digest)
    return fail("ImageAlreadyExistsException",
                fmt::format("Image with digest '{}' and tag '{}' already exists in the repository "
                            "with name '{}' in registry with id '{}'",
                            digest, tag, name, text(repository, "registryId")));
  return {};
}

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
Result<json::object> put_image(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository, open_repository(context, input, "ecr:PutImage"));
  const std::string name = text(repository, "repositoryName");
  const std::string manifest_text = text(input, "imageManifest");
  KIBAN_TRY(const Manifest manifest,
            parse_manifest(manifest_text, text(input, "imageManifestMediaType")));
  const std::string digest = "sha256:" + store::sha256_hex(manifest_text);
  if (text(input, "imageDigest", digest) != digest)
    return fail("ImageDigestDoesNotMatchException",
                fmt::format("The specified image digest '{}' does not match the digest '{}' that "
                            "was calculated for the image.",
                            text(input, "imageDigest"), digest));
  const std::string tag = text(input, "imageTag");
  if (input.contains("imageTag") && !is_tag(tag))
    return invalid_parameter("imageTag", fmt::format("'{}' is no tag", tag));
  const auto there = tag.empty() ? std::nullopt : context.get(tag_key(context, name, tag));
  if (there) KIBAN_TRY_VOID(check_tag(repository, tag, digest, *there));
  auto image = get_json(context, image_key(context, name, digest));
  if (image && tag.empty())
    return fail("ImageAlreadyExistsException",
                fmt::format("Image with digest '{}' already exists in the repository with name "
                            "'{}' in registry with id '{}'",
                            digest, name, text(repository, "registryId")));
  KIBAN_TRY_VOID(check_references(context, repository, manifest));
  if (!image) {
    image = new_image(context, repository, manifest, digest);
    context.put(manifest_key(context, name, digest), manifest_text);
  }
  json::object id{{"imageDigest", digest}};
  if (!tag.empty()) {
    if (there) drop_tag(context, name, *there, tag);
    (*image)["imageTags"].as_array().emplace_back(tag);
    context.put(tag_key(context, name, tag), digest);
    id["imageTag"] = tag;
  }
  put_json(context, image_key(context, name, digest), *image);
  publish_push(context, name, digest, tag);
  return json::object{{"image",
                       {{"registryId", repository.at("registryId")},
                        {"repositoryName", name},
                        {"imageId", std::move(id)},
                        {"imageManifest", manifest_text},
                        {"imageManifestMediaType", manifest.media_type}}}};
}

}  // namespace

const OperationTable& put_operations() {
  static const OperationTable table = {
      {"BatchCheckLayerAvailability", check_layers},
      {"PutImage", put_image},
      {"kiban:GetLayer", get_layer},
      {"kiban:OpenUpload", open_upload},
      {"kiban:PutLayer", put_layer},
  };
  return table;
}

}  // namespace kiban::services::ecr
