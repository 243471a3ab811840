#include "services/lambda/code.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "core/zip.h"
#include "services/base/bulk.h"
#include "services/base/table_service.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
constexpr std::uint64_t unzipped_bytes_max = 262'144'000;

std::string bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>((digit(hex[i]) << 4U) | digit(hex[i + 1]));
  return out;
}

Result<json::object> from_s3(Context& context, const json::object& code) {
  json::object request{{"Bucket", text(code, "S3Bucket")}, {"Key", text(code, "S3Key")}};
  if (code.contains("S3ObjectVersion")) request["VersionId"] = code.at("S3ObjectVersion");
  const auto reply = context.call("s3", "GetObject", request, context.caller());
  if (!reply && reply.error().name == "AccessDenied")
    return fail("AccessDeniedException",
                fmt::format("Your access has been denied by S3, please make sure your request "
                            "credentials have permission to GetObject for {}/{}. S3 Error Code: "
                            "AccessDenied. S3 Error Message: {}",
                            text(code, "S3Bucket"), text(code, "S3Key"), reply.error().cause));
  if (!reply)
    return invalid(
        fmt::format("Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
                    reply.error().name, reply.error().cause));
  const json::object* body = find_object(*reply, "Body");
  KIBAN_TRY(const std::string bytes, read_bulk(context, body ? *body : json::object{}));
  return keep_archive(context, bytes);
}

// ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG or @DIGEST, or with another registry's name
// before the first slash.
Result<json::object> from_image(Context& context, const std::string& uri) {
  const auto missing = [&]() {
    return invalid(
        fmt::format("Source image {} does not exist. Provide a valid source image.", uri));
  };
  const std::size_t slash = uri.find('/');
  if (slash == std::string::npos) return missing();
  std::string repository = uri.substr(slash + 1);
  json::object id;
  if (const std::size_t at = repository.find('@'); at != std::string::npos) {
    id["imageDigest"] = repository.substr(at + 1);
    repository.resize(at);
  } else if (const std::size_t colon = repository.find(':'); colon != std::string::npos) {
    id["imageTag"] = repository.substr(colon + 1);
    repository.resize(colon);
  } else {
    id["imageTag"] = "latest";
  }
  if (const std::size_t colon = repository.find(':'); colon != std::string::npos)
    repository.resize(colon);
  const auto found = context.call("ecr", "BatchGetImage",
                                  {{"repositoryName", repository}, {"imageIds", json::array{id}}},
                                  context.caller());
  if (!found && found.error().name == "AccessDeniedException")
    return fail("AccessDeniedException",
                "Lambda does not have permission to access the ECR image. Check the ECR "
                "permissions.");
  const json::array* images = found ? find_array(*found, "images") : nullptr;
  if (!images || images->empty()) return missing();
  const json::object& image = images->front().as_object();
  const json::object* given = find_object(image, "imageId");
  const auto manifest = parse_json(text(image, "imageManifest"));
  if (!manifest || !manifest->is_object() || manifest->get_object().contains("manifests"))
    return invalid(
        fmt::format("The image manifest, config or layer media type for the source image {} is not "
                    "supported.",
                    uri));
  const std::string digest = given ? text(*given, "imageDigest") : "";
  return json::object{{"Uri", uri},
                      {"Registry", uri.substr(0, slash)},
                      {"Repository", repository},
                      {"ImageDigest", digest},
                      {"ImageManifest", text(image, "imageManifest")},
                      {"Size", 0},
                      {"Sha256", digest.substr(digest.find(':') + 1)}};
}

}  // namespace

Result<json::object> keep_archive(Context& context, std::string_view bytes) {
  const auto entries = read_zip_directory(bytes);
  if (!entries)
    return invalid(
        "Could not unzip uploaded file. Please check your file, then try to upload again.");
  std::uint64_t unzipped = 0;
  for (const ZipEntry& entry : *entries) unzipped += entry.size;
  if (entries->empty()) return invalid("Uploaded file must be a non-empty zip");
  if (unzipped > unzipped_bytes_max)
    return invalid(fmt::format("Unzipped size must be smaller than {} bytes", unzipped_bytes_max));
  const std::string digest = context.put_blob(bytes);
  return json::object{{"Digest", digest},
                      {"Size", bytes.size()},
                      {"Sha256", api::encode_base64(bytes_of_hex(digest))}};
}

Result<json::object> read_code(Context& context, const json::object& code) {
  const bool inlined = code.contains("ZipFile");
  const bool in_s3 = code.contains("S3Bucket") || code.contains("S3Key");
  const bool image = code.contains("ImageUri");
  if (code.contains("SourceKMSKeyArn"))
    return invalid("kiban does not support SourceKMSKeyArn: archives are kept as they came");
  if (static_cast<int>(inlined) + static_cast<int>(in_s3) + static_cast<int>(image) != 1)
    return invalid(
        "Please do not provide other FunctionCode parameters when providing a ZipFile, or provide "
        "one of ZipFile, S3Bucket with S3Key, and ImageUri.");
  if (image) return from_image(context, text(code, "ImageUri"));
  if (in_s3) return from_s3(context, code);
  const auto bytes = api::decode_base64(text(code, "ZipFile"));
  return keep_archive(context, bytes ? *bytes : std::string());
}

}  // namespace kiban::services::lambda
