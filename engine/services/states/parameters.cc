// "The field Filter is not supported by Step Functions":
// docs.aws.amazon.com/step-functions/latest/dg/connect-parameters.html. Users quote it with the
// name in quotes and in the frame that AWS recorded for another fault,
// test_invoke_with_headers[singleStringHeader], as are the words about formats.
#include "services/states/parameters.h"

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "core/exact_json.h"
#include "services/states/sdk_names.h"

namespace kiban::services::states {
namespace {

bool number_text(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  (void)std::strtod(copy.c_str(), &end);
  return !copy.empty() && end == copy.c_str() + copy.size();
}

struct Check {
  const asl::TaskResource& resource;
  const api::Service& model;
  std::vector<std::string> problems{};

  const api::Member* member_of(const api::Shape& shape, std::string_view key) const {
    for (const api::Member& member : model.members_of(shape)) {
      if (shown_member(resource, member.name) == key) return &member;
    }
    return nullptr;
  }

  bool fits(const api::Shape& shape, const json::value& value) const {
    switch (shape.kind) {
      case api::Kind::Structure:
      case api::Kind::Map:
        return value.is_object();
      case api::Kind::List:
        return value.is_array();
      case api::Kind::Boolean:
        return value.is_bool() || value == "true" || value == "false";
      case api::Kind::Integer:
      case api::Kind::Long:
      case api::Kind::Float:
      case api::Kind::Double:
        return is_any_number(value) ||
               (value.is_string() && number_text(std::string_view(value.get_string())));
      case api::Kind::String:
      case api::Kind::Timestamp:
      case api::Kind::Blob:
        return true;
    }
    return true;
  }

  void value(const api::Shape& shape, const json::value& given, std::string_view name) {
    if (given.is_null()) return;
    if (!fits(shape, given)) {
      problems.push_back(fmt::format("The value of the field '{}' has an invalid format", name));
      return;
    }
    if (shape.kind == api::Kind::Structure) {
      for (const auto& [key, part] : given.get_object()) {
        const api::Member* member = member_of(shape, key);
        if (member)
          value(model.shape(*member), part, key);
        else
          problems.push_back(fmt::format("The field \"{}\" is not supported by Step Functions",
                                         std::string_view(key)));
      }
    } else if (shape.kind == api::Kind::Map) {
      for (const auto& [key, part] : given.get_object())
        value(model.shape(model.members_of(shape)[1]), part, key);
    } else if (shape.kind == api::Kind::List) {
      for (const json::value& part : given.get_array())
        value(model.shape(model.members_of(shape)[0]), part, name);
    }
  }
};

}  // namespace

const api::Service* model_of(const asl::TaskResource& resource) {
  const bool sdk = resource.service.starts_with("aws-sdk:");
  const std::string name = resource.service.substr(sdk ? 8 : 0);
  const api::Service* model = sdk ? api::find_service_by_sdk_name(name) : api::find_service(name);
  return model ? model : api::find_unserved_service(name);
}

std::optional<std::string> check_parameters(const asl::TaskResource& resource,
                                            const json::value& parameters) {
  const api::Service* model = model_of(resource);
  const api::Operation* operation =
      model ? model->operation(shown_member({}, resource.action)) : nullptr;
  if (!operation || operation->input == api::no_shape || !parameters.is_object())
    return std::nullopt;
  Check check{.resource = resource, .model = *model};
  check.value(model->shape(operation->input), parameters, "Parameters");
  if (check.problems.empty()) return std::nullopt;
  return fmt::format("[{}]", fmt::join(check.problems, ", "));
}

}  // namespace kiban::services::states
