// The 18 intrinsic functions of the JSONPath dialect.
// https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "asl/query.h"
#include "core/exact_json.h"
#include "core/utf8.h"

namespace kiban::asl {
namespace {

using Arguments = std::vector<json::value>;
using Outcome = QueryResult<json::value>;

constexpr std::size_t text_max = 10'000;  // Characters that Base64 and Hash accept; the same page.
constexpr std::size_t format_bytes_max = 1'048'576;  // Of Format's result; our own bound.
constexpr std::int64_t range_max = 1'000;            // Elements of ArrayRange; the same page.

std::unexpected<QueryFailure> wrong(std::string cause) {
  return std::unexpected(
      QueryFailure{.error = "States.IntrinsicFailure", .cause = std::move(cause)});
}

// Java's Math.round, which AWS shows: halves go up. Recorded: test_math_add.
std::optional<std::int64_t> integer(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_number()) return std::nullopt;
  const double rounded = std::floor(value.to_number<double>() + 0.5);
  if (!(std::fabs(rounded) < 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(rounded);
}

// Java's text of a map, list or scalar inside States.Format. Recorded: test_format_2.
void java_text(std::string& out, const json::value& value) {
  if (is_text(value)) {
    out += std::string_view(value.get_string());
  } else if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& member : value.get_object()) {
      if (!first) out += ", ";
      first = false;
      out += member.key();
      out += '=';
      java_text(out, member.value());
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const json::value& element : value.get_array()) {
      if (!first) out += ", ";
      first = false;
      java_text(out, element);
    }
    out += ']';
  } else {
    out += print_json(value);
  }
}

Outcome format(const Arguments& arguments) {
  if (arguments.empty() || !is_text(arguments[0]))
    return wrong("the first argument must be a string");
  std::string out;
  std::size_t next = 1;
  const std::string_view text(arguments[0].get_string());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      out += text[++i];
    } else if (text.substr(i, 2) == "{}") {
      if (next >= arguments.size())
        return wrong("the number of arguments does not match the occurrences of {}");
      java_text(out, arguments[next++]);
      if (out.size() > format_bytes_max) return wrong("the text is longer than 1 MiB");
      ++i;
    } else if (text[i] == '{' || text[i] == '}') {
      // The words for { are AWS's: github.com/aws/aws-cdk/issues/29261.
      return wrong(text[i] == '{'
                       ? "Invalid template in States.Format: matching '}' not found for '{'."
                       : "Invalid template in States.Format: matching '{' not found for '}'.");
    } else {
      out += text[i];
    }
  }
  if (next != arguments.size())
    return wrong("the number of arguments does not match the occurrences of {}");
  return json::value(json::string(out));
}

Outcome array_partition(const Arguments& arguments) {
  const auto size = integer(arguments[1]);
  if (!arguments[0].is_array() || !size || *size <= 0)
    return wrong("expected an array and a positive chunk size");
  json::array out;
  for (const json::value& element : arguments[0].get_array()) {
    if (out.empty() || static_cast<std::int64_t>(out.back().get_array().size()) >= *size)
      out.emplace_back(json::array());
    out.back().get_array().push_back(element);
  }
  return json::value(std::move(out));
}

Outcome array_contains(const Arguments& arguments) {
  if (!arguments[0].is_array()) return wrong("the first argument must be an array");
  for (const json::value& element : arguments[0].get_array()) {
    if (element == arguments[1]) return json::value(true);
    if (element.is_number() && arguments[1].is_number() &&
        element.to_number<double>() == arguments[1].to_number<double>())
      return json::value(true);
  }
  return json::value(false);
}

Outcome array_range(const Arguments& arguments) {
  const auto first = integer(arguments[0]);
  const auto last = integer(arguments[1]);
  const auto step = integer(arguments[2]);
  if (!first || !last || !step || *step == 0)
    return wrong("expected three numbers, the step not zero");
  json::array out;
  for (std::int64_t i = *first; *step > 0 ? i <= *last : i >= *last;) {
    if (static_cast<std::int64_t>(out.size()) >= range_max)
      return wrong("the array would have more than 1000 elements");
    out.emplace_back(i);
    if (__builtin_add_overflow(i, *step, &i)) break;
  }
  return json::value(std::move(out));
}

