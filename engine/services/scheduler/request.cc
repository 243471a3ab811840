#include "services/scheduler/request.h"

#include <fmt/format.h>

#include <vector>

#include "api/codec.h"
#include "core/letters.h"
#include "core/time.h"

namespace kiban::services::scheduler {
namespace {

// "Request payload is missing the following field(s): A, B." is AWS's, as users quote it.
std::unexpected<Error> invalid_request(std::string_view reason) {
  return fail("ValidationException",
              fmt::format("Invalid RequestJson provided. Reason {}", reason));
}

std::string pascal(std::string_view name) {
  std::string out(name);
  if (!out.empty()) out[0] = upper_case(out[0]);
  return out;
}

struct Reader {
  const api::Service& model;
  Spelling spelling;

  const api::Member* member_of(const api::Shape& shape, std::string_view key) const {
    if (spelling == Spelling::Pascal && (key.empty() || lower_case(key[0]) == key[0]))
      return nullptr;
    for (const api::Member& member : model.members_of(shape))
      if (same_letters(member.name, key)) return &member;
    return nullptr;
  }

  Result<json::value> structure(const api::Shape& shape, const json::object& given) const {
    json::object out;
    for (const auto& [key, value] : given) {
      const api::Member* member = member_of(shape, key);
      if (!member)
        return invalid_request(
            fmt::format("Request payload has an unknown field: {}.", std::string_view(key)));
      KIBAN_TRY(out[member->name],
                member->streaming ? Result<json::value>(value) : read(member->shape, value));
    }
    return out;
  }

  Result<json::value> read(std::uint16_t index, const json::value& given) const {
    const api::Shape& shape = model.shape(index);
    if (shape.kind == api::Kind::Structure && given.is_object())
      return structure(shape, given.get_object());
    if (shape.kind == api::Kind::Map && given.is_object()) {
      json::object out;
      for (const auto& [key, value] : given.get_object()) {
        KIBAN_TRY(out[key], read(model.members_of(shape)[1].shape, value));
      }
      return out;
    }
    if (shape.kind == api::Kind::List && given.is_array()) {
      json::array out;
      for (const json::value& value : given.get_array()) {
        KIBAN_TRY(json::value read_value, read(model.members_of(shape)[0].shape, value));
        out.push_back(std::move(read_value));
      }
      return out;
    }
    const json::string* words = given.if_string();
    if (words && shape.kind == api::Kind::Blob)
      return json::value(api::encode_base64(std::string_view(*words)));
    if (words && shape.kind == api::Kind::Timestamp)
      if (const auto time = parse_iso8601(std::string_view(*words))) return epoch_seconds(*time);
    return given;
  }
};

}  // namespace

Result<json::object> request_of(const api::Service& model, const api::Operation& operation,
                                const json::value& document, Spelling spelling) {
  if (!document.is_object()) return invalid_request("Request payload is not a JSON object.");
  if (operation.input == api::no_shape) return json::object{};
  const api::Shape& shape = model.shape(operation.input);
  const Reader reader{.model = model, .spelling = spelling};
  std::vector<std::string> missing;
  for (const api::Member& member : model.members_of(shape)) {
    if (!member.required || member.idempotency_token) continue;
    bool given = false;
    for (const auto& [key, value] : document.get_object())
      given = given || reader.member_of(shape, key) == &member;
    if (!given) missing.push_back(pascal(member.name));
  }
  if (!missing.empty())
    return invalid_request(fmt::format("Request payload is missing the following field(s): {}.",
                                       fmt::join(missing, ", ")));
  KIBAN_TRY(json::value request, reader.structure(shape, document.get_object()));
  return std::move(request.get_object());
}

}  // namespace kiban::services::scheduler
