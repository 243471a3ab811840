// json 1.0 and 1.1: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
#include <fmt/format.h>

#include <cmath>

#include "api/protocols.h"
#include "api/values.h"

namespace kiban::api {
namespace {

std::unexpected<Error> misfit(const std::string& text) {
  return fail("SerializationException", text);
}

// "STRING_VALUE can not be converted to an Integer", as AWS's deserialisers say.
std::string_view token_of(const json::value& value) {
  if (value.is_string()) return "STRING_VALUE";
  if (value.is_bool()) return value.get_bool() ? "TRUE_VALUE" : "FALSE_VALUE";
  if (value.is_double()) return "DECIMAL_VALUE";
  return "NUMBER_VALUE";
}

std::unexpected<Error> wrong_kind(const json::value& value, std::string_view wanted) {
  if (value.is_array()) return misfit("Start of list found where not expected");
  if (value.is_object()) return misfit("Start of structure or map found where not expected.");
  return misfit(fmt::format("{} can not be converted to {}", token_of(value), wanted));
}

Result<json::value> read_integer(const json::value& value) {
  if (value.is_int64()) return value;
  if (value.is_double()) {
    const double number = value.get_double();
    if (number == std::floor(number) && std::fabs(number) < 9e18) {
      return json::value(static_cast<std::int64_t>(number));
    }
  }
  return wrong_kind(value, "an Integer");
}

Result<json::value> read_real(const json::value& value) {
  if (value.is_number()) return json::value(number_of(value));
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (text == "NaN") return json::value(std::nan(""));
    if (text == "Infinity") return json::value(HUGE_VAL);
    if (text == "-Infinity") return json::value(-HUGE_VAL);
  }
  return wrong_kind(value, "a Double");
}

class JsonReader {
 public:
  explicit JsonReader(const Service& service) : service_(service) {}

  Result<json::object> structure(const Shape& shape, const json::object& source) {
    json::object out;
    for (const Member& member : service_.members_of(shape)) {
      const json::value* found = source.if_contains(member.wire_name);
      if (!found || found->is_null()) continue;
      KIBAN_TRY(json::value value, read(member, *found));
      out.emplace(member.name, std::move(value));
    }
    return out;
  }

  Result<json::value> read(const Member& member, const json::value& value) {
    const Shape& shape = service_.shape(member);
    switch (shape.kind) {
      case Kind::Structure: {
        if (!value.is_object()) return not_a_tree(value);
        KIBAN_TRY(json::object object, structure(shape, value.get_object()));
        return json::value(std::move(object));
      }
      case Kind::List:
        return list(shape, value);
      case Kind::Map:
        return map(shape, value);
      case Kind::Integer:
      case Kind::Long:
        return read_integer(value);
      case Kind::Float:
      case Kind::Double:
        return read_real(value);
      case Kind::Boolean:
        if (value.is_bool()) return value;
        return wrong_kind(value, "a Boolean");
      case Kind::Timestamp:
        return timestamp(member, value);
      case Kind::Blob:
        if (!value.is_string()) return wrong_kind(value, "a Blob");
        if (!decode_base64(value.get_string())) return misfit("Blob value is not valid base64");
        return value;
      case Kind::String:
        if (value.is_string()) return value;
        return wrong_kind(value, "a String");
    }
    return value;
  }

 private:
  static std::unexpected<Error> not_a_tree(const json::value& value) {
    if (value.is_array()) return misfit("Start of list found where not expected");
    return misfit("Unexpected field type");
  }

  Result<json::value> list(const Shape& shape, const json::value& value) {
    if (value.is_object()) return wrong_kind(value, "a List");
    if (!value.is_array()) return misfit("Unexpected field type");
    const Member& element = service_.members_of(shape)[0];
    json::array out;
    out.reserve(value.get_array().size());
    for (const json::value& entry : value.get_array()) {
      if (entry.is_null()) continue;
      KIBAN_TRY(json::value read_entry, read(element, entry));
      out.push_back(std::move(read_entry));
    }
    return json::value(std::move(out));
  }

  Result<json::value> map(const Shape& shape, const json::value& value) {
    if (!value.is_object()) return not_a_tree(value);
    const Member& element = service_.members_of(shape)[1];
    json::object out;
    for (const auto& [key, entry] : value.get_object()) {
      if (entry.is_null()) continue;
      KIBAN_TRY(json::value read_entry, read(element, entry));
      out.emplace(key, std::move(read_entry));
    }
    return json::value(std::move(out));
  }

  Result<json::value> timestamp(const Member& member, const json::value& value) {
    if (value.is_number()) return json::value(number_of(value));
    const auto format = timestamp_format(service_, member, TimestampFormat::Epoch);
    if (value.is_string() && format != TimestampFormat::Epoch) {
      return read_timestamp(value.get_string(), format);
    }
    return wrong_kind(value, "a Timestamp");
  }

  const Service& service_;
};

json::value write(const Service& service, const Member& member, const json::value& value);

json::object write_structure(const Service& service, const Shape& shape,
                             const json::object& source) {
  json::object out;
  for (const Member& member : service.members_of(shape)) {
    const json::value* found = source.if_contains(member.name);
    if (!found || found->is_null() || member.location != Location::Body) continue;
    out.emplace(member.wire_name, write(service, member, *found));
  }
  return out;
}

json::value write(const Service& service, const Member& member, const json::value& value) {
  const Shape& shape = service.shape(member);
  if (shape.kind == Kind::Structure && value.is_object()) {
    return write_structure(service, shape, value.get_object());
  }
  if (shape.kind == Kind::List && value.is_array()) {
    json::array out;
    out.reserve(value.get_array().size());
    const Member& element = service.members_of(shape)[0];
    for (const json::value& entry : value.get_array()) {
      out.push_back(write(service, element, entry));
    }
    return out;
  }
  if (shape.kind == Kind::Map && value.is_object()) {
    json::object out;
    const Member& element = service.members_of(shape)[1];
    for (const auto& [key, entry] : value.get_object()) {
      out.emplace(key, write(service, element, entry));
    }
    return out;
  }
  if (shape.kind == Kind::Timestamp && value.is_number()) {
    const auto format = timestamp_format(service, member, TimestampFormat::Epoch);
    if (format == TimestampFormat::Epoch) return json::value(number_of(value));
    return json::value(print_timestamp(number_of(value), format));
  }
  if (value.is_double() && !std::isfinite(value.get_double())) {
    return json::value(print_scalar(service, member, value, TimestampFormat::Epoch));
  }
  return value;
}

}  // namespace

Result<json::object> decode_json(const Service& service, const Shape& shape,
                                 std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object{};
  auto parsed = parse_json(body);
  if (!parsed) return misfit(std::move(parsed).error().cause);
  if (!parsed->is_object()) return misfit("The request body must be a JSON object");
  return JsonReader(service).structure(shape, parsed->get_object());
}

Result<json::object> read_json_tree(const Service& service, const Shape& shape,
                                    const json::object& tree) {
  return JsonReader(service).structure(shape, tree);
}

std::string encode_json(const Service& service, const Shape& shape, const json::object& output) {
  return print_json(write_structure(service, shape, output));
}

}  // namespace kiban::api
