// Root file systems of images, unpacked once for each digest.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "store/blobs.h"

namespace kiban::containers {

struct Image {
  std::string root{};     // Shared by all tasks: never written to.
  json::object config{};  // Member "config" of the image's configuration: Env, Cmd, User, ...
};

// The manifest as umoci takes it: Docker's media types are replaced by OCI's, whose bytes are the
// same. The error gives the manifest's fault.
Result<json::object> oci_manifest(std::string_view manifest);

class Images {
 public:
  // Image DIRECTORY/HEX/root. `blobs` holds configurations and layers by their SHA-256 and outlives
  // this.
  Images(std::string directory, std::string umoci, const store::Blobs& blobs)
      : directory_(std::move(directory)), umoci_(std::move(umoci)), blobs_(blobs) {}

  // `digest` is "sha256:HEX" of `manifest`. Blocks while this image is unpacked. Error
  // `CannotPullContainerError`.
  Result<Image> get(std::string_view manifest, std::string_view digest);

 private:
  Result<void> unpack(const std::string& target, const json::object& manifest);
  Result<json::object> write_layout(const std::string& layout, const json::object& manifest) const;
  // A link to the blob's file where there is one.
  Result<void> place_blob(const std::string& layout, const json::object& descriptor) const;

  std::string directory_;
  std::string umoci_;
  const store::Blobs& blobs_;
  std::mutex mutex_{};                             // Of the next.
  std::map<std::string, std::mutex> unpacking_{};  // By digest.
};

}  // namespace kiban::containers
