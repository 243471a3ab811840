#include "services/ecs/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/ecs/execution_role.h"

namespace kiban::services::ecs {
namespace {

// HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.
struct Name {
  std::string host{};
  std::string repository{};
  json::object id{};  // ECR's imageId.
};

Name parse_name(std::string_view text) {
  Name name;
  const std::size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash);
  // As Docker tells a host from a folder.
  if (slash != text.npos && first.find_first_of(".:") != first.npos) {
    name.host = first;
    text.remove_prefix(slash + 1);
  }
  if (const std::size_t at = text.find('@'); at != text.npos) {
    name.id["imageDigest"] = text.substr(at + 1);
    text = text.substr(0, at);
    text = text.substr(0, text.find(':'));
  } else {
    const std::size_t colon = text.find(':');
    name.id["imageTag"] = colon == text.npos ? "latest" : text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  name.repository = text;
  return name;
}

// The region of ACCOUNT.dkr.ecr.REGION.amazonaws.com; nullopt for any other host.
std::optional<std::string> ecr_region(std::string_view host) {
  constexpr std::string_view middle = ".dkr.ecr.";
  const std::size_t at = host.find(middle);
  if (at != 12 || host.find(".amazonaws.com") == host.npos) return std::nullopt;
  const std::string_view rest = host.substr(at + middle.size());
  return std::string(rest.substr(0, rest.find('.')));
}

// A host without its port; IPv6 addresses are in brackets.
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  return colon == host.npos || host.find(']', colon) != host.npos ? host : host.substr(0, colon);
}

// repositoryUri names this server itself, on the port that it had when it was asked.
bool is_own(std::string_view host, std::string_view endpoint) {
  const std::string_view name = without_port(host);
  return name == without_port(endpoint.substr(endpoint.find("://") + 3)) || name == "127.0.0.1" ||
         name == "localhost";
}

std::unexpected<Error> refuse(std::string_view why) {
  return fail("CannotPullContainerError", std::string(why));
}

// As recorded by AWS for a missing image, but for the registry's own words behind the name.
std::unexpected<Error> unresolved(std::string_view name, std::string_view why) {
  return refuse(fmt::format(
      "pull image manifest has been retried 1 time(s): failed to resolve ref {0}: {1}", name, why));
}

struct Found {
  std::string manifest{};
  std::string digest{};
};

Result<Found> get_image(Context& context, const Name& name, const json::object& id,
                        const Caller& as) {
  // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html
  KIBAN_TRY(const json::object reply,
            context.call("ecr", "BatchGetImage",
                         {{"repositoryName", name.repository},
                          {"imageIds", {id}},
                          {"acceptedMediaTypes",
                           {"application/vnd.oci.image.manifest.v1+json",
                            "application/vnd.oci.image.index.v1+json",
                            "application/vnd.docker.distribution.manifest.v2+json",
                            "application/vnd.docker.distribution.manifest.list.v2+json"}}},
                         as));
  const json::array* images = find_array(reply, "images");
  if (!images || images->empty()) return fail("ImageNotFoundException", "not found");
  const json::object& image = images->front().as_object();
  const json::object* found = find_object(image, "imageId");
  return Found{.manifest = text(image, "imageManifest"),
               .digest = found ? text(*found, "imageDigest") : std::string()};
}

// The manifest for this machine's platform in an index; empty when `manifest` is no index.
Result<std::string> platform_digest(std::string_view manifest) {
  const auto parsed = parse_json(manifest);
  if (!parsed || !parsed->is_object()) return fail("InvalidManifest", "its manifest is no JSON");
  const json::array* manifests = find_array(parsed->get_object(), "manifests");
  if (!manifests) return std::string();
  for (const json::value& one : *manifests) {
    const json::object* platform =
        one.is_object() ? find_object(one.get_object(), "platform") : nullptr;
    if (platform && text(*platform, "os") == "linux" && text(*platform, "architecture") == "amd64")
      return text(one.get_object(), "digest");
  }
  return fail("NoPlatform",
              "image Manifest does not contain descriptor matching platform 'linux/amd64'");
}

bool is_missing(const Error& error) {
  return error.name == "ImageNotFoundException" || error.name == "RepositoryNotFoundException";
}

}  // namespace

Result<Image> resolve_image(Context& context, std::string_view name, const Caller& role) {
  const Name parsed = parse_name(name);
  const auto region = ecr_region(parsed.host);
  const std::string_view endpoint = context.endpoint();
  if (!region && !is_own(parsed.host, endpoint))
    return refuse(fmt::format(
        "kiban pulls images from its own ECR only, not {0}. Create a repository there and push it: "
        "skopeo copy docker://{0} docker://{1}/REPOSITORY:TAG --dest-tls-verify=false",
        name, endpoint.substr(endpoint.find("://") + 3)));
  Caller as = role;
  if (region) as.region = *region;
  KIBAN_TRY_VOID(check_registry(
      context,
      fmt::format("arn:aws:ecr:{}:{}:repository/{}", as.region, as.account, parsed.repository),
      name, as));
  auto found = get_image(context, parsed, parsed.id, as);
  if (!found && is_refusal(found.error())) return pull_refused(name);
  if (!found)
    return unresolved(
        name, is_missing(found.error()) ? fmt::format("{}: not found", name) : found.error().cause);
  Image image{.manifest = std::move(found->manifest), .digest = std::move(found->digest)};
  const auto platform = platform_digest(image.manifest);
  if (!platform) return refuse(platform.error().cause);
  if (platform->empty()) return image;
  auto inner = get_image(context, parsed, {{"imageDigest", *platform}}, as);
  if (!inner) return unresolved(name, inner.error().cause);
  return Image{.manifest = std::move(inner->manifest), .digest = std::move(inner->digest)};
}

}  // namespace kiban::services::ecs