Outcome array_get_item(const Arguments& arguments) {
  const auto index = integer(arguments[1]);
  if (!arguments[0].is_array() || !index) return wrong("expected an array and an index");
  const json::array& array = arguments[0].get_array();
  if (*index < 0 || *index >= static_cast<std::int64_t>(array.size()))
    return wrong(fmt::format("the index {} is out of bounds", *index));
  return array[static_cast<std::size_t>(*index)];
}

Outcome array_length(const Arguments& arguments) {
  if (!arguments[0].is_array()) return wrong("expected an array");
  return json::value(static_cast<std::int64_t>(arguments[0].get_array().size()));
}

// The value with the members of its objects sorted, for print_json: equal values print alike.
json::value ordered(const json::value& value) {
  if (const json::array* array = value.if_array()) {
    json::array out;
    out.reserve(array->size());
    for (const json::value& element : *array) out.push_back(ordered(element));
    return out;
  }
  if (const json::object* object = value.if_object()) {
    std::vector<const json::key_value_pair*> members;
    members.reserve(object->size());
    for (const auto& member : *object) members.push_back(&member);
    std::ranges::sort(members, {}, [](const auto* member) { return member->key(); });
    json::object out;
    out.reserve(members.size());
    for (const auto* member : members) out.emplace(member->key(), ordered(member->value()));
    return out;
  }
  if (value.is_double() && value.get_double() == 0) return json::value(0.0);  // Minus zero.
  return value;
}

Outcome array_unique(const Arguments& arguments) {
  if (!arguments[0].is_array()) return wrong("expected an array");
  std::set<std::string> seen;
  json::array out;
  for (const json::value& element : arguments[0].get_array()) {
    if (seen.insert(print_json(ordered(element))).second) out.push_back(element);
  }
  return json::value(std::move(out));
}

Outcome base64_encode(const Arguments& arguments) {
  if (!is_text(arguments[0])) return wrong("expected a string");
  const json::string& text = arguments[0].get_string();
  if (text.size() > text_max) return wrong("the text is longer than 10,000 characters");
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return json::value(json::string(out));
}

Outcome base64_decode(const Arguments& arguments) {
  if (!is_text(arguments[0])) return wrong("expected a string");
  const json::string& text = arguments[0].get_string();
  if (text.size() > text_max) return wrong("the text is longer than 10,000 characters");
  if (text.size() % 4 != 0) return wrong("the text is not Base64");
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return wrong("the text is not Base64");
  std::size_t length = static_cast<std::size_t>(size);
  if (text.size() >= 2 && text[text.size() - 1] == '=') --length;
  if (text.size() >= 2 && text[text.size() - 2] == '=') --length;
  out.resize(length);
  return json::value(json::string(to_utf8(out)));
}

Outcome hash(const Arguments& arguments) {
  if (!is_text(arguments[1])) return wrong("the algorithm must be a string");
  const std::string text = is_text(arguments[0]) ? kiban::to_string(arguments[0].get_string())
                                                 : print_json(arguments[0]);
  if (text.size() > text_max) return wrong("the data is longer than 10,000 characters");
  const std::string_view algorithm(arguments[1].get_string());
  const EVP_MD* digest = algorithm == "MD5"       ? EVP_md5()
                         : algorithm == "SHA-1"   ? EVP_sha1()
                         : algorithm == "SHA-256" ? EVP_sha256()
                         : algorithm == "SHA-384" ? EVP_sha384()
                         : algorithm == "SHA-512" ? EVP_sha512()
                                                  : nullptr;
  if (!digest) return wrong(fmt::format("unknown algorithm '{}'", algorithm));
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), bytes.data(), &size, digest, nullptr);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", bytes[i]);
  return json::value(json::string(out));
}

Outcome json_merge(const Arguments& arguments) {
  if (!arguments[0].is_object() || !arguments[1].is_object() || !arguments[2].is_bool())
    return wrong("expected two objects and a boolean");
  // Only shallow merging exists; the same page.
  if (arguments[2].get_bool())
    return wrong("only a shallow merge is supported: the third argument must be false");
  json::object out = arguments[0].get_object();
  for (const auto& member : arguments[1].get_object())
    out.insert_or_assign(member.key(), member.value());
  return json::value(std::move(out));
}

