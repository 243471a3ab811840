#include "load/requests.h"

#include <fmt/format.h>

#include "api/model.h"

namespace kiban::load {

namespace {

constexpr std::chrono::minutes signature_age_max{2};

}  // namespace

std::string signed_request(const Target& target, const Operation& operation, std::string body,
                           Timestamp now) {
  const api::Service* model = api::find_service(operation.service);
  KIBAN_CHECK(model != nullptr && !model->target_prefix.empty(), "a service that speaks JSON");
  api::HttpRequest request{
      .method = "POST",
      .path = "/",
      .headers = {{"Host", target.host},
                  {"Content-Type", fmt::format("application/x-amz-json-{}", model->json_version)},
                  {"X-Amz-Target", fmt::format("{}.{}", model->target_prefix, operation.name)}},
      .body = std::move(body)};
  api::Signer signer = target.signer;
  signer.service = model->signing_name;
  api::sign(request, signer, now);
  std::string bytes = "POST / HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers) bytes += name + ": " + value + "\r\n";
  return bytes + fmt::format("Content-Length: {}\r\n\r\n", request.body.size()) + request.body;
}

Requests::Requests(Target target, Operation operation, std::vector<std::string> bodies,
                   Timestamp now)
    : target_(std::move(target)), operation_(std::move(operation)), bodies_(std::move(bodies)) {
  KIBAN_CHECK(!bodies_.empty(), "at least one body");
  signed_.reserve(bodies_.size());
  for (const std::string& body : bodies_) signed_.push_back({.bytes = sign(body, now), .at = now});
}

std::shared_ptr<const std::string> Requests::sign(const std::string& body, Timestamp now) const {
  return std::make_shared<const std::string>(signed_request(target_, operation_, body, now));
}

std::shared_ptr<const std::string> Requests::next(Timestamp now) {
  const std::size_t index = turn_++ % bodies_.size();
  Signed& chosen = signed_[index];
  if (now - chosen.at > signature_age_max) chosen = {.bytes = sign(bodies_[index], now), .at = now};
  return chosen.bytes;
}

}  // namespace kiban::load
