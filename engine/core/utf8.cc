#include "core/utf8.h"

#include <algorithm>
#include <boost/locale/utf.hpp>
#include <cstring>

#include "core/exact_json.h"

namespace kiban {

namespace {

namespace utf = boost::locale::utf;

// The first byte that is not ASCII; eight at a time.
const char* skip_ascii(const char* at, const char* end) {
  constexpr std::uint64_t high_bits = 0x8080808080808080U;
  std::uint64_t block = 0;
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof block)) {
    std::memcpy(&block, at, sizeof block);
    if ((block & high_bits) != 0) break;
    at += sizeof block;
  }
  while (at != end && static_cast<unsigned char>(*at) < 0x80) ++at;
  return at;
}

// Moves `at` behind the character there, if there is one.
bool skip_character(const char*& at, const char* end) {
  const char* behind = at;
  const utf::code_point decoded = utf::utf_traits<char>::decode(behind, end);
  if (decoded == utf::illegal || decoded == utf::incomplete) return false;
  at = behind;
  return true;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while ((at = skip_ascii(at, end)) != end)
    if (!skip_character(at, end)) return false;
  return true;
}

bool is_utf8(const json::value& tree) {
  if (is_exact_number(tree)) return true;
  if (tree.is_string()) return is_utf8(std::string_view(tree.get_string()));
  if (const json::array* array = tree.if_array())
    return std::ranges::all_of(*array, [](const json::value& each) { return is_utf8(each); });
  if (const json::object* object = tree.if_object())
    return std::ranges::all_of(*object, [](const auto& member) {
      return is_utf8(std::string_view(member.key())) && is_utf8(member.value());
    });
  return true;
}

std::string to_utf8(std::string_view bytes) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD
  std::string out;
  out.reserve(bytes.size());
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  const char* kept = at;  // Behind what `out` has.
  while ((at = skip_ascii(at, end)) != end) {
    if (skip_character(at, end)) continue;
    out.append(kept, at).append(replacement);
    kept = ++at;
  }
  return out.append(kept, end);
}

namespace {

void repair(json::value& tree, bool exact_numbers) {
  if (exact_numbers && is_exact_number(tree)) return;
  if (json::string* text = tree.if_string()) {
    if (!is_utf8(std::string_view(*text))) *text = to_utf8(*text);
  } else if (json::array* array = tree.if_array()) {
    for (json::value& each : *array) repair(each, exact_numbers);
  } else if (json::object* object = tree.if_object()) {
    const bool names = std::ranges::all_of(
        *object, [](const auto& member) { return is_utf8(std::string_view(member.key())); });
    if (!names) {
      json::object named;
      for (auto& member : *object)
        named.insert_or_assign(to_utf8(member.key()), std::move(member.value()));
      *object = std::move(named);
    }
    for (auto& member : *object) repair(member.value(), exact_numbers);
  }
}

}  // namespace

void make_utf8(json::value& tree) { repair(tree, true); }
void make_utf8_of_bytes(json::value& tree) { repair(tree, false); }

bool is_xml_character(std::uint32_t code_point) {
  return code_point == 0x9 || code_point == 0xA || code_point == 0xD ||
         (code_point >= 0x20 && code_point <= 0xD7FF) ||
         (code_point >= 0xE000 && code_point <= 0xFFFD) ||
         (code_point >= 0x10000 && code_point <= 0x10FFFF);
}

}  // namespace kiban
