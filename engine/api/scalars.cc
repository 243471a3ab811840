#include "api/scalars.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace kiban::api {
namespace {

template <typename Number>
std::optional<json::value> read(std::string_view text) {
  Number number{};
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return json::value(number);
}

json::value scalar(Kind kind, json::value value) {
  if (kind == Kind::String) {
    if (value.is_bool()) return json::value(value.get_bool() ? "true" : "false");
    if (value.is_double()) return json::value(json::string(fmt::format("{}", value.get_double())));
    if (value.is_number()) return json::value(json::string(print_json(value)));
    return value;
  }
  if (!value.is_string()) return value;
  const std::string_view text = value.get_string();
  if (kind == Kind::Boolean && (text == "true" || text == "false")) return text == "true";
  std::optional<json::value> number;
  if (kind == Kind::Integer || kind == Kind::Long) number = read<std::int64_t>(text);
  if (kind == Kind::Float || kind == Kind::Double) number = read<double>(text);
  return number ? *number : value;
}

}  // namespace

json::value with_scalars_of(const Service& service, const Shape& shape, json::value value) {
  const auto members = service.members_of(shape);
  if (shape.kind == Kind::Structure && value.is_object()) {
    for (auto& entry : value.get_object()) {
      const Member* member = service.member(shape, entry.key());
      if (member != nullptr)
        entry.value() = with_scalars_of(service, service.shape(*member), std::move(entry.value()));
    }
  } else if (shape.kind == Kind::List && value.is_array()) {
    for (json::value& entry : value.get_array())
      entry = with_scalars_of(service, service.shape(members[0]), std::move(entry));
  } else if (shape.kind == Kind::Map && value.is_object()) {
    for (auto& entry : value.get_object())
      entry.value() = with_scalars_of(service, service.shape(members[1]), std::move(entry.value()));
  } else if (!value.is_structured()) {
    return scalar(shape.kind, std::move(value));
  }
  return value;
}

}  // namespace kiban::api
