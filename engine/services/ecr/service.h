// Amazon ECR: repositories, images and layers.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html
//
// Images come in and go out through the registry (engine/runtime/registry.h), which keeps the bytes
// of layers as blobs and tells this service by operations of our own:
//   kiban:OpenUpload  {repositoryName}                          may one push here?
//   kiban:PutLayer    {repositoryName, layerDigest, layerSize}  its bytes are on disk
//   kiban:GetLayer    {repositoryName, layerDigest} -> {layerSize}
//   kiban:ListTags    {repositoryName} -> {tags}
// Other than at AWS:
// - repositoryUri and proxyEndpoint name this server, so that what is printed can be pushed to. The
//   host of an image's name is ignored wherever one is read.
// - Lifecycle policies and scan settings are kept and not carried out.
// - Layers that no image needs any more stay until the repository goes; their bytes stay.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::ecr {

std::unique_ptr<Service> make_ecr();

// The password of a GetAuthorizationToken: who asked for it, where, and until when.
struct Token {
  std::string caller{};  // Principal ARN.
  std::string region{};
  Timestamp expires{};  // By the kernel's clock.
};
// The row whose value `key` signs passwords; there is none until the first was given out.
constexpr std::string_view token_key_row = "ecr/token-key";
// nullopt: we never gave it out. Expired ones are read.
std::optional<Token> read_token(std::string_view key, std::string_view password);

}  // namespace kiban::services::ecr
