// What Step Functions adds: docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
#include <openssl/evp.h>

#include <array>
#include <cmath>
#include <memory>

#include "jsonata/functions.h"

namespace kiban::jsonata {
namespace {

constexpr double range_elements_max = 4'000'000;  // As many fill the memory of one evaluation.

Value refuse(const Call& call, std::string_view what) {
  return call.run.fail("U1002", 0, {}, {}, what);
}

// AWS truncates numbers to integers. This and the result for zero were measured on AWS:
// github.com/floci-io/floci/pull/2676.
double truncated(const Value& value) { return std::trunc(value.number); }

Value partition(const Call& call) {
  if (!call.has(0) || !call.has(1)) return {};
  const double size = truncated(call[1]);
  if (size == 0) return {};
  if (!(size > 0)) return refuse(call, "The chunk size of $partition must not be negative");
  const Elements items(call[0]);
  const auto chunk = static_cast<std::size_t>(std::min(size, 1e9));
  Array* out = call.run.arena.array();
  for (std::size_t i = 0; i < items.size(); i += chunk) {
    Array* part = call.run.arena.array();
    for (std::size_t j = i; j < std::min(i + chunk, items.size()); ++j) {
      call.run.arena.push(*part, items[j]);
    }
    call.run.arena.push(*out, Value::of(part));
  }
  return Value::of(out);
}

Value range(const Call& call) {
  if (!call.has(0) || !call.has(1) || !call.has(2)) return {};
  const double from = truncated(call[0]);
  const double step = truncated(call[2]);
  if (step == 0) return {};
  const double count = std::floor((truncated(call[1]) - from) / step) + 1;
  if (!(count >= 1)) return {};
  // The cap of 1000 elements is that of States.ArrayRange alone: the same pull request. What ends
  // a longer array is the memory of the evaluation.
  if (count > range_elements_max) return call.run.limit("memory");
  Array* out =
      call.run.arena.sequence();  // A single element is returned without an array: recorded by AWS.
  for (double i = 0; i < count; ++i) {
    call.run.arena.push(*out, Value::of(from + i * step));
  }
  return Value::of(out);
}

Value hash(const Call& call) {
  if (!call.has(0)) return {};
  static constexpr std::array<std::pair<std::string_view, const EVP_MD* (*)()>, 5> algorithms = {
      {{"MD5", EVP_md5},
       {"SHA-1", EVP_sha1},
       {"SHA-256", EVP_sha256},
       {"SHA-384", EVP_sha384},
       {"SHA-512", EVP_sha512}}};
  const std::string_view wanted = call.has(1) ? call[1].text() : "SHA-256";
  for (const auto& [name, algorithm] : algorithms) {
    if (name != wanted) continue;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const std::string_view text = call[0].text();
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, algorithm(), nullptr) != 1) {
      return refuse(call, "The hash could not be computed");
    }
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < size; ++i) {
      out.push_back(hex[digest[i] >> 4U]);
      out.push_back(hex[digest[i] & 15U]);
    }
    return call.run.text(std::move(out));
  }
  return refuse(call, "$hash knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512");
}

Value uuid(const Call& call) { return call.run.text(call.run.random.uuid()); }

// Whole numbers beyond Java's long are doubles here: github.com/floci-io/floci/pull/2683.
void forget_long_numbers(json::value& value) {
  if (value.is_uint64()) {
    value = static_cast<double>(value.get_uint64());
  } else if (json::array* array = value.if_array()) {
    for (json::value& element : *array) forget_long_numbers(element);
  } else if (json::object* object = value.if_object()) {
    for (auto& member : *object) forget_long_numbers(member.value());
  }
}

Value parse_text(const Call& call) {
  if (!call.has(0)) return {};
  auto parsed = parse_json(call[0].text());
  if (!parsed) return refuse(call, "$parse: " + parsed.error().cause);
  forget_long_numbers(*parsed);
  return Value::of_json(call.run.keep(std::move(*parsed)));
}

}  // namespace

std::vector<Builtin> step_functions() {
  const auto only = [](std::string_view name, std::string_view signature, std::size_t arity,
                       Value (*run)(const Call&)) {
    return Builtin{.name = name,
                   .signature_text = signature,
                   .arity = arity,
                   .run = run,
                   .step_functions_only = true};
  };
  return {
      only("partition", "<an:a>", 2, partition), only("range", "<nnn:a>", 3, range),
      only("hash", "<s-s?:s>", 2, hash),         only("uuid", "<:s>", 0, uuid),
      only("parse", "<s-:x>", 1, parse_text),
  };
}

}  // namespace kiban::jsonata
