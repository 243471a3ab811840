// Event patterns of EventBridge: which events a rule wants.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
//
// Promises: the operators prefix, suffix (both also with equals-ignore-case), anything-but (values,
// prefix, suffix, wildcard, equals-ignore-case; each also as a list), numeric, exists, cidr,
// equals-ignore-case, wildcard and $or. Refusals bear AWS's code and text, place included.
//
// - A pattern looks at leaves alone: `exists` on an object is false, an empty array has no leaf.
// - Keys are joined with dots, in event and pattern: {"a.b": 1} and {"a": {"b": 1}} are alike.
// - An array in an event matches with any element; two keys of a pattern below one array must hold
//   in the same element (array consistency, as in aws/event-ruler).
// - Numbers compare as doubles; equals-ignore-case folds ASCII, Latin-1, Greek and Cyrillic.
// - The last of several equal keys counts.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace kiban::patterns {

constexpr std::size_t alternatives_max = 1000;  // $or multiplied out; EventBridge refuses more.
constexpr std::size_t wildcards_max = 5;  // In one string. Ours: AWS does not say where it stops.

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
// Keys joined with dots, and all that lead to them: "", "a", "a.b".
using Paths = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// An event as its leaves, sorted by path. Make it once, match it with every rule. The event must
// outlive it.
class EventFields {
 public:
  struct Place {
    std::size_t array{0};
    std::size_t index{0};
    bool operator==(const Place&) const = default;
  };
  struct Field {
    std::string path{};
    const json::value* value{nullptr};
    std::vector<Place> places{};  // One for each array on the way, outermost first.
    std::size_t order{0};         // Among the leaves of the event.
  };

  // With `wanted`, only the leaves at these paths.
  explicit EventFields(const json::value& event, const Paths* wanted = nullptr);
  explicit EventFields(const json::object& event, const Paths* wanted = nullptr);
  const std::vector<Field>& all() const { return fields_; }
  std::pair<const Field*, const Field*> at(std::string_view path) const;

 private:
  void add(const json::value& value, std::string& path, const std::vector<Place>& places,
           std::size_t depth);

  void add_members(const json::object& object, std::string& path, const std::vector<Place>& places,
                   std::size_t depth);
  void sort();

  const Paths* wanted_{nullptr};
  std::vector<Field> fields_{};
  std::size_t arrays_{0};
};

struct Text {
  std::string text{};
};
struct Literal {
  json::kind kind{json::kind::null};
  bool value{false};
};
struct Number {
  double value{0};
};
enum class Case : std::uint8_t { Exact, Ignored };
struct Prefix {
  std::string text{};
  Case letters{Case::Exact};
};
struct Suffix {
  std::string text{};
  Case letters{Case::Exact};
};
struct IgnoreCase {
  std::string folded{};
};
struct Wildcard {
  std::vector<std::string> parts{};  // Between the wildcards; one part when there is none.
};
struct Range {
  double bottom{0};
  double top{0};
  bool has_bottom{false};
  bool has_top{false};
  bool open_bottom{false};
  bool open_top{false};
};
struct Cidr {
  std::array<std::uint8_t, 16> low{};
  std::array<std::uint8_t, 16> high{};
  std::size_t bytes{4};  // 4 or 16.
};
using Test = std::variant<Text, Literal, Number, Prefix, Suffix, IgnoreCase, Wildcard, Range, Cidr>;

struct Matcher {
  enum class Kind : std::uint8_t { AnyOf, NoneOf, Exists, Absent };
  Kind kind{Kind::AnyOf};
  std::vector<Test> tests{};
};

class Pattern {
 public:
  // Errors: InvalidEventPatternException "Event pattern is not valid. Reason: ...".
  static Result<Pattern> parse(std::string_view text);

  bool matches(const EventFields& event) const;
  bool matches(const json::value& event) const { return matches(EventFields(event)); }

 private:
  using Keys = std::map<std::string, std::vector<Matcher>>;  // All must hold.
  friend class PatternParser;
  friend class PatternIndex;
  // One of so many alternatives of a pattern, each of which has its share of the pattern's steps,
  // so that the order in which they are tried does not matter. `left` are the steps of the event,
  // or of the pattern alone; without any the alternative has few.
  static bool holds_alternative(const Keys& keys, const EventFields& event,
                                std::size_t alternatives, std::size_t& left);
  static bool holds(const Keys& keys, Keys::const_iterator key, const EventFields& event,
                    const std::vector<EventFields::Place>& places, std::size_t& fuel);

  std::vector<Keys> alternatives_{};  // One must hold.
};

// The event of TestEventPattern: ValidationException "Parameter Event is not valid." unless it is a
// JSON object (recorded by AWS).
Result<json::value> parse_event(std::string_view text);

// Shared by the files of this module.
std::string fold_case(std::string_view text);
bool passes(const Test& test, const json::value& value);
// 4 or 16 bytes, or 0 when the text is not an address.
std::size_t parse_address(std::string_view text, std::array<std::uint8_t, 16>& out);
Result<Cidr> parse_cidr(std::string_view text);
Result<Wildcard> parse_wildcard(std::string_view text);

}  // namespace kiban::patterns
