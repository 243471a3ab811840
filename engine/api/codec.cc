#include "api/codec.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "api/checksums.h"
#include "api/known_services.h"
#include "api/protocols.h"
#include "api/sigv4.h"
#include "api/values.h"
#include "core/letters.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

bool is_form(const HttpRequest& request) {
  const auto type = header(request, "content-type");
  return request.method == "POST" && type &&
         same_letters(type->substr(0, type->find(';')), "application/x-www-form-urlencoded");
}

void set_operation(Wire& wire, std::string_view name) {
  wire.operation_name = to_utf8(name);
  if (wire.service) wire.operation = wire.service->operation(name);
}

void identify_json(Wire& wire, const HttpRequest& request, std::string_view target,
                   const std::optional<Signature>& signature) {
  wire.protocol = Protocol::Json;
  const std::size_t dot = target.rfind('.');
  wire.service = find_service_by_target_prefix(target.substr(0, dot));
  if (!wire.service && signature) wire.service = find_service_by_signing_name(signature->service);
  const auto type = header(request, "content-type");
  wire.json_version = type && type->find("json-1.1") != std::string_view::npos ? "1.1" : "1.0";
  if (dot != std::string_view::npos) set_operation(wire, target.substr(dot + 1));
}

// Action and Version without decoding the rest of a form, which may be long.
std::string form_value(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return decode_uri(pair.substr(name.size() + 1), Plus::IsSpace).value_or("");
    }
  }
  return {};
}

// POST /service/GraniteServiceVersion20100801/operation/PutMetricData
void identify_cbor(Wire& wire, std::string_view path, const std::optional<Signature>& signature) {
  constexpr std::string_view before_service = "/service/";
  constexpr std::string_view before_operation = "/operation/";
  wire.protocol = Protocol::RpcV2Cbor;
  const std::size_t at = path.find(before_operation);
  if (!path.starts_with(before_service) || at == std::string_view::npos) return;
  wire.service =
      find_service_by_target_prefix(path.substr(before_service.size(), at - before_service.size()));
  if (!wire.service && signature) wire.service = find_service_by_signing_name(signature->service);
  set_operation(wire, path.substr(at + before_operation.size()));
}

const Service* service_of_version(std::string_view version) {
  for (const Service* service : services()) {
    const bool form = service->protocol == Protocol::Query || service->protocol == Protocol::Ec2 ||
                      service->serves_query;
    if (form && service->api_version == version) return service;
  }
  return nullptr;
}

bool is_other_service(std::string_view signing_name, std::string_view version) {
  return std::ranges::any_of(known_services(), [&](const KnownService& one) {
    return one.signing_name == signing_name && one.api_version == version;
  });
}

void identify_form(Wire& wire, std::string_view form, const std::optional<Signature>& signature) {
  const std::string version = form_value(form, "Version");
  if (signature) {
    wire.service = find_service_by_signing_name(signature->service, version);
    // Another version of a service that is served, unless it is another service with its name:
    // Classic Load Balancing is signed like the new one.
    if (!wire.service && !is_other_service(signature->service, version))
      wire.service = find_service_by_signing_name(signature->service);
  } else if (!version.empty()) {
    wire.service = service_of_version(version);
  }
  const bool ec2 = wire.service && wire.service->protocol == Protocol::Ec2;
  wire.protocol = ec2 ? Protocol::Ec2 : Protocol::Query;
  set_operation(wire, form_value(form, "Action"));
}

void identify_rest(Wire& wire, const HttpRequest& request,
                   const std::optional<Signature>& signature) {
  wire.service = signature ? find_service_by_signing_name(signature->service) : find_service("s3");
  wire.resource = to_utf8(decode_uri(request.path).value_or(request.path));
  // Only a path of S3 Control looks like another service's that is served.
  if (!wire.service || request.path.starts_with("/v20180820/")) {
    const Meant meant = meant_service(request, {});
    if (meant.names == "S3 Control") wire.service = nullptr;
    if (!wire.service) {
      wire.protocol = meant.protocol;
      wire.operation_name = to_utf8(request.method + " " + request.path);
      return;
    }
  }
  wire.protocol = wire.service->protocol;
  if (wire.protocol != Protocol::RestXml && wire.protocol != Protocol::RestJson) return;
  if (const KnownOperation* operation = match_rest_operation(*wire.service, request)) {
    set_operation(wire, operation->name);
  }
}

