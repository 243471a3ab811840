#include "api/known_services.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "api/sigv4.h"

namespace kiban::api {
namespace {

bool speaks_rest(Protocol protocol) {
  return protocol == Protocol::RestJson || protocol == Protocol::RestXml;
}

// S3 Control is signed like S3; its paths have its version and its requests name the account.
bool is_s3_control(const HttpRequest& request) {
  return request.path.starts_with("/v20180820/") && header(request, "x-amz-account-id");
}

Meant summarise(std::vector<const KnownService*> found, bool rest) {
  // Of services with one signing name, those that could have sent such a request.
  const auto fits = [rest](const KnownService* one) { return speaks_rest(one->protocol) == rest; };
  if (std::ranges::any_of(found, fits))
    std::erase_if(found, [&](const KnownService* one) { return !fits(one); });
  Meant out;
  if (found.empty()) return out;
  out.protocol = found.front()->protocol;
  for (const KnownService* one : found) {
    if (!out.names.empty()) out.names += " or ";
    out.names += one->service_id;
  }
  return out;
}

}  // namespace

Meant meant_service(const HttpRequest& request, std::string_view form_version) {
  const auto where = [](auto predicate) {
    std::vector<const KnownService*> found;
    for (const KnownService& one : known_services())
      if (predicate(one)) found.push_back(&one);
    return found;
  };
  if (is_s3_control(request))
    return summarise(where([](const KnownService& one) { return one.service_id == "S3 Control"; }),
                     true);
  std::string_view target = header(request, "x-amz-target").value_or("");
  target = target.substr(0, target.rfind('.'));
  if (!target.empty()) {
    auto found = where([&](const KnownService& one) { return one.target_prefix == target; });
    if (!found.empty()) return summarise(std::move(found), false);
  }
  const std::optional<Signature> signature = read_signature(request);
  if (!signature) return {};
  auto found =
      where([&](const KnownService& one) { return one.signing_name == signature->service; });
  if (!form_version.empty()) {
    const auto same = [&](const KnownService* one) { return one->api_version == form_version; };
    if (std::ranges::any_of(found, same))
      std::erase_if(found, [&](const KnownService* one) { return !same(one); });
  }
  const bool rest =
      target.empty() && form_version.empty() && !header(request, "smithy-protocol").has_value();
  return summarise(std::move(found), rest);
}

}  // namespace kiban::api
