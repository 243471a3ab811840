// Images as they are listed, read and deleted.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "services/ecr/manifest.h"
#include "services/ecr/rows.h"

namespace kiban::services::ecr {
namespace {

// An imageId that could be resolved, or why not.
struct Found {
  std::string digest{};
  std::string tag{};  // As the request named it.
  json::object row{};
};

Result<Found> resolve(const Context& context, const std::string& repository,
                      const json::object& id) {
  Found found{.digest = text(id, "imageDigest"), .tag = text(id, "imageTag")};
  if (found.digest.empty() && found.tag.empty())
    return fail("MissingDigestAndTag",
                "Invalid request parameters: both tag and digest cannot be null");
  if (!found.digest.empty() && !is_sha256(found.digest))
    return fail("InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the "
                "regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
  if (!found.tag.empty()) {
    const auto tagged = context.get(tag_key(context, repository, found.tag));
    if (!tagged) return fail("ImageNotFound", "Requested image not found");
    if (!found.digest.empty() && found.digest != *tagged)
      return fail("ImageTagDoesNotMatchDigest",
                  "The specified image tag does not match the specified image digest");
    found.digest = *tagged;
  }
  auto row = get_json(context, image_key(context, repository, found.digest));
  if (!row) return fail("ImageNotFound", "Requested image not found");
  found.row = *std::move(row);
  return found;
}

json::object failure_of(const json::object& id, const Error& error) {
  return {{"imageId", id}, {"failureCode", error.name}, {"failureReason", error.cause}};
}

json::object id_of(const Found& found) {
  json::object id{{"imageDigest", found.digest}};
  if (!found.tag.empty()) id["imageTag"] = found.tag;
  return id;
}

// acceptedMediaTypes: "If the list does not include the type of the image, ..." is told nowhere;
// the image is given as it is then.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html
Result<json::object> batch_get_image(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository, open_repository(context, input, "ecr:BatchGetImage"));
  const std::string name = text(repository, "repositoryName");
  json::array images;
  json::array failures;
  for (const json::value& id : input.at("imageIds").as_array()) {
    Result<Found> found = resolve(context, name, id.as_object());
    if (!found) {
      failures.push_back(failure_of(id.as_object(), found.error()));
      continue;
    }
    images.push_back(
        {{"registryId", repository.at("registryId")},
         {"repositoryName", name},
         {"imageId", id_of(*found)},
         {"imageManifest", context.get(manifest_key(context, name, found->digest)).value_or("")},
         {"imageManifestMediaType", found->row.at("imageManifestMediaType")}});
    found->row["lastRecordedPullTime"] = epoch_seconds(context.now());
    put_json(context, image_key(context, name, found->digest), found->row);
  }
  return json::object{{"images", std::move(images)}, {"failures", std::move(failures)}};
}

std::vector<json::object> images_of(const Context& context, const json::object& repository,
                                    const json::object& input) {
  const json::object* filter = find_object(input, "filter");
  const std::string status = filter ? text(*filter, "tagStatus", "ANY") : "ANY";
  std::vector<json::object> all =
      list_json(context, image_key(context, text(repository, "repositoryName"), ""));
  std::erase_if(all, [&](const json::object& image) {
    const bool tagged = !image.at("imageTags").as_array().empty();
    return status != "ANY" && tagged != (status == "TAGGED");
  });
  return all;
}

// Every image is ACTIVE here: kiban archives none.
Result<void> check_filter(const json::object& input) {
  const json::object* filter = find_object(input, "filter");
  const std::string status = filter ? text(*filter, "imageStatus", "ACTIVE") : "ACTIVE";
  if (status == "ACTIVE" || status == "ANY") return {};
  return invalid_parameter("filter", "kiban has no archived images");
}

Result<json::object> list_images(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository, open_repository(context, input, "ecr:ListImages"));
  KIBAN_TRY_VOID(check_filter(input));
  json::array ids;
  for (const json::object& image : images_of(context, repository, input)) {
    const json::array& tags = image.at("imageTags").as_array();
    for (const json::value& tag : tags)
      ids.push_back({{"imageDigest", image.at("imageDigest")}, {"imageTag", tag}});
    if (tags.empty()) ids.push_back({{"imageDigest", image.at("imageDigest")}});
  }
  return reply_page(input, "imageIds", ids);
}

// All tags in lexical order, for the registry's tags/list.
Result<json::object> list_all_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository, open_repository(context, input, "ecr:ListImages"));
  const std::string prefix = tag_key(context, text(repository, "repositoryName"), "");
  json::array tags;
  for (const store::Row& row : context.scan(prefix))
    tags.emplace_back(row.key.substr(prefix.size()));
  return json::object{{"tags", std::move(tags)}};
}

json::object described(json::object image) {
  image.erase("blobs");
  image.erase("images");
  if (image.at("imageTags").as_array().empty()) image.erase("imageTags");
  return image;
}

