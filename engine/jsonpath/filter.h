// Filter expressions of JSONPath, [?( )], as Jayway reads them.
#pragma once

#include "jsonpath/path.h"

namespace kiban::jsonpath {

enum class Operator : std::uint8_t {
  And,
  Or,
  Not,
  Exists,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Matches,
  In,
  NotIn,
  Contains,
  Size,
  Empty,
};

struct Operand {  // A literal, or a path from @ (the node) or $ (the root).
  enum class Kind : std::uint8_t { Literal, Node, Root } kind{Kind::Literal};
  json::value literal{};
  Path path{};
  // `@` alone of a scalar gives nothing.
  bool present(const json::value& node) const {
    return kind != Kind::Node || !path.root() || node.is_structured();
  }
};

struct Filter {
  Operator op{Operator::Exists};
  std::vector<Filter> parts{};  // Of And, Or, Not.
  Operand left{};
  Operand right{};
};

// Means nothing once the budget is spent.
bool matches(const Filter& filter, const json::value& node, const json::value& root,
             Budget& budget);
// Compares numbers by value, whatever their types.
bool same(const json::value& a, const json::value& b);

}  // namespace kiban::jsonpath
