// Whole requests: the first byte picks what kind, the rest is path, query string or body.
#include <cstdlib>

#include "api/codec.h"
#include "api/sigv4.h"
#include "api/validate.h"

namespace {

using kiban::api::HttpRequest;

constexpr std::string_view credential = "AWS4-HMAC-SHA256 Credential=AKID/20261124/ap-northeast-1/";

HttpRequest make_request(unsigned kind, std::string rest) {
  constexpr std::string_view services[] = {"sts", "sqs", "iam", "s3", "ssm", "ec2"};
  HttpRequest request;
  request.headers = {
      {"Host", "h"},
      {"Authorization", std::string(credential) + std::string(services[kind / 4 % 6]) +
                            "/aws4_request, SignedHeaders=host, Signature=00"}};
  switch (kind % 4) {
    case 0:
      request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
      request.body = std::move(rest);
      break;
    case 1:
      request.headers.emplace_back("X-Amz-Target", "AmazonSQS.SendMessageBatch");
      request.body = std::move(rest);
      break;
    case 2: {
      constexpr std::string_view methods[] = {"GET", "PUT", "DELETE", "HEAD"};
      request.method = std::string(methods[kind / 4 % 4]);
      const std::size_t mark = rest.find('?');
      request.path = "/" + rest.substr(0, mark);
      if (mark != std::string::npos) request.query = rest.substr(mark + 1);
      request.headers = {{"Host", "h"}, {"Authorization", rest}};
      break;
    }
    case 3:
      if (kind / 4 % 2 == 1) {
        request.path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
        request.headers.emplace_back("smithy-protocol", "rpc-v2-cbor");
        request.body = std::move(rest);
        break;
      }
      [[fallthrough]];
    default:
      request.path = "/bucket";
      request.query = "delete";
      request.headers.emplace_back("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
      request.body = std::move(rest);
  }
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban::api;
  if (size == 0) return 0;
  const HttpRequest request =
      make_request(data[0], std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  const Wire wire = identify(request);
  Verifier verifier;
  (void)verifier.verify(
      request, wire, [](std::string_view) { return Key{.secret = "s"}; }, kiban::Timestamp{});
  const auto decoded = decode(request, wire);
  if (!decoded) {
    if (encode_error(wire, decoded.error(), "id").status < 300) abort();
    return 0;
  }
  (void)validate(*wire.service, *wire.operation, decoded->input);
  (void)encode_reply(wire, decoded->input, "id");
  return 0;
}