Result<json::object> describe_images(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository, open_repository(context, input, "ecr:DescribeImages"));
  KIBAN_TRY_VOID(check_filter(input));
  json::array details;
  const json::array* ids = find_array(input, "imageIds");
  if (!ids) {
    for (json::object& image : images_of(context, repository, input))
      details.push_back(described(std::move(image)));
    return reply_page(input, "imageDetails", details);
  }
  KIBAN_TRY_VOID(check_no_page(input, "imageIds"));
  for (const json::value& value : *ids) {
    const json::object& id = value.as_object();
    Result<Found> found = resolve(context, text(repository, "repositoryName"), id);
    if (!found && found.error().name != "ImageNotFound")
      return fail("InvalidParameterException", found.error().cause);
    if (!found) {
      const auto quoted = [&](std::string_view member) { return text(id, member, "null"); };
      return fail("ImageNotFoundException",
                  fmt::format("The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not "
                              "exist within the repository with name '{}' in the registry with id "
                              "'{}'",
                              quoted("imageDigest"), quoted("imageTag"),
                              text(repository, "repositoryName"), text(repository, "registryId")));
    }
    details.push_back(described(std::move(found->row)));
  }
  return json::object{{"imageDetails", std::move(details)}};
}

// Deleting --------------------------------------------------------------------------------------

// Indexes that refer to the image.
std::vector<std::string> indexes_with(const Context& context, const std::string& repository,
                                      const std::string& digest) {
  std::vector<std::string> found;
  for (const json::object& image : list_json(context, image_key(context, repository, ""))) {
    const json::array& children = image.at("images").as_array();
    if (std::ranges::find(children, json::value(digest)) != children.end())
      found.push_back(text(image, "imageDigest"));
  }
  return found;
}

void publish_delete(Context& context, const std::string& repository, const json::object& id) {
  json::object detail{{"result", "SUCCESS"},
                      {"repository-name", repository},
                      {"image-digest", id.at("imageDigest")},
                      {"action-type", "DELETE"}};
  if (id.contains("imageTag")) detail["image-tag"] = id.at("imageTag");
  context.publish({.source = "aws.ecr",
                   .detail_type = "ECR Image Action",
                   .region = context.caller().region,
                   .account = context.caller().account,
                   .detail = std::move(detail)});
}

// A tag goes alone unless it is the last one; a digest takes all of its tags along.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
Result<json::array> delete_image(Context& context, const std::string& repository, Found found) {
  json::array& tags = found.row["imageTags"].as_array();
  json::array gone;
  if (!found.tag.empty()) {
    gone.emplace_back(found.tag);
    tags.erase(std::ranges::find(tags, json::value(found.tag)));
  } else {
    gone = std::exchange(tags, {});
  }
  if (tags.empty()) {
    const auto indexes = indexes_with(context, repository, found.digest);
    if (!indexes.empty())
      return fail("ImageReferencedByManifestList",
                  fmt::format("Requested image referenced by manifest list: [{}]",
                              fmt::join(indexes, ", ")));
    context.erase(image_key(context, repository, found.digest));
    context.erase(manifest_key(context, repository, found.digest));
  } else {
    put_json(context, image_key(context, repository, found.digest), found.row);
  }
  json::array ids;
  for (const json::value& tag : gone) {
    context.erase(tag_key(context, repository, tag.as_string()));
    ids.push_back({{"imageDigest", found.digest}, {"imageTag", tag}});
  }
  if (gone.empty()) ids.push_back({{"imageDigest", found.digest}});
  for (const json::value& id : ids) publish_delete(context, repository, id.as_object());
  return ids;
}

Result<json::object> batch_delete_image(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object repository, open_repository(context, input, "ecr:BatchDeleteImage"));
  const std::string name = text(repository, "repositoryName");
  json::array ids;
  json::array failures;
  for (const json::value& id : input.at("imageIds").as_array()) {
    Result<Found> found = resolve(context, name, id.as_object());
    const Result<json::array> gone =
        found ? delete_image(context, name, *std::move(found))
              : Result<json::array>(std::unexpected(std::move(found).error()));
    if (!gone) {
      failures.push_back(failure_of(id.as_object(), gone.error()));
      continue;
    }
    ids.insert(ids.end(), gone->begin(), gone->end());
  }
  return json::object{{"imageIds", std::move(ids)}, {"failures", std::move(failures)}};
}

}  // namespace

const OperationTable& image_operations() {
  static const OperationTable table = {
      {"BatchDeleteImage", batch_delete_image}, {"BatchGetImage", batch_get_image},
      {"DescribeImages", describe_images},      {"ListImages", list_images},
      {"kiban:ListTags", list_all_tags},
  };
  return table;
}

}  // namespace kiban::services::ecr
