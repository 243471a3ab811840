// rest-xml and rest-json: members in path, query string, headers and body.
// https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
#include <fmt/format.h>

#include <algorithm>

#include "api/protocols.h"
#include "api/values.h"
#include "core/letters.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

// Values of the labels of "/{Bucket}/{Key+}" in a path, still percent-encoded; nullopt: no match.
std::optional<std::vector<std::pair<std::string_view, std::string_view>>> match_path(
    std::string_view pattern, std::string_view path) {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  if (!pattern.starts_with('/') || !path.starts_with('/')) return std::nullopt;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  while (!pattern.empty()) {
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    std::string_view part = pattern.substr(0, end);
    const bool label = part.starts_with('{');
    const bool greedy = part.ends_with("+}");
    const std::size_t stop = greedy ? path.size() : std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, stop);
    if (label ? segment.empty() : segment != part) return std::nullopt;
    if (label) {
      part.remove_prefix(1);
      part.remove_suffix(greedy ? 2 : 1);
      labels.emplace_back(part, segment);
    }
    pattern.remove_prefix(std::min(pattern.size(), end + 1));
    path.remove_prefix(stop);
    // "/bucket/" is "/bucket".
    if (path == "/" && pattern.empty()) path = {};
    if (path.empty() != pattern.empty()) return std::nullopt;
    if (!path.empty()) path.remove_prefix(1);
  }
  if (!path.empty()) return std::nullopt;
  return labels;
}

// How well a request fits an operation whose path it has: -1 not at all, else higher is better.
int fitness(const KnownOperation& operation, const HttpRequest& request,
            const Parameters& parameters) {
  int points = 0;
  const std::size_t mark = operation.uri.find('?');
  if (mark != std::string_view::npos) {
    for (const std::string_view literal : split(operation.uri.substr(mark + 1), '&')) {
      const std::size_t equals = literal.find('=');
      const std::string* value = find_parameter(parameters, literal.substr(0, equals));
      if (!value) return -1;
      if (equals != std::string_view::npos && literal.substr(equals + 1) != *value) return -1;
      points += 10;
    }
  }
  if (!operation.required_query.empty()) {
    for (const std::string_view name : split(operation.required_query, '&')) {
      if (!find_parameter(parameters, name)) return -1;
      ++points;
    }
  }
  if (!operation.required_headers.empty()) {
    for (const std::string_view name : split(operation.required_headers, '&')) {
      if (header(request, name)) {
        ++points;
      } else if (mark == std::string_view::npos) {
        return -1;  // A query that names the operation says enough: ?attributes.
      }
    }
  }
  return points;
}

TimestampFormat fallback_of(Location location) {
  return location == Location::Header ? TimestampFormat::Rfc822 : TimestampFormat::Iso8601;
}

// A list in a header or a repeated query parameter, or one scalar.
Result<json::value> read_text(const Service& service, const Member& member,
                              const std::vector<std::string_view>& values) {
  const Shape& shape = service.shape(member);
  if (shape.kind != Kind::List) {
    return read_scalar(service, member, values[0], fallback_of(member.location));
  }
  const Member& element = service.members_of(shape)[0];
  json::array out;
  for (std::string_view text : values) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    KIBAN_TRY(json::value value, read_scalar(service, element, text, fallback_of(member.location)));
    out.push_back(std::move(value));
  }
  return json::value(std::move(out));
}

class RestReader {
 public:
  RestReader(const HttpRequest& request, const Wire& wire, Parameters parameters)
      : request_(request),
        service_(*wire.service),
        operation_(*wire.operation),
        parameters_(std::move(parameters)) {}

  Result<void> read(const Shape& shape, Request& decoded) {
    const std::string_view uri = operation_.uri;
    const auto labels = match_path(uri.substr(0, uri.find('?')), request_.path);
    for (const Member& member : service_.members_of(shape)) {
      KIBAN_TRY_VOID(outside_of_body(member, labels ? *labels : Labels{}, decoded.input));
    }
    if (shape.payload != no_shape) {
      return payload(service_.members_of(shape)[shape.payload], decoded);
    }
    KIBAN_TRY(json::object body, read_body(shape));
    for (auto& [name, value] : body) decoded.input.insert_or_assign(name, std::move(value));
    return {};
  }