// docs/status.md lists what is served.
std::unexpected<Error> unknown_service(const Wire& wire, const HttpRequest& request,
                                       std::string_view name) {
  const bool form = wire.protocol == Protocol::Query || wire.protocol == Protocol::Ec2;
  const std::string version =
      form ? form_value(is_form(request) ? request.body : request.query, "Version") : std::string();
  const Meant meant = meant_service(request, version);
  const auto signature = read_signature(request);
  std::string service = meant.names;
  if (service.empty() && signature) service = to_utf8(signature->service);
  if (service.empty())
    return fail(
        "UnknownOperationException",
        fmt::format("No service that kiban serves takes this request (operation {})", name));
  return fail("UnknownOperationException",
              fmt::format("kiban does not serve {} (operation {}). The services that it serves are "
                          "listed in docs/status.md.",
                          service, name));
}

std::unexpected<Error> unknown_operation(const Wire& wire, const HttpRequest& request) {
  const std::string name = wire.operation_name.empty() ? "(none)" : wire.operation_name;
  if (wire.service && !wire.service->has_operation(wire.operation_name)) {
    if (wire.protocol == Protocol::Query || wire.protocol == Protocol::Ec2) {
      return fail("InvalidAction", fmt::format("Could not find operation {} for version {}", name,
                                               wire.service->api_version));
    }
    return fail("UnknownOperationException",
                fmt::format("{} has no operation {}", wire.service->service_id, name));
  }
  if (!wire.service) return unknown_service(wire, request, name);
  return fail("UnknownOperationException",
              fmt::format("kiban does not serve {}:{}", wire.service->folder, name));
}

// Checks the MD5 and checksums that the client declares for the body. Texts as users quote AWS's.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
Result<void> check_digests(const HttpRequest& request, const Wire& wire) {
  if (request.body.empty()) return {};
  if (const auto md5 = header(request, "content-md5")) {
    std::array<unsigned char, 16> digest{};
    EVP_Digest(request.body.data(), request.body.size(), digest.data(), nullptr, EVP_md5(),
               nullptr);
    if (*md5 != encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}))
      return fail("BadDigest", "The Content-MD5 you specified did not match what we received.");
  }
  // Where the model has a member for it, it is not the body's: CompleteMultipartUpload.
  const Shape* input =
      wire.operation->input == no_shape ? nullptr : &wire.service->shape(wire.operation->input);
  if (input && wire.service->member(*input, "ChecksumCRC32")) return {};
  for (const ChecksumKind kind : checksum_kinds) {
    const auto given = header(request, fmt::format("x-amz-checksum-{}", name_of(kind)));
    if (given && *given != checksum_of(kind, request.body))
      return fail("BadDigest",
                  fmt::format("The {} you specified did not match the calculated checksum.",
                              name_of(kind)));
  }
  return {};
}

Result<void> decode_form_request(const HttpRequest& request, const Wire& wire, Request& decoded) {
  const std::string_view form = is_form(request) ? request.body : request.query;
  KIBAN_TRY(const Parameters parameters, read_parameters(form, Plus::IsSpace));
  if (wire.operation->input == no_shape) return {};
  KIBAN_TRY(decoded.input, decode_form(*wire.service, wire.service->shape(wire.operation->input),
                                       parameters, wire.protocol == Protocol::Ec2));
  return {};
}

std::string query_reply(const Wire& wire, const json::object& output, std::string_view request_id) {
  const Service& service = *wire.service;
  const Operation& operation = *wire.operation;
  std::string result;
  if (operation.output != no_shape) {
    result =
        fmt::format("<{}>{}</{}>", operation.result_wrapper,
                    encode_xml(service, service.shape(operation.output), output, XmlNames::Query),
                    operation.result_wrapper);
  }
  return fmt::format(
      "<{}Response xmlns=\"{}\">{}<ResponseMetadata><RequestId>{}</RequestId>"
      "</ResponseMetadata></{}Response>",
      operation.name, service.xml_namespace, result, request_id, operation.name);
}

std::string ec2_reply(const Wire& wire, const json::object& output, std::string_view request_id) {
  const Service& service = *wire.service;
  const Operation& operation = *wire.operation;
  const std::string result =
      operation.output == no_shape
          ? "<return>true</return>"
          : encode_xml(service, service.shape(operation.output), output, XmlNames::Ec2);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<{}Response xmlns=\"{}/\"><requestId>{}</requestId>{}</{}Response>",
      operation.name, service.xml_namespace, request_id, result, operation.name);
}