Outcome string_to_json(const Arguments& arguments) {
  if (!is_text(arguments[0])) return wrong("expected a string");
  // Blank text is null. Recorded: test_string_to_json.
  const std::string_view text(arguments[0].get_string());
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::value(nullptr);
  auto value = parse_json_exactly(text);
  if (!value) return wrong(fmt::format("the string is not JSON: {}", value.error().cause));
  return *std::move(value);
}

Outcome math_random(const Arguments& arguments, Random& random) {
  const auto first = integer(arguments[0]);
  const auto last = integer(arguments[1]);
  if (!first || !last || (arguments.size() > 2 && !integer(arguments[2])))
    return wrong("expected numbers");
  if (*first >= *last) return wrong("the first number must be less than the second");
  const auto span = static_cast<std::uint64_t>(*last) - static_cast<std::uint64_t>(*first);
  std::uint64_t offset = 0;
  if (arguments.size() > 2) {
    offset = Random(static_cast<std::uint64_t>(*integer(arguments[2]))).below(span);
  } else {
    offset = random.below(span);
  }
  return json::value(static_cast<std::int64_t>(static_cast<std::uint64_t>(*first) + offset));
}

Outcome math_add(const Arguments& arguments) {
  const auto a = integer(arguments[0]);
  const auto b = integer(arguments[1]);
  std::int64_t sum = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &sum)) return wrong("expected two integers");
  return json::value(sum);
}

// The second argument is a set of characters; empty parts vanish. Recorded: test_string_split.
Outcome string_split(const Arguments& arguments) {
  if (!is_text(arguments[0]) || !is_text(arguments[1])) return wrong("expected two strings");
  const std::string_view text(arguments[0].get_string());
  const std::string_view separators(arguments[1].get_string());
  json::array out;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find_first_of(separators, from), text.size());
    if (to > from) out.emplace_back(json::string(to_utf8(text.substr(from, to - from))));
    from = to + 1;
  }
  return json::value(std::move(out));
}

Outcome array(const Arguments& arguments) {
  return json::value(json::array(arguments.begin(), arguments.end()));
}

Outcome json_to_string(const Arguments& arguments) {
  return json::value(json::string(print_json(arguments[0])));
}

struct Intrinsic {
  std::string_view name{};
  std::size_t arguments_min{0};
  std::size_t arguments_max{0};
  Outcome (*run)(const Arguments&){nullptr};
};

constexpr std::size_t any_number = 1'000;
constexpr Intrinsic intrinsics[] = {
    {"States.Array", 0, any_number, array},
    {"States.ArrayContains", 2, 2, array_contains},
    {"States.ArrayGetItem", 2, 2, array_get_item},
    {"States.ArrayLength", 1, 1, array_length},
    {"States.ArrayPartition", 2, 2, array_partition},
    {"States.ArrayRange", 3, 3, array_range},
    {"States.ArrayUnique", 1, 1, array_unique},
    {"States.Base64Decode", 1, 1, base64_decode},
    {"States.Base64Encode", 1, 1, base64_encode},
    {"States.Format", 1, any_number, format},
    {"States.Hash", 2, 2, hash},
    {"States.JsonMerge", 3, 3, json_merge},
    {"States.JsonToString", 1, 1, json_to_string},
    {"States.MathAdd", 2, 2, math_add},
    {"States.MathRandom", 2, 3, nullptr},
    {"States.StringSplit", 2, 2, string_split},
    {"States.StringToJson", 1, 1, string_to_json},
    {"States.UUID", 0, 0, nullptr},
};

const Intrinsic* lookup(std::string_view name) {
  for (const Intrinsic& intrinsic : intrinsics) {
    if (intrinsic.name == name) return &intrinsic;
  }
  return nullptr;
}

}  // namespace

bool known_intrinsic(std::string_view name) { return lookup(name) != nullptr; }

QueryResult<json::value> call_intrinsic(const std::string& name, const Arguments& arguments,
                                        Random& random) {
  const Intrinsic* intrinsic = lookup(name);
  if (!intrinsic) return wrong(fmt::format("unknown intrinsic function '{}'", name));
  if (arguments.size() < intrinsic->arguments_min || arguments.size() > intrinsic->arguments_max)
    return wrong(fmt::format("Invalid number of arguments for {}", name));
  if (intrinsic->run) return intrinsic->run(arguments);
  if (name == "States.UUID") return json::value(json::string(random.uuid()));
  return math_random(arguments, random);
}

}  // namespace kiban::asl
