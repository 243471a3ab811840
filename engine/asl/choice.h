// Conditions of Choice rules in the JSONPath dialect.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
#pragma once

#include <vector>

#include "asl/query.h"
#include "core/time.h"

namespace kiban::asl {

enum class Comparison : std::uint8_t { Equal, Less, LessEqual, Greater, GreaterEqual, Matches };
enum class Comparand : std::uint8_t { String, Number, Boolean, Timestamp };
enum class Test : std::uint8_t { Null, Present, Numeric, String, Boolean, Timestamp };

struct Condition {
  enum class Kind : std::uint8_t { Compare, Is, And, Or, Not } kind{Kind::And};
  std::vector<Condition> parts{};
  Reference variable{};
  Comparand comparand{Comparand::String};
  Comparison comparison{Comparison::Equal};
  json::value literal{};
  std::optional<Reference> path{};
  Test test{Test::Null};
  bool expected{true};
};

// Error `InvalidDefinition`.
Result<Condition> compile_condition(const json::object& rule, std::size_t depth = 0);
QueryResult<bool> holds(const Condition& condition, const Environment& environment);

// An ISO-8601 timestamp as AWS accepts it in Choice and Wait: with T, seconds and Z or an offset.
std::optional<Timestamp> strict_timestamp(std::string_view text);

}  // namespace kiban::asl
