#include "services/s3/model_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "api/model.h"
#include "services/s3/configurations.h"

namespace kiban::services::s3 {
namespace {

struct Refusal {
  std::string_view member{};
  std::string_view name{};
  std::string_view text{};
};
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and, for the texts, as users
// quote AWS.
constexpr Refusal refusals[] = {
    {"StorageClass", "InvalidStorageClass", "The storage class you specified is not valid"},
    {"ServerSideEncryption", "InvalidArgument", "The encryption method specified is not supported"},
    {"MetadataDirective", "InvalidArgument", "Unknown metadata directive."},
    {"TaggingDirective", "InvalidArgument", "Unknown tagging directive."},
    {"EncodingType", "InvalidArgument", "Invalid Encoding Method specified in Request"},
    {"ObjectAttributes", "InvalidArgument", "Invalid attribute name specified."},
    {"ObjectOwnership", "InvalidArgument", "Invalid x-amz-object-ownership header"},
    {"ChecksumAlgorithm", "InvalidRequest",
     "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
     "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"},
    {"ChecksumType", "InvalidRequest", "Value for x-amz-checksum-type header is invalid."},
};

bool has_value(const api::Service& model, const api::Shape& shape, const json::value& value) {
  if (shape.value_count == 0 || !value.is_string()) return true;
  const std::string_view given = value.get_string();
  return std::ranges::find(model.values_of(shape), given) != model.values_of(shape).end();
}

// Whose values the service checks with texts of their own, or which the model knows too few of.
bool checked_elsewhere(const api::Shape& shape) {
  return shape.name == "Event" || shape.name == "FilterRuleName" ||
         shape.name == "BucketLocationConstraint";
}

bool fits(const api::Service& model, const api::Shape& shape, const json::value& value) {
  if (checked_elsewhere(shape)) return true;
  if (shape.kind == api::Kind::List && value.is_array()) {
    const api::Shape& element = model.shape(model.members_of(shape)[0]);
    return std::ranges::all_of(
        value.get_array(), [&](const json::value& entry) { return fits(model, element, entry); });
  }
  if (shape.kind != api::Kind::Structure || !value.is_object())
    return has_value(model, shape, value);
  return std::ranges::all_of(model.members_of(shape), [&](const api::Member& member) {
    const json::value* found = value.get_object().if_contains(member.name);
    if (!found) return !member.required;
    return fits(model, model.shape(member), *found);
  });
}

std::unexpected<Error> refuse(const api::Member& member) {
  const auto* const found = std::ranges::find(refusals, member.name, &Refusal::member);
  if (found != std::end(refusals)) return fail(std::string(found->name), std::string(found->text));
  return fail("InvalidArgument", fmt::format("The value of {} is not valid.", member.wire_name));
}

}  // namespace

Result<void> check_model(std::string_view operation, const json::object& input) {
  const api::Service* model = api::find_service("s3");
  const api::Operation* found = model ? model->operation(operation) : nullptr;
  if (!found || found->input == api::no_shape) return {};
  for (const api::Member& member : model->members_of(model->shape(found->input))) {
    const json::value* value = input.if_contains(member.name);
    if (!value || member.streaming) continue;
    if (fits(*model, model->shape(member), *value)) continue;
    // One more than the model knows: AmazonS3/latest/userguide/acl-overview.html#canned-acl
    if (model->shape(member).name == "BucketCannedACL" && *value == "log-delivery-write") continue;
    if (member.location == api::Location::Body) return malformed_xml();
    return refuse(member);
  }
  return {};
}

}  // namespace kiban::services::s3
