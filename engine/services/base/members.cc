#include "services/base/members.h"

#include <cmath>

namespace kiban::services {

bool from_member(const json::value& value, std::string& out) {
  const json::string* text = value.if_string();
  if (text != nullptr) out = to_string(*text);
  return text != nullptr;
}

bool from_member(const json::value& value, bool& out) {
  const bool* given = value.if_bool();
  if (given != nullptr) out = *given;
  return given != nullptr;
}

bool from_member(const json::value& value, std::int64_t& out) {
  if (!value.is_number()) return false;
  json::error_code failed;
  out = value.to_number<std::int64_t>(failed);
  return !failed;
}

bool from_member(const json::value& value, double& out) {
  if (!value.is_number()) return false;
  out = value.to_number<double>();
  return true;
}

bool from_member(const json::value& value, Timestamp& out) {
  double given = 0;
  if (!from_member(value, given) || !(std::abs(given) < 1e15)) return false;
  constexpr double milliseconds = 1'000;
  const double time = given < seconds_max ? given * milliseconds : given;
  out = Timestamp{Duration{std::llround(time)}};
  return true;
}

bool from_member(const json::value& value, json::object& out) {
  const json::object* object = value.if_object();
  if (object != nullptr) out = *object;
  return object != nullptr;
}

bool from_member(const json::value& value, json::array& out) {
  const json::array* array = value.if_array();
  if (array != nullptr) out = *array;
  return array != nullptr;
}

}  // namespace kiban::services
