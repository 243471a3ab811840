// The names of all services of AWS, for the error of a request to a service that kiban lacks.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/codec.h"
#include "api/model.h"

namespace kiban::api {

struct KnownService {
  std::string_view service_id{};     // "Lambda".
  std::string_view signing_name{};   // In the credential scope; several services may share one.
  std::string_view target_prefix{};  // Of X-Amz-Target; empty unless it speaks json.
  std::string_view api_version{};
  Protocol protocol{Protocol::Json};
};

// By botocore's folder. tools/generate_models.py writes it at build time.
std::span<const KnownService> known_services();

// The services that a request may be meant for, by its target, its form's Version, its path and
// the signing name in its credential scope.
struct Meant {
  std::string names{};  // "Lambda"; "API Gateway or ApiGatewayV2"; empty: unknown.
  Protocol protocol{Protocol::Json};
};
// `form_version` is the Version of a form, or empty.
Meant meant_service(const HttpRequest& request, std::string_view form_version);

}  // namespace kiban::api