 private:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  Result<json::object> read_body(const Shape& shape) const {
    if (service_.protocol == Protocol::RestJson) {
      return decode_json(service_, shape, request_.body);
    }
    return decode_xml(service_, shape, request_.body);
  }

  Result<void> outside_of_body(const Member& member, const Labels& labels, json::object& input) {
    std::vector<std::string_view> values;
    std::string decoded;
    if (member.location == Location::Uri) {
      for (const auto& [name, value] : labels) {
        if (name != member.wire_name) continue;
        KIBAN_TRY(decoded, decode_uri(value));
        // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        if (!is_utf8(decoded)) return fail("InvalidURI", "Couldn't parse the specified URI.");
        values.push_back(decoded);
      }
    } else if (member.location == Location::QueryString) {
      if (service_.shape(member).kind == Kind::Map) return query_map(member, input);
      for (const auto& [name, value] : parameters_) {
        if (name == member.wire_name) values.push_back(value);
      }
    } else if (member.location == Location::Header) {
      const auto found = header(request_, member.wire_name);
      const bool is_list = service_.shape(member).kind == Kind::List;
      if (found) values = is_list ? split(*found, ',') : std::vector{*found};
    } else if (member.location == Location::Headers) {
      KIBAN_TRY_VOID(header_map(member, input));
    }
    if (values.empty()) return {};
    if (!std::ranges::all_of(values, [](std::string_view text) { return is_utf8(text); }))
      return not_text(member.wire_name);
    auto value = read_text(service_, member, values);
    if (!value) {
      return fail(
          service_.protocol == Protocol::RestXml ? "InvalidArgument" : "ValidationException",
          fmt::format("{}: {}", member.wire_name, value.error().cause));
    }
    input.insert_or_assign(member.name, *std::move(value));
    return {};
  }

  Result<void> query_map(const Member& member, json::object& input) const {
    json::object map;
    for (const auto& [name, value] : parameters_) map.insert_or_assign(name, value);
    if (!map.empty()) input.insert_or_assign(member.name, std::move(map));
    return {};
  }

  std::unexpected<Error> not_text(std::string_view name) const {
    return fail(service_.protocol == Protocol::RestXml ? "InvalidArgument" : "ValidationException",
                fmt::format("{}: the value is not valid UTF-8", name));
  }

  Result<void> header_map(const Member& member, json::object& input) const {
    json::object map;
    for (const auto& [name, value] : request_.headers) {
      const std::size_t prefix = member.wire_name.size();
      if (name.size() <= prefix || !same_letters(name.substr(0, prefix), member.wire_name)) {
        continue;
      }
      if (!is_utf8(name) || !is_utf8(value)) return not_text(to_utf8(name));
      map.insert_or_assign(lower_case(name.substr(prefix)), value);
    }
    if (!map.empty()) input.insert_or_assign(member.name, std::move(map));
    return {};
  }

  Result<void> payload(const Member& member, Request& decoded) const {
    const Shape& shape = service_.shape(member);
    if (shape.kind == Kind::Structure) {
      if (request_.body.empty()) return {};
      KIBAN_TRY(json::object body, read_body(shape));
      decoded.input.insert_or_assign(member.name, std::move(body));
    } else if (shape.kind == Kind::Blob && member.streaming) {
      decoded.bulk_member = std::string(member.name);
    } else if (!request_.body.empty()) {
      const bool blob = shape.kind == Kind::Blob;
      if (!blob && !is_utf8(request_.body)) return not_text(member.name);
      decoded.input.insert_or_assign(member.name,
                                     blob ? encode_base64(request_.body) : request_.body);
    }
    return {};
  }

  const HttpRequest& request_;
  const Service& service_;
  const Operation& operation_;
  Parameters parameters_;
};

