#include "api/model.h"

#include <algorithm>

#include "core/letters.h"

namespace kiban::api {
namespace {

// "CloudWatch Logs" is spelt cloudwatchlogs in aws-sdk integrations.
bool spells(std::string_view service_id, std::string_view sdk_name) {
  std::size_t at = 0;
  for (const char c : service_id) {
    if (c == ' ' || c == '-') continue;
    if (at == sdk_name.size() || sdk_name[at] != lower_case(c)) return false;
    ++at;
  }
  return at == sdk_name.size();
}

template <typename T>
const T* find_by_name(std::span<const T> sorted, std::string_view name) {
  const auto found = std::ranges::lower_bound(sorted, name, {}, &T::name);
  return found != sorted.end() && found->name == name ? &*found : nullptr;
}

template <typename Predicate>
const Service* first_service(Predicate predicate) {
  for (const Service* service : services()) {
    if (predicate(*service)) return service;
  }
  return nullptr;
}

}  // namespace

const Member* Service::member(const Shape& shape, std::string_view name) const {
  for (const Member& member : members_of(shape)) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

const Operation* Service::operation(std::string_view name) const {
  return find_by_name(operations, name);
}

const Shape* Service::error(const Operation* operation, std::string_view name) const {
  const auto is_it = [&](const Shape& shape) {
    return shape.error && (shape.name == name || (!name.empty() && shape.error_code == name));
  };
  if (operation) {
    for (const std::uint16_t index : operation->errors) {
      if (is_it(shapes[index])) return &shapes[index];
    }
  }
  const auto found = std::ranges::find_if(shapes, is_it);
  return found != shapes.end() ? &*found : nullptr;
}

bool Service::has_operation(std::string_view name) const {
  return find_by_name(all_operations, name) != nullptr;
}

const Service* find_service(std::string_view folder) {
  return first_service([&](const Service& service) { return service.folder == folder; });
}

const Service* find_service_by_signing_name(std::string_view signing_name,
                                            std::string_view api_version) {
  const Service* exact = first_service([&](const Service& service) {
    return service.signing_name == signing_name && service.api_version == api_version;
  });
  if (exact || !api_version.empty()) return exact;
  return first_service(
      [&](const Service& service) { return service.signing_name == signing_name; });
}

const Service* find_service_by_target_prefix(std::string_view target_prefix) {
  return first_service([&](const Service& service) {
    return !service.target_prefix.empty() && service.target_prefix == target_prefix;
  });
}

const Service* find_service_by_sdk_name(std::string_view sdk_name) {
  return first_service(
      [&](const Service& service) { return spells(service.service_id, sdk_name); });
}

const Service* find_unserved_service(std::string_view sdk_name) {
  for (const Service* service : unserved_services()) {
    if (spells(service->service_id, sdk_name)) return service;
  }
  return nullptr;
}

}  // namespace kiban::api