void add_request_id(const Wire& wire, std::string_view request_id, HttpResponse& response) {
  if (wire.protocol == Protocol::RestXml) {
    response.headers.emplace_back("x-amz-request-id", request_id);
    response.headers.emplace_back("x-amz-id-2", encode_base64(request_id));
  } else {
    response.headers.emplace_back("x-amzn-RequestId", request_id);
  }
}

}  // namespace

std::optional<std::string_view> header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (same_letters(key, name)) return value;
  }
  return std::nullopt;
}

Wire identify(const HttpRequest& request) {
  Wire wire;
  wire.head = request.method == "HEAD";
  const auto signature = read_signature(request);
  if (header(request, "smithy-protocol") == "rpc-v2-cbor") {
    identify_cbor(wire, request.path, signature);
  } else if (const auto target = header(request, "x-amz-target")) {
    identify_json(wire, request, *target, signature);
  } else if (is_form(request)) {
    identify_form(wire, request.body, signature);
  } else if (!form_value(request.query, "Action").empty()) {
    identify_form(wire, request.query, signature);
  } else {
    identify_rest(wire, request, signature);
  }
  return wire;
}

bool takes_bulk(const Wire& wire) {
  if (!wire.operation || wire.operation->input == no_shape) return false;
  const Shape& input = wire.service->shape(wire.operation->input);
  return input.payload != no_shape && wire.service->members_of(input)[input.payload].streaming;
}

Result<Request> decode(const HttpRequest& request, const Wire& wire) {
  if (!wire.operation) {
    // A query string that can't be read names no operation, which is not the client's question.
    if (wire.protocol == Protocol::RestXml || wire.protocol == Protocol::RestJson) {
      KIBAN_TRY([[maybe_unused]] const Parameters parameters,
                read_parameters(request.query, Plus::IsSpace));
    }
    return unknown_operation(wire, request);
  }
  Request decoded{.service = std::string(wire.service->folder),
                  .operation = std::string(wire.operation->name)};
  switch (wire.protocol) {
    case Protocol::Json:
      if (wire.operation->input != no_shape) {
        KIBAN_TRY(
            decoded.input,
            decode_json(*wire.service, wire.service->shape(wire.operation->input), request.body));
      }
      break;
    case Protocol::RpcV2Cbor:
      if (wire.operation->input != no_shape) {
        KIBAN_TRY(
            decoded.input,
            decode_cbor(*wire.service, wire.service->shape(wire.operation->input), request.body));
      }
      break;
    case Protocol::Query:
    case Protocol::Ec2:
      KIBAN_TRY_VOID(decode_form_request(request, wire, decoded));
      break;
    default:
      if (wire.protocol == Protocol::RestXml) KIBAN_TRY_VOID(check_digests(request, wire));
      KIBAN_TRY_VOID(decode_rest(request, wire, decoded));
  }
  return decoded;
}

HttpResponse encode_reply(const Wire& wire, const json::object& output,
                          std::string_view request_id) {
  KIBAN_CHECK(wire.operation, "a reply belongs to an operation");
  HttpResponse response;
  add_request_id(wire, request_id, response);
  switch (wire.protocol) {
    case Protocol::Json:
      response.headers.emplace_back("Content-Type", "application/x-amz-json-" + wire.json_version);
      if (wire.operation->output != no_shape) {
        response.body =
            encode_json(*wire.service, wire.service->shape(wire.operation->output), output);
      } else if (wire.json_version == "1.0") {
        response.body = "{}";
      }
      break;
    case Protocol::RpcV2Cbor:
      response.headers.emplace_back("smithy-protocol", "rpc-v2-cbor");
      if (wire.operation->output != no_shape) {
        response.headers.emplace_back("Content-Type", "application/cbor");
        response.body =
            encode_cbor(*wire.service, wire.service->shape(wire.operation->output), output);
      }
      break;
    case Protocol::Query:
      response.headers.emplace_back("Content-Type", "text/xml");
      response.body = query_reply(wire, output, request_id);
      break;
    case Protocol::Ec2:
      response.headers.emplace_back("Content-Type", "text/xml;charset=UTF-8");
      response.body = ec2_reply(wire, output, request_id);
      break;
    default:
      encode_rest(wire, output, response);
  }
  return response;
}

}  // namespace kiban::api
