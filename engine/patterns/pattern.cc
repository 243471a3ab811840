#include "patterns/pattern.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <tuple>

namespace kiban::patterns {
namespace {

// Ours: bounds the search over combinations of array elements. An event of 256 KiB stays far below
// it unless it was made to reach it; then it does not match.
constexpr std::size_t search_steps_max = 100'000;
// Of each alternative of `$or`, however many there are.
constexpr std::size_t alternative_steps_min = 200;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

std::optional<double> number_of(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  return value.to_number<double>();
}

bool matches_wildcard(const std::vector<std::string>& parts, std::string_view text) {
  const std::string_view first = parts.front();
  if (parts.size() == 1) return text == first;
  const std::string_view last = parts.back();
  if (text.size() < first.size() + last.size()) return false;
  if (!text.starts_with(first) || !text.ends_with(last)) return false;
  text.remove_prefix(first.size());
  text.remove_suffix(last.size());
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    const auto found = text.find(parts[i]);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + parts[i].size());
  }
  return true;
}

// The places of both, or nothing when they name different elements of one array.
std::optional<std::vector<EventFields::Place>> joined(const std::vector<EventFields::Place>& known,
                                                      const std::vector<EventFields::Place>& more) {
  std::vector<EventFields::Place> both = known;
  for (const auto& place : more) {
    const auto same = std::ranges::find(known, place.array, &EventFields::Place::array);
    if (same == known.end()) {
      both.push_back(place);
    } else if (same->index != place.index) {
      return std::nullopt;
    }
  }
  return both;
}

bool accepts(const std::vector<Matcher>& matchers, const json::value& value) {
  return std::ranges::any_of(matchers, [&](const Matcher& matcher) {
    const auto passed = [&](const Test& test) { return passes(test, value); };
    switch (matcher.kind) {
      case Matcher::Kind::AnyOf:
        return std::ranges::any_of(matcher.tests, passed);
      case Matcher::Kind::NoneOf:
        return std::ranges::none_of(matcher.tests, passed);
      case Matcher::Kind::Exists:
        return true;
      case Matcher::Kind::Absent:
        return false;
    }
    return false;
  });
}

}  // namespace

EventFields::EventFields(const json::value& event, const Paths* wanted) : wanted_(wanted) {
  std::string path;
  add(event, path, {}, 0);
  sort();
}

EventFields::EventFields(const json::object& event, const Paths* wanted) : wanted_(wanted) {
  std::string path;
  add_members(event, path, {}, 0);
  sort();
}

void EventFields::sort() {
  std::ranges::sort(fields_, [](const Field& a, const Field& b) {
    return std::tie(a.path, a.order) < std::tie(b.path, b.order);
  });
}

void EventFields::add_members(const json::object& object, std::string& path,
                              const std::vector<Place>& places, std::size_t depth) {
  const std::size_t length = path.size();
  for (const auto& member : object) {
    if (length > 0) path += '.';
    path += member.key();
    if (wanted_ == nullptr || wanted_->contains(path)) add(member.value(), path, places, depth + 1);
    path.resize(length);
  }
}

void EventFields::add(const json::value& value, std::string& path, const std::vector<Place>& places,
                      std::size_t depth) {
  if (depth > json_depth_max) return;
  if (const auto* object = value.if_object()) return add_members(*object, path, places, depth);
  if (const auto* array = value.if_array()) {
    auto inside = places;
    inside.push_back({.array = arrays_++, .index = 0});
    for (const auto& element : *array) {
      add(element, path, inside, depth + 1);
      ++inside.back().index;
    }
    return;
  }
  fields_.push_back({.path = path, .value = &value, .places = places, .order = fields_.size()});
}

std::pair<const EventFields::Field*, const EventFields::Field*> EventFields::at(
    std::string_view path) const {
  const auto found = std::ranges::equal_range(
      fields_, path, {}, [](const Field& f) -> std::string_view { return f.path; });
  const Field* begin = fields_.data() + (found.begin() - fields_.begin());
  return {begin, begin + found.size()};
}