// Root elements of S3's replies, which the model does not name. A client does not look at them, a
// reader does.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
std::string_view root_of(const Operation& operation) {
  constexpr std::pair<std::string_view, std::string_view> roots[] = {
      {"DeleteObjects", "DeleteResult"},
      {"GetBucketLifecycleConfiguration", "LifecycleConfiguration"},
      {"GetBucketAcl", "AccessControlPolicy"},
      {"GetBucketAccelerateConfiguration", "AccelerateConfiguration"},
      {"GetBucketCors", "CORSConfiguration"},
      {"GetBucketLogging", "BucketLoggingStatus"},
      {"GetBucketNotificationConfiguration", "NotificationConfiguration"},
      {"GetBucketRequestPayment", "RequestPaymentConfiguration"},
      {"GetBucketTagging", "Tagging"},
      {"GetBucketWebsite", "WebsiteConfiguration"},
      {"GetObjectAcl", "AccessControlPolicy"},
      {"ListBucketAnalyticsConfigurations", "ListBucketAnalyticsConfigurationResult"},
      {"ListBucketIntelligentTieringConfigurations",
       "ListBucketIntelligentTieringConfigurationsOutput"},
      {"ListBucketInventoryConfigurations", "ListInventoryConfigurationsResult"},
      {"ListBucketMetricsConfigurations", "ListMetricsConfigurationsResult"},
      {"GetBucketVersioning", "VersioningConfiguration"},
      {"GetObjectTagging", "Tagging"},
      {"ListBuckets", "ListAllMyBucketsResult"},
      {"ListObjectVersions", "ListVersionsResult"},
      {"ListObjects", "ListBucketResult"},
      {"ListObjectsV2", "ListBucketResult"},
      {"CreateMultipartUpload", "InitiateMultipartUploadResult"},
      {"CompleteMultipartUpload", "CompleteMultipartUploadResult"},
      {"GetObjectAttributes", "GetObjectAttributesResponse"},
      {"ListMultipartUploads", "ListMultipartUploadsResult"},
      {"ListParts", "ListPartsResult"},
  };
  for (const auto& [name, root] : roots) {
    if (name == operation.name) return root;
  }
  return operation.name;
}

constexpr std::string_view xml_declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

std::string xml_document(const Service& service, std::string_view root, std::string_view inside) {
  return fmt::format("{}<{} xmlns=\"{}\">{}</{}>", xml_declaration, root, service.xml_namespace,
                     inside, root);
}

void encode_headers(const Service& service, const Member& member, const json::value& value,
                    HttpResponse& response) {
  if (member.location == Location::Headers && value.is_object()) {
    for (const auto& [name, entry] : value.get_object()) {
      if (!entry.is_string()) continue;
      response.headers.emplace_back(std::string(member.wire_name) + std::string(name),
                                    to_string(entry.get_string()));
    }
  } else if (member.location == Location::Header) {
    const auto fallback = TimestampFormat::Rfc822;
    std::string text;
    if (value.is_array()) {
      const Member& element = service.members_of(service.shape(member))[0];
      for (const json::value& entry : value.get_array()) {
        text += (text.empty() ? "" : ",") + print_scalar(service, element, entry, fallback);
      }
    } else {
      text = print_scalar(service, member, value, fallback);
    }
    response.headers.emplace_back(std::string(member.wire_name), std::move(text));
  } else if (member.location == Location::StatusCode && value.is_int64()) {
    response.status = static_cast<unsigned>(value.get_int64());
  }
}

Bulk read_piece(const json::object& value) {
  Bulk bulk;
  if (const json::string* digest = find_string(value, "Digest")) bulk.digest = to_string(*digest);
  const auto number = [&](std::string_view name) {
    const json::value* found = find(value, name);
    return found ? static_cast<std::uint64_t>(std::max(0.0, number_of(*found))) : 0;
  };
  bulk.offset = number("Offset");
  bulk.size = number("Size");
  return bulk;
}

// {"Digest", "Offset", "Size"}, or {"Pieces": [such]}.
std::vector<Bulk> read_bulk(const json::object& value) {
  const json::array* pieces = find_array(value, "Pieces");
  if (!pieces) return {read_piece(value)};
  std::vector<Bulk> all;
  for (const json::value& piece : *pieces) {
    if (piece.is_object()) all.push_back(read_piece(piece.get_object()));
  }
  return all;
}

