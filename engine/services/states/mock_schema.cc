#include "services/states/mock_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/model.h"
#include "api/validate.h"
#include "services/states/parameters.h"
#include "services/states/sdk_names.h"

namespace kiban::services::states {
namespace {

struct Mocked {
  const asl::TaskResource& resource;
  const api::Service& model;
  FieldValidation mode{FieldValidation::Strict};
};

std::unexpected<Error> wrong(std::string_view what) {
  return fail("ValidationException", fmt::format("Mock result schema validation error: {}", what));
}

Result<void> check_number(const api::Shape& shape, const json::value& value,
                          std::string_view name) {
  if (!value.is_number()) return wrong(fmt::format("Field '{}' must be a number", name));
  const double number = value.to_number<double>();
  if (shape.min != api::no_bound && number < static_cast<double>(shape.min))
    return wrong(fmt::format("Field '{}' is less than the minimum value", name));
  // Step Functions keeps an older model of Lambda than Lambda does. Recorded by AWS, 2025-12-03:
  // test_strict_mode_aws_sdk_lambda_get_function_task[integer_more_than_maximum_allowed].
  const std::int64_t max = shape.name == "MemorySize" ? 10'240 : shape.max;
  if (max != api::no_bound && number > static_cast<double>(max))
    return wrong(fmt::format("Field '{}' exceeds the maximum value", name));
  return {};
}

// "All present fields must conform to the API's schema": lengths and patterns as well. The words
// are ours, after those of numbers.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_MockInput.html
Result<void> check_length(const api::Shape& shape, std::int64_t length, std::string_view name) {
  if (shape.min != api::no_bound && length < shape.min)
    return wrong(fmt::format("Field '{}' is smaller than the minimum length", name));
  if (shape.max != api::no_bound && length > shape.max)
    return wrong(fmt::format("Field '{}' exceeds the maximum length", name));
  return {};
}

Result<void> check(const Mocked& mocked, const api::Shape& shape, const json::value& value,
                   std::string_view name);

Result<void> check_structure(const Mocked& mocked, const api::Shape& shape,
                             const json::object& value) {
  for (const api::Member& member : mocked.model.members_of(shape)) {
    const std::string name = shown_member(mocked.resource, member.name);
    const json::value* given = find(value, name);
    if (given) {
      KIBAN_TRY_VOID(check(mocked, mocked.model.shape(member), *given, name));
    } else if (member.required && mocked.mode == FieldValidation::Strict) {
      return wrong(fmt::format("Required field '{}' is missing", name));
    }
  }
  return {};
}

Result<void> check(const Mocked& mocked, const api::Shape& shape, const json::value& value,
                   std::string_view name) {
  const auto must_be = [&](std::string_view what) {
    return wrong(fmt::format("Field '{}' must be {}", name, what));
  };
  switch (shape.kind) {
    case api::Kind::Structure:
      if (!value.is_object()) return must_be("an object");
      return check_structure(mocked, shape, value.get_object());
    case api::Kind::List:
      if (!value.is_array()) return must_be("an array");
      KIBAN_TRY_VOID(check_length(shape, std::ssize(value.get_array()), name));
      for (const json::value& element : value.get_array()) {
        KIBAN_TRY_VOID(
            check(mocked, mocked.model.shape(mocked.model.members_of(shape)[0]), element, name));
      }
      return {};
    case api::Kind::Map:
      if (!value.is_object()) return must_be("an object");
      for (const auto& [key, element] : value.get_object()) {
        KIBAN_TRY_VOID(
            check(mocked, mocked.model.shape(mocked.model.members_of(shape)[1]), element, key));
      }
      return {};
    case api::Kind::String: {
      if (!value.is_string()) return must_be("a string");
      const auto values = mocked.model.values_of(shape);
      if (!values.empty() &&
          std::ranges::find(values, std::string_view(value.get_string())) == values.end())
        return wrong(fmt::format("Field '{}' is not an expected value", name));
      const std::string_view text = value.get_string();
      KIBAN_TRY_VOID(check_length(shape, api::utf16_length(text), name));
      if (!shape.pattern.empty() && !api::matches(shape.pattern, text))
        return wrong(fmt::format("Field '{}' does not match the pattern", name));
      return {};
    }
    case api::Kind::Timestamp:
      // Recorded: test_strict_mode_sfn_task[wrong_timestamp_type_number].
      if (!value.is_string()) return must_be("a string");
      return {};
    case api::Kind::Boolean:
      if (!value.is_bool()) return must_be("a boolean");
      return {};
    case api::Kind::Integer:
    case api::Kind::Long:
    case api::Kind::Float:
    case api::Kind::Double:
      return check_number(shape, value, name);
    case api::Kind::Blob:  // A Lambda's payload is any document.
      // Recorded: test_strict_mode_aws_sdk_kms_task[wrong_blob_length_less_than_minimum].
      if (!value.is_string()) return {};
      return check_length(shape, std::ssize(value.get_string()), name);
  }
  return {};
}

}  // namespace

Result<void> check_mock(const asl::TaskResource& resource, const json::value& result,
                        FieldValidation mode) {
  // What a job that was waited for returns is not the operation's own reply.
  if (mode == FieldValidation::None || resource.pattern != asl::TaskPattern::RequestResponse)
    return {};
  const api::Service* model = model_of(resource);
  const api::Operation* operation =
      model ? model->operation(shown_member({}, resource.action)) : nullptr;
  if (!operation || operation->output == api::no_shape) return {};
  const api::Shape& shape = model->shape(operation->output);
  if (!result.is_object()) return wrong("The result must be an object");
  return check_structure({.resource = resource, .model = *model, .mode = mode}, shape,
                         result.get_object());
}

}  // namespace kiban::services::states