bool Pattern::matches(const EventFields& event) const {
  std::size_t left = search_steps_max;
  return std::ranges::any_of(alternatives_, [&](const Keys& keys) {
    return holds_alternative(keys, event, alternatives_.size(), left);
  });
}

bool Pattern::holds_alternative(const Keys& keys, const EventFields& event,
                                std::size_t alternatives, std::size_t& left) {
  const std::size_t share = std::max(search_steps_max / alternatives, alternative_steps_min);
  const std::size_t given = std::max(std::min(share, left), alternative_steps_min);
  std::size_t fuel = given;
  const bool held = holds(keys, keys.begin(), event, {}, fuel);
  left -= std::min(left, given - fuel);
  return held;
}

// Tries each leaf below the key that agrees with the array elements chosen so far.
bool Pattern::holds(const Keys& keys, Keys::const_iterator key, const EventFields& event,
                    const std::vector<EventFields::Place>& places, std::size_t& fuel) {
  if (key == keys.end()) return true;
  const auto [begin, end] = event.at(key->first);
  bool absent = true;
  for (const auto* field = begin; field != end; ++field) {
    if (fuel == 0) return false;
    --fuel;
    auto both = joined(places, field->places);
    if (!both) continue;
    absent = false;
    if (!accepts(key->second, *field->value)) continue;
    if (holds(keys, std::next(key), event, *both, fuel)) return true;
    if (both->size() == places.size()) break;  // No element was chosen: others fare no better.
  }
  const bool may_be_absent = std::ranges::any_of(
      key->second, [](const Matcher& matcher) { return matcher.kind == Matcher::Kind::Absent; });
  return absent && may_be_absent && holds(keys, std::next(key), event, places, fuel);
}

std::size_t parse_address(std::string_view text, std::array<std::uint8_t, 16>& out) {
  const std::string copy(text);
  if (inet_pton(AF_INET, copy.c_str(), out.data()) == 1 && copy.size() == std::strlen(copy.c_str()))
    return 4;
  if (inet_pton(AF_INET6, copy.c_str(), out.data()) == 1 &&
      copy.size() == std::strlen(copy.c_str()))
    return 16;
  return 0;
}

bool passes(const Test& test, const json::value& value) {
  const auto* string = value.if_string();
  const auto with_case = [](Case letters, std::string_view text) {
    return letters == Case::Ignored ? fold_case(text) : std::string(text);
  };
  struct Visitor {
    const json::value& value;
    const json::string* string;
    decltype(with_case)& in_case;
    bool operator()(const Text& t) const { return string != nullptr && view(*string) == t.text; }
    bool operator()(const Literal& t) const {
      if (value.kind() != t.kind) return false;
      return t.kind == json::kind::null || value.get_bool() == t.value;
    }
    bool operator()(const Number& t) const { return number_of(value) == t.value; }
    bool operator()(const Prefix& t) const {
      if (string == nullptr) return false;
      if (t.letters == Case::Exact) return view(*string).starts_with(t.text);
      return in_case(t.letters, view(*string)).starts_with(t.text);
    }
    bool operator()(const Suffix& t) const {
      if (string == nullptr) return false;
      if (t.letters == Case::Exact) return view(*string).ends_with(t.text);
      return in_case(t.letters, view(*string)).ends_with(t.text);
    }
    bool operator()(const IgnoreCase& t) const {
      return string != nullptr && fold_case(view(*string)) == t.folded;
    }
    bool operator()(const Wildcard& t) const {
      return string != nullptr && matches_wildcard(t.parts, view(*string));
    }
    bool operator()(const Range& t) const {
      const auto number = number_of(value);
      if (!number) return false;
      if (t.has_bottom && !(t.open_bottom ? *number > t.bottom : *number >= t.bottom)) return false;
      return !t.has_top || (t.open_top ? *number < t.top : *number <= t.top);
    }
    bool operator()(const Cidr& t) const {
      std::array<std::uint8_t, 16> address{};
      if (string == nullptr || parse_address(view(*string), address) != t.bytes) return false;
      const auto same_or_above = std::memcmp(address.data(), t.low.data(), t.bytes) >= 0;
      return same_or_above && std::memcmp(address.data(), t.high.data(), t.bytes) <= 0;
    }
  };
  return std::visit(Visitor{.value = value, .string = string, .in_case = with_case}, test);
}

