// What AWS's service models say, as constant tables: tools/generate_models.py writes them from
// botocore at build time, for the operations that engine/services/NAME/operations.txt lists and the
// shapes these reach. Codecs, validation and the aws-sdk integrations walk them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace kiban::api {

enum class Protocol : std::uint8_t { Json, Query, Ec2, RestJson, RestXml, RpcV2Cbor };

enum class Kind : std::uint8_t {
  Structure,
  List,
  Map,
  String,
  Integer,
  Long,
  Float,
  Double,
  Boolean,
  Timestamp,
  Blob,
};

// Where a REST protocol carries a member. Headers: a map, each entry a header with a prefix.
enum class Location : std::uint8_t { Body, Uri, QueryString, Header, Headers, StatusCode };

// Default: the protocol's and the location's own.
enum class TimestampFormat : std::uint8_t { Default, Epoch, Iso8601, Rfc822 };

constexpr std::uint16_t no_shape = std::numeric_limits<std::uint16_t>::max();
constexpr std::int64_t no_bound = std::numeric_limits<std::int64_t>::min();

// A member of a structure. A list has one, its element; a map has two, key and value.
struct Member {
  std::string_view name{};       // As AWS names it, and as trees carry it.
  std::string_view wire_name{};  // locationName; the same as `name` when the model has none.
  std::string_view
      query_name{};  // Of the ec2 protocol: queryName, or wire_name in upper camel case.
  std::string_view xml_namespace{};
  std::uint16_t shape{no_shape};  // Index into Service::shapes.
  Location location{Location::Body};
  TimestampFormat timestamp_format{TimestampFormat::Default};
  bool required{false};
  bool has_wire_name{false};
  bool flattened{false};  // Of the member or of its shape.
  bool xml_attribute{false};
  bool streaming{false};  // Travels as {"Digest": hex, "Size": n}; see codec.h.
  bool json_value{false};
  bool idempotency_token{false};
  bool unbounded{false};        // rules.txt gives the reason why AWS states no bound.
  std::uint16_t first_rule{0};  // In Service::rules.
  std::uint16_t rule_count{0};
};

// A rule of AWS's API reference that the model lacks: a line of engine/services/NAME/rules.txt.
struct Rule {
  std::int64_t min{no_bound};  // Of a length, a count or a number, as the member's kind says.
  std::int64_t max{no_bound};
  std::string_view pattern{};    // Must match the whole text.
  std::string_view forbidden{};  // Must not match the whole text.
  std::string_view
      excludes{};            // Members joined with '&' that may not be given along with this one.
  std::string_view error{};  // Empty: the name of the service's validation error.
  std::string_view text{};   // With {value} and {member}; empty: the service's validation text.
};

struct Shape {
  std::string_view name{};
  Kind kind{Kind::Structure};
  TimestampFormat timestamp_format{TimestampFormat::Default};
  bool flattened{false};
  bool sensitive{false};
  bool streaming{false};
  bool tagged_union{false};      // Exactly one member may be set.
  bool error{false};             // An exception of the service.
  bool sender_fault{true};       // Of an error: the client's, not the server's.
  std::uint16_t http_status{0};  // Of an error; 0 when the model gives none.
  std::uint16_t first_member{0};
  std::uint16_t member_count{0};
  std::uint16_t first_value{0};  // Of an enumeration, in Service::enum_values.
  std::uint16_t value_count{0};
  std::uint16_t payload{no_shape};  // Member (counted from first_member) that is the whole body.
  std::int64_t min{no_bound};       // Of a length, a count or a number, as the kind says.
  std::int64_t max{no_bound};
  std::string_view pattern{};     // As Java reads it; it must match the whole text.
  std::string_view error_code{};  // On the wire, when it is not `name`.
  std::string_view xml_name{};    // locationName of the shape itself.
};

struct Operation {
  std::string_view name{};
  std::string_view method{"POST"};
  std::string_view uri{"/"};  // "/{Bucket}/{Key+}?acl"
  std::uint16_t success_status{200};
  std::uint16_t input{no_shape};
  std::uint16_t output{no_shape};
  std::string_view result_wrapper{};  // Of the query protocol: "AssumeRoleResult".
  std::string_view input_xml_name{};  // Root element of a rest-xml request body.
  std::string_view input_xml_namespace{};
  bool unsigned_allowed{false};  // authtype none: AssumeRoleWithWebIdentity.
  std::span<const std::uint16_t> errors{};
};

// An operation of AWS's model, served here or not: the parts that identify a REST request for it.
struct KnownOperation {
  std::string_view name{};
  std::string_view method{"POST"};
  std::string_view uri{"/"};
  std::string_view required_query{};    // Names joined with '&'.
  std::string_view required_headers{};  // Names joined with '&'.
};

struct Service {
  std::string_view folder{};        // engine/services/FOLDER: "states".
  std::string_view model{};         // botocore's folder: "stepfunctions".
  std::string_view service_id{};    // "SFN"; lower case without spaces it is the aws-sdk name.
  std::string_view signing_name{};  // In the credential scope: "states".
  std::string_view endpoint_prefix{};
  std::string_view target_prefix{};  // "AWSStepFunctions"; empty unless it speaks json.
  std::string_view json_version{};   // "1.0" or "1.1".
  std::string_view api_version{};
  std::string_view xml_namespace{};
  Protocol protocol{Protocol::Json};  // The one it prefers among those that codec.h speaks.
  bool query_compatible{false};       // awsQueryCompatible: x-amzn-query-error on json errors.
  bool serves_query{false};           // Speaks query too: SQS, CloudWatch (older clients).
  std::span<const Operation> operations{};  // By name, ascending.
  std::span<const Shape> shapes{};
  std::span<const Member> members{};
  std::span<const std::string_view> enum_values{};
  std::span<const Rule> rules{};
  // Every operation AWS's model has, ours or not, by name, ascending.
  std::span<const KnownOperation> all_operations{};

  const Shape& shape(std::uint16_t index) const { return shapes[index]; }
  const Shape& shape(const Member& member) const { return shapes[member.shape]; }
  std::span<const Member> members_of(const Shape& shape) const {
    return members.subspan(shape.first_member, shape.member_count);
  }
  std::span<const std::string_view> values_of(const Shape& shape) const {
    return enum_values.subspan(shape.first_value, shape.value_count);
  }
  std::span<const Rule> rules_of(const Member& member) const {
    return rules.subspan(member.first_rule, member.rule_count);
  }
  const Member* member(const Shape& shape, std::string_view name) const;
  const Operation* operation(std::string_view name) const;
  // The error shape called `name`, or the one whose wire code that is; the operation's own first.
  const Shape* error(const Operation* operation, std::string_view name) const;
  bool has_operation(std::string_view name) const;  // In AWS's model, served here or not.
};

std::span<const Service* const> services();
const Service* find_service(std::string_view folder);
// Two services may share a signing name; `api_version` (may be empty) distinguishes them.
const Service* find_service_by_signing_name(std::string_view signing_name,
                                            std::string_view api_version = {});
const Service* find_service_by_target_prefix(std::string_view target_prefix);
// As the ARN arn:aws:states:::aws-sdk:NAME:… has it: "sfn", "secretsmanager", "cloudwatchlogs".
const Service* find_service_by_sdk_name(std::string_view sdk_name);

// Services that kiban does not serve, whose models check the replies of TestState's mocks
// (engine/services/states/mocked/); by folder or aws-sdk name: "lambda", "dynamodb".
std::span<const Service* const> unserved_services();
const Service* find_unserved_service(std::string_view sdk_name);

}  // namespace kiban::api
