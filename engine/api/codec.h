// HTTP requests to trees and trees to HTTP responses, in AWS's protocols json 1.0/1.1, query, ec2,
// rest-json, rest-xml (path style) and rpc-v2-cbor. One codec per protocol walks the tables of
// model.h. In a tree, members have AWS's names, timestamps are seconds since 1970 as a double,
// blobs base64; absent members are absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/model.h"
#include "core/json.h"
#include "core/result.h"

namespace kiban::api {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method{"POST"};
  std::string path{"/"};  // As sent, percent-encoding kept, without the query string.
  std::string query{};    // As sent, without the question mark.
  Headers headers{};      // Names in any case, in the order sent.
  std::string body{};
  // SHA-256 in hex of a body that was taken elsewhere piece by piece, as takes_bulk() allows.
  std::optional<std::string> body_sha256{};
};

// Bytes that the caller streams from its blob store.
struct Bulk {
  std::string digest{};
  std::uint64_t offset{0};
  std::uint64_t size{0};
  bool operator==(const Bulk&) const = default;
};

struct HttpResponse {
  unsigned status{200};
  Headers headers{};
  std::string body{};
  // When set, these bytes one after the other are the body and `body` is empty.
  std::optional<std::vector<Bulk>> bulk{};
};

// A request before its input is read: enough to answer an error in the right protocol.
// Pointers are into the constant tables.
struct Wire {
  const Service* service{nullptr};      // nullptr: the request names none that we know.
  const Operation* operation{nullptr};  // nullptr: none, or one that isn't served.
  std::string operation_name{};         // As the request has it, "" when it names none.
  Protocol protocol{Protocol::Json};    // The one the request speaks; the answer speaks it too.
  std::string json_version{"1.0"};
  std::string resource{};  // Path of a REST request, decoded: S3 errors repeat it.
  bool head{false};        // A HEAD request: its answer has no body.
};

struct Request {
  std::string service{};  // The folder's name, what Kernel's Command::service wants.
  std::string operation{};
  json::object input{};
  // Name of the input's streaming member when the operation has one: the body, which is the
  // caller's to keep and to put there.
  std::optional<std::string> bulk_member{};
};

// The value first, if any, of a header; names compare without case.
std::optional<std::string_view> header(const HttpRequest& request, std::string_view name);

// Never fails: members that cannot be determined stay empty.
Wire identify(const HttpRequest& request);

// The body is one streaming member, which need not be in memory.
bool takes_bulk(const Wire& wire);

// Errors are AWS's: UnknownOperationException (json), InvalidAction (query, ec2),
// SerializationException, MalformedQueryString, MalformedXML, BadDigest, …
Result<Request> decode(const HttpRequest& request, const Wire& wire);

HttpResponse encode_reply(const Wire& wire, const json::object& output,
                          std::string_view request_id);

// `error.name` is the error shape's name or its wire code. The status comes from the model, or from
// what AWS uses for the common ones (AccessDenied 403, InternalFailure 500, …), or is 400.
HttpResponse encode_error(const Wire& wire, const Error& error, std::string_view request_id);

// Bytes and text. Error `InvalidBase64`.
std::string encode_base64(std::string_view bytes);
Result<std::string> decode_base64(std::string_view text);
// RFC 3986: everything but unreserved characters (and `keep`) escaped.
std::string encode_uri(std::string_view text, std::string_view keep = {});
// Error `InvalidUri` for a bad escape. In forms '+' is a space.
enum class Plus { Keep, IsSpace };
Result<std::string> decode_uri(std::string_view text, Plus plus = Plus::Keep);

}  // namespace kiban::api
