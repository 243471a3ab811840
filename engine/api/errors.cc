// Error replies of every protocol.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the "Common errors" page
// of each service's API reference.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/codec.h"
#include "api/protocols.h"
#include "api/values.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

struct Status {
  std::string_view name{};
  unsigned status{400};
};

// What the models leave out, by name on the wire.
constexpr std::array statuses = {
    Status{"AccessDenied", 403},
    Status{"AuthFailure", 401},
    Status{"BucketAlreadyExists", 409},
    Status{"BucketAlreadyOwnedByYou", 409},
    Status{"BucketNotEmpty", 409},
    Status{"ExpiredToken", 403},
    Status{"InternalError", 500},
    Status{"InternalFailure", 500},
    Status{"InternalServerError", 500},
    Status{"InternalServiceError", 500},
    Status{"InvalidAccessKeyId", 403},
    Status{"InvalidBucketState", 409},
    Status{"InvalidClientTokenId", 403},
    Status{"InvalidObjectState", 403},
    Status{"InvalidPartNumber", 416},
    Status{"InvalidRange", 416},
    Status{"MethodNotAllowed", 405},
    Status{"MissingAuthenticationToken", 403},
    Status{"MissingContentLength", 411},
    Status{"NoSuchBucket", 404},
    Status{"NoSuchBucketPolicy", 404},
    Status{"NoSuchCORSConfiguration", 404},
    Status{"NoSuchConfiguration", 404},
    Status{"NoSuchKey", 404},
    Status{"NoSuchLifecycleConfiguration", 404},
    Status{"NoSuchPublicAccessBlockConfiguration", 404},
    Status{"NoSuchTagSet", 404},
    Status{"NoSuchUpload", 404},
    Status{"NoSuchVersion", 404},
    Status{"NoSuchWebsiteConfiguration", 404},
    Status{"NotFound", 404},
    Status{"NotImplemented", 501},
    Status{"NotModified", 304},
    Status{"ObjectLockConfigurationNotFoundError", 404},
    Status{"ObjectNotInActiveTierError", 403},
    Status{"OptInRequired", 403},
    Status{"OwnershipControlsNotFoundError", 404},
    Status{"PreconditionFailed", 412},
    Status{"ReplicationConfigurationNotFoundError", 404},
    Status{"RequestEntityTooLarge", 413},
    Status{"RequestTimeTooSkewed", 403},
    Status{"ServerSideEncryptionConfigurationNotFoundError", 404},
    Status{"ServiceUnavailable", 503},
    Status{"SignatureDoesNotMatch", 403},
    Status{"UnauthorizedOperation", 403},
};

struct CommonName {
  std::string_view json{};
  std::string_view query{};
  std::string_view ec2{};
  std::string_view rest_xml{};
};

// One thing, four names. What any service or the kernel may say reaches a client in the protocol's
// own words.
constexpr std::array common_names = {
    CommonName{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "AccessDenied"},
    CommonName{"UnknownOperationException", "InvalidAction", "InvalidAction", "NotImplemented"},
    CommonName{"InternalFailure", "InternalFailure", "InternalError", "InternalError"},
    CommonName{"SerializationException", "MalformedInput", "MalformedInput", "MalformedXML"},
    CommonName{"ValidationException", "ValidationError", "InvalidParameterValue",
               "InvalidArgument"},
};

std::string_view name_for(const CommonName& names, Protocol protocol) {
  if (protocol == Protocol::Query) return names.query;
  if (protocol == Protocol::Ec2) return names.ec2;
  if (protocol == Protocol::RestXml) return names.rest_xml;
  return names.json;
}

std::string_view in_protocol(std::string_view name, Protocol protocol) {
  for (const CommonName& names : common_names) {
    if (name == names.json || (name == names.query && name == "AccessDenied")) {
      return name_for(names, protocol);
    }
  }
  return name;
}

// What the client shall see of an error.
struct Seen {
  std::string name{};  // Of the shape.
  std::string code{};  // On the query wire.
  unsigned status{400};
  bool sender{true};
  std::string_view message_member{"message"};
};

unsigned status_of(std::string_view name, const Wire& wire) {
  // S3 answers 400 to an expired token. docs: ErrorResponses.html
  if (wire.protocol == Protocol::RestXml && name == "ExpiredToken") return 400;
  const auto found = std::ranges::find(statuses, name, &Status::name);
  return found != statuses.end() ? found->status : 400;
}

Seen look_up(const Wire& wire, const Error& error) {
  Seen seen;
  const Shape* shape = wire.service ? wire.service->error(wire.operation, error.name) : nullptr;
  if (!shape) {
    seen.name = std::string(in_protocol(error.name, wire.protocol));
    seen.code = seen.name;
    seen.status = status_of(seen.name, wire);
    seen.sender = seen.status < 500;
    // Coral's own errors: {"__type": "…#AccessDeniedException", "Message": …}; clients read both.
    if (seen.name == "AccessDeniedException") seen.message_member = "Message";
    return seen;
  }
  seen.name = std::string(shape->name);
  seen.code = std::string(shape->error_code.empty() ? shape->name : shape->error_code);
  seen.sender = shape->sender_fault;
  const unsigned fallback = seen.sender ? status_of(seen.code, wire) : 500;
  seen.status = shape->http_status != 0 ? shape->http_status : fallback;
  if (wire.service->member(*shape, "Message")) seen.message_member = "Message";
  // json 1.0 and 1.1 answer 400 or 500 and nothing else, whatever a query model said.
  if (wire.protocol == Protocol::Json || wire.protocol == Protocol::RpcV2Cbor)
    seen.status = seen.sender ? 400 : 500;
  return seen;
}