void encode_payload(const Wire& wire, const Member& member, const json::value& value,
                    HttpResponse& response) {
  const Service& service = *wire.service;
  const Shape& shape = service.shape(member);
  if (member.streaming && value.is_object()) {
    response.bulk = read_bulk(value.get_object());
  } else if (shape.kind == Kind::Structure && value.is_object()) {
    if (wire.protocol == Protocol::RestJson) {
      response.headers.emplace_back("Content-Type", "application/json");
      response.body = encode_json(service, shape, value.get_object());
    } else {
      const std::string_view root = shape.xml_name.empty() ? member.wire_name : shape.xml_name;
      response.headers.emplace_back("Content-Type", "application/xml");
      response.body = xml_document(service, root,
                                   encode_xml(service, shape, value.get_object(), XmlNames::Rest));
    }
  } else if (value.is_string()) {
    const std::string text = to_string(value.get_string());
    response.body = shape.kind == Kind::Blob ? decode_base64(text).value_or("") : text;
  }
}

// Ours: an object is shown by a browser from the origin of the whole API, so that a page or a
// picture with a script in it must not run there. Clients of S3 read neither header.
void confine_object(const json::object& output, HttpResponse& response) {
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  const json::string* type = find_string(output, "ContentType");
  const std::string low = type ? lower_case(std::string_view(*type)) : std::string();
  if (low.find("html") != std::string::npos || low.find("xml") != std::string::npos)
    response.headers.emplace_back("Content-Security-Policy", "sandbox");
}

}  // namespace

const KnownOperation* match_rest_operation(const Service& service, const HttpRequest& request) {
  const auto parameters = read_parameters(request.query, Plus::IsSpace);
  if (!parameters) return nullptr;
  const KnownOperation* best = nullptr;
  int best_points = -1;
  for (const KnownOperation& operation : service.all_operations) {
    if (operation.method != request.method) continue;
    if (!match_path(operation.uri.substr(0, operation.uri.find('?')), request.path)) continue;
    // Of two that fit alike, one that is served: GET / is ListBuckets and ListDirectoryBuckets.
    const int points =
        2 * fitness(operation, request, *parameters) + (service.operation(operation.name) ? 1 : 0);
    if (points < 0 || points <= best_points) continue;
    best = &operation;
    best_points = points;
  }
  return best;
}

Result<void> decode_rest(const HttpRequest& request, const Wire& wire, Request& decoded) {
  KIBAN_TRY(Parameters parameters, read_parameters(request.query, Plus::IsSpace));
  if (wire.operation->input == no_shape) return {};
  return RestReader(request, wire, std::move(parameters))
      .read(wire.service->shape(wire.operation->input), decoded);
}

void encode_rest(const Wire& wire, const json::object& output, HttpResponse& response) {
  const Service& service = *wire.service;
  response.status = wire.operation->success_status;
  if (wire.operation->output == no_shape) return;
  const Shape& shape = service.shape(wire.operation->output);
  bool has_body_members = false;
  for (const Member& member : service.members_of(shape)) {
    has_body_members = has_body_members || member.location == Location::Body;
    const json::value* value = output.if_contains(member.name);
    if (value && !value->is_null()) encode_headers(service, member, *value, response);
  }
  // A part of an object answers 206; the model knows only 200.
  const bool reads_object =
      wire.operation->name == "GetObject" || wire.operation->name == "HeadObject";
  if (reads_object && output.contains("ContentRange")) response.status = 206;
  if (reads_object) confine_object(output, response);
  if (shape.payload != no_shape) {
    const Member& member = service.members_of(shape)[shape.payload];
    const json::value* value = output.if_contains(member.name);
    if (value && !value->is_null()) encode_payload(wire, member, *value, response);
    return;
  }
  if (!has_body_members) return;
  if (wire.protocol == Protocol::RestJson) {
    response.headers.emplace_back("Content-Type", "application/json");
    response.body = encode_json(service, shape, output);
    return;
  }
  response.headers.emplace_back("Content-Type", "application/xml");
  // S3 leaves the outer element out here (smithy's s3UnwrappedXmlOutput).
  if (wire.operation->name == "GetBucketLocation") {
    const json::string* location = find_string(output, "LocationConstraint");
    response.body = xml_document(service, "LocationConstraint",
                                 location ? escape_xml(*location) : std::string());
    return;
  }
  response.body = xml_document(service, root_of(*wire.operation),
                               encode_xml(service, shape, output, XmlNames::Rest));
}

}  // namespace kiban::api
