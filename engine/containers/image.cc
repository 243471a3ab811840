#include "containers/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "containers/files.h"
#include "containers/program.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view oci_config = "application/vnd.oci.image.config.v1+json";

std::unexpected<Error> refuse(std::string cause) {
  return fail("CannotPullContainerError", std::move(cause));
}

// Hexadecimal digits of "sha256:HEX"; empty when it is something else.
std::string hex_of(std::string_view digest) {
  constexpr std::string_view algorithm = "sha256:";
  if (!digest.starts_with(algorithm)) return {};
  const std::string_view hex = digest.substr(algorithm.size());
  const bool good = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == hex.npos;
  return good ? std::string(hex) : std::string();
}

// https://github.com/opencontainers/image-spec/blob/v1.0.2/media-types.md#compatibility-matrix
Result<std::string> oci_layer_type(const std::string& type) {
  if (type.starts_with("application/vnd.oci.image.layer.")) return type;
  if (type == "application/vnd.docker.image.rootfs.diff.tar.gzip")
    return std::string("application/vnd.oci.image.layer.v1.tar+gzip");
  if (type == "application/vnd.docker.image.rootfs.diff.tar")
    return std::string("application/vnd.oci.image.layer.v1.tar");
  return refuse(fmt::format("a layer has the media type {}, which kiban can't unpack", type));
}

json::object descriptor_of(std::string_view type, const std::string& bytes) {
  return {{"mediaType", type},
          {"digest", "sha256:" + store::sha256_hex(bytes)},
          {"size", bytes.size()}};
}

}  // namespace

Result<json::object> oci_manifest(std::string_view manifest) {
  const auto parsed = parse_json(manifest);
  if (!parsed || !parsed->is_object()) return refuse("the image's manifest is no JSON object");
  json::object out = parsed->get_object();
  out["schemaVersion"] = 2;
  out["mediaType"] = "application/vnd.oci.image.manifest.v1+json";
  json::value* config = out.if_contains("config");
  json::value* layers = out.if_contains("layers");
  if (!config || !config->is_object() || !layers || !layers->is_array())
    return refuse("the image's manifest has no config and layers: it is no image for linux/amd64");
  config->get_object()["mediaType"] = oci_config;
  for (json::value& layer : layers->get_array()) {
    if (!layer.is_object()) return refuse("the image's manifest has a layer without descriptor");
    KIBAN_TRY(const std::string type, oci_layer_type(text(layer.get_object(), "mediaType")));
    layer.get_object()["mediaType"] = type;
  }
  return out;
}

Result<Image> Images::get(std::string_view manifest, std::string_view digest) {
  const std::string hex = hex_of(digest);
  if (hex.empty()) return refuse(fmt::format("'{}' is no digest of an image", digest));
  std::unique_lock all{mutex_};
  std::mutex& one = unpacking_[hex];
  all.unlock();
  const std::lock_guard lock{one};
  const std::string target = directory_ + "/" + hex;
  if (!fs::exists(target)) {
    KIBAN_TRY(const json::object oci, oci_manifest(manifest));
    KIBAN_TRY_VOID(unpack(target, oci));
  }
  const auto config = parse_json(read_file(target + "/config.json"));
  if (!config || !config->is_object()) return refuse("the image's configuration is unreadable");
  const json::object* inner = find_object(config->get_object(), "config");
  return Image{.root = target + "/root", .config = inner ? *inner : json::object{}};
}

Result<void> Images::unpack(const std::string& target, const json::object& manifest) {
  const std::string work = target + ".new";
  std::error_code failed;
  fs::remove_all(work, failed);
  fs::create_directories(work + "/layout/blobs/sha256", failed);
  if (failed) return refuse(fmt::format("can't create {}: {}", work, failed.message()));
  KIBAN_TRY(const json::object config, write_layout(work + "/layout", manifest));
  // umoci ends the path at its first colon, so the folder is passed as a descriptor's number.
  // Folders that no layer names get their mode from the umask.
  const int folder = ::open(work.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const std::string here = fmt::format("/proc/{}/fd/{}", ::getpid(), folder);
  const auto unpacked =
      run_program({"/bin/sh", "-c", R"(umask 022; exec "$@")", "sh", umoci_, "raw", "unpack",
                   "--image", here + "/layout:image", here + "/root"},
                  {}, copy_time_max);
  if (folder >= 0) ::close(folder);
  fs::remove_all(work + "/layout", failed);
  if (!unpacked) {
    fs::remove_all(work, failed);
    return refuse(unpacked.error().cause);
  }
  KIBAN_TRY_VOID(write_file(work + "/config.json", print_json(config)));
  // After a power cut the folder must be complete or absent.
  const int descriptor = ::open(work.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::syncfs(descriptor);
    ::close(descriptor);
  }
  fs::rename(work, target, failed);
  if (failed) return refuse(fmt::format("can't create {}: {}", target, failed.message()));
  return {};
}

// An OCI layout with this one image, named "image". Returns the image's configuration.
Result<json::object> Images::write_layout(const std::string& layout,
                                          const json::object& manifest) const {
  const json::object& described = manifest.at("config").as_object();
  KIBAN_TRY_VOID(place_blob(layout, described));
  for (const json::value& layer : manifest.at("layers").as_array())
    KIBAN_TRY_VOID(place_blob(layout, layer.as_object()));
  const std::string bytes = print_json(manifest);
  KIBAN_TRY_VOID(write_file(layout + "/blobs/sha256/" + store::sha256_hex(bytes), bytes));
  json::object descriptor = descriptor_of("application/vnd.oci.image.manifest.v1+json", bytes);
  descriptor["annotations"] = {{"org.opencontainers.image.ref.name", "image"}};
  KIBAN_TRY_VOID(write_file(
      layout + "/index.json",
      print_json(json::object{{"schemaVersion", 2}, {"manifests", {std::move(descriptor)}}})));
  KIBAN_TRY_VOID(write_file(layout + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  const auto parsed =
      parse_json(read_file(layout + "/blobs/sha256/" + hex_of(text(described, "digest"))));
  if (!parsed || !parsed->is_object()) return refuse("the image's configuration is no JSON object");
  return parsed->get_object();
}

Result<void> Images::place_blob(const std::string& layout, const json::object& descriptor) const {
  const std::string hex = hex_of(text(descriptor, "digest"));
  const std::string target = layout + "/blobs/sha256/" + hex;
  const auto lost = [&] {
    return refuse(fmt::format("the registry has lost the blob {}", text(descriptor, "digest")));
  };
  if (hex.empty()) return lost();
  if (const auto file = blobs_.file(hex)) {
    std::error_code failed;
    fs::create_symlink(fs::absolute(*file), target, failed);
    if (!failed) return {};
  }
  const auto bytes = blobs_.read(hex);
  if (!bytes) return lost();
  return write_file(target, *bytes);
}

}  // namespace kiban::containers