// A message repeats what the request held. XML 1.0 has no control characters, not even as a
// reference (section 2.2), and readers refuse the whole reply, so each becomes a question mark, as
// does each byte outside of ASCII when the text is not UTF-8.
std::string escape_message(std::string_view message) {
  const bool utf8 = parse_json(print_json(json::value(message))).has_value();
  std::string shown;
  shown.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 && c != '\n' && c != '\t' && c != '\r';
    shown += control || (byte >= 0x80 && !utf8) ? '?' : c;
  }
  return escape_xml(shown);
}

// Where the bucket is, of an answer to a request for it that was signed for another region: clients
// read it and sign again.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
std::string expected_region(const Seen& seen, std::string_view message) {
  constexpr std::string_view before = "; expecting '";
  const std::size_t at = message.find(before);
  if (seen.code != "AuthorizationHeaderMalformed" || at == std::string_view::npos) return {};
  const std::string_view rest = message.substr(at + before.size());
  return std::string(rest.substr(0, rest.find('\'')));
}

std::string s3_error(const Wire& wire, const Seen& seen, std::string_view message,
                     std::string_view request_id) {
  std::string region = expected_region(seen, message);
  if (!region.empty()) region = fmt::format("<Region>{}</Region>", escape_xml(region));
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{}"
      "<Resource>{}</Resource><RequestId>{}</RequestId><HostId>{}</HostId></Error>",
      escape_xml(seen.code), escape_message(message), region, escape_message(wire.resource),
      request_id, encode_base64(request_id));
}

std::string query_error(const Wire& wire, const Seen& seen, std::string_view message,
                        std::string_view request_id) {
  return fmt::format(
      "<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{}</Code><Message>{}</Message>"
      "</Error><RequestId>{}</RequestId></ErrorResponse>",
      wire.service ? wire.service->xml_namespace
                   : "http://webservices.amazon.com/AWSFault/2005-15-09",
      seen.sender ? "Sender" : "Receiver", escape_xml(seen.code), escape_message(message),
      request_id);
}

std::string ec2_error(const Seen& seen, std::string_view message, std::string_view request_id) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code>"
      "<Message>{}</Message></Error></Errors><RequestID>{}</RequestID></Response>",
      escape_xml(seen.code), escape_message(message), request_id);
}

// What a client that once spoke query knows the error as.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
void add_query_error(const Wire& wire, const Seen& seen, HttpResponse& response) {
  if (!wire.service || !wire.service->query_compatible) return;
  const std::string_view code =
      seen.code == "AccessDeniedException" ? "AccessDenied" : std::string_view(seen.code);
  response.headers.emplace_back("x-amzn-query-error",
                                fmt::format("{};{}", code, seen.sender ? "Sender" : "Receiver"));
}

}  // namespace

HttpResponse encode_error(const Wire& wire, const Error& error, std::string_view request_id) {
  const Seen seen = look_up(wire, error);
  const std::string message = to_utf8(error.cause);  // It may quote what was refused.
  HttpResponse response{.status = seen.status};
  const auto add = [&](std::string_view name, std::string_view value) {
    response.headers.emplace_back(name, value);
  };
  switch (wire.protocol) {
    case Protocol::RpcV2Cbor:
      add("x-amzn-RequestId", request_id);
      add("smithy-protocol", "rpc-v2-cbor");
      add("Content-Type", "application/cbor");
      add_query_error(wire, seen, response);
      response.body = encode_cbor_error(seen.name, message);
      break;
    case Protocol::Query:
      add("x-amzn-RequestId", request_id);
      add("Content-Type", "text/xml");
      response.body = query_error(wire, seen, message, request_id);
      break;
    case Protocol::Ec2:
      add("x-amzn-RequestId", request_id);
      add("Content-Type", "text/xml;charset=UTF-8");
      response.body = ec2_error(seen, message, request_id);
      break;
    case Protocol::RestXml:
      add("x-amz-request-id", request_id);
      add("x-amz-id-2", encode_base64(request_id));
      add("Content-Type", "application/xml");
      if (const std::string region = expected_region(seen, message); !region.empty())
        add("x-amz-bucket-region", region);
      if (!wire.head && seen.status != 304) {
        response.body = s3_error(wire, seen, message, request_id);
      }
      break;
    case Protocol::RestJson:
      add("x-amzn-RequestId", request_id);
      add("x-amzn-ErrorType", seen.name);
      add("Content-Type", "application/json");
      response.body = print_json(json::object{{seen.message_member, message}});
      break;
    default:
      add("x-amzn-RequestId", request_id);
      add("Content-Type", "application/x-amz-json-" + wire.json_version);
      add_query_error(wire, seen, response);
      response.body =
          print_json(json::object{{"__type", seen.name}, {seen.message_member, message}});
  }
  return response;
}

}  // namespace kiban::api