// Two-byte letters alone: Latin-1 (C3 80-9E), Greek and Cyrillic capitals.
std::string fold_case(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (byte >= 'A' && byte <= 'Z') {
      out[i] = static_cast<char>(byte + 32);
      continue;
    }
    if (byte < 0xC3 || byte > 0xD0 || i + 1 >= out.size()) continue;
    const auto second = static_cast<unsigned char>(out[i + 1]);
    if ((second & 0xC0U) != 0x80U) continue;
    const unsigned code = ((byte & 0x1FU) << 6) | (second & 0x3FU);
    unsigned small = code;
    if (code >= 0xC0 && code <= 0xDE && code != 0xD7) small = code + 32;     // Latin-1
    if (code >= 0x391 && code <= 0x3A9 && code != 0x3A2) small = code + 32;  // Greek
    if (code >= 0x410 && code <= 0x42F) small = code + 32;                   // Cyrillic
    if (code >= 0x400 && code <= 0x40F) small = code + 80;                   // Cyrillic, Ѐ-Џ
    out[i] = static_cast<char>(0xC0U | (small >> 6));
    out[i + 1] = static_cast<char>(0x80U | (small & 0x3FU));
    ++i;
  }
  return out;
}

// Texts recorded by AWS, but for the range of the mask bits, which are ours.
Result<Cidr> parse_cidr(std::string_view text) {
  const auto invalid = [](std::string cause) { return fail("InvalidCidr", std::move(cause)); };
  if (std::ranges::count(text, '/') != 1) return invalid("Malformed CIDR, one '/' required");
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  const auto mask = text.substr(slash + 1);
  int bits = 0;
  const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), bits);
  if (error != std::errc{} || end != mask.data() + mask.size()) {
    return invalid("Malformed CIDR, mask bits must be an integer");
  }
  if (bits < 0) return invalid("Malformed CIDR, mask bits must not be negative");
  Cidr cidr;
  cidr.bytes = parse_address(address, cidr.low);
  if (cidr.bytes == 0) return invalid("Nonstandard IP address: " + std::string(address));
  if (bits > static_cast<int>(cidr.bytes) * 8) {
    return invalid(cidr.bytes == 4 ? "IPv4 mask bits must be <= 32"
                                   : "IPv6 mask bits must be <= 128");
  }
  cidr.high = cidr.low;
  for (int bit = bits; bit < static_cast<int>(cidr.bytes) * 8; ++bit) {
    const auto flag = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    auto& low = cidr.low.at(static_cast<std::size_t>(bit / 8));
    auto& high = cidr.high.at(static_cast<std::size_t>(bit / 8));
    low = static_cast<std::uint8_t>(low & ~flag);
    high = static_cast<std::uint8_t>(high | flag);
  }
  return cidr;
}

// Positions count the opening quote, as in aws/event-ruler.
Result<Wildcard> parse_wildcard(std::string_view text) {
  Wildcard wildcard{.parts = {""}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      if (i + 1 >= text.size() || (text[i + 1] != '*' && text[i + 1] != '\\')) {
        return fail("InvalidWildcard", "Invalid escape character at pos " + std::to_string(i + 1));
      }
      wildcard.parts.back().push_back(text[++i]);
    } else if (text[i] == '*') {
      if (i + 1 < text.size() && text[i + 1] == '*') {
        return fail("InvalidWildcard",
                    "Consecutive wildcard characters at pos " + std::to_string(i + 1));
      }
      wildcard.parts.emplace_back();
    } else {
      wildcard.parts.back().push_back(text[i]);
    }
  }
  if (wildcard.parts.size() - 1 > wildcards_max) {
    return fail("InvalidWildcard",
                "Rule is too complex - try using fewer wildcard characters or fewer repeating "
                "character sequences after a wildcard character");
  }
  return wildcard;
}

Result<json::value> parse_event(std::string_view text) {
  auto event = parse_json(text);
  if (!event || !event->is_object()) {
    return fail("ValidationException", "Parameter Event is not valid.");
  }
  return event;
}

}  // namespace kiban::patterns
