// The one place where the interpreter meets engine/jsonata.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asl/query.h"
#include "jsonata/jsonata.h"

namespace kiban::asl {

// A parsed JSONata expression and the variables that it may read.
class Query {
 public:
  std::string text{};
  jsonata::ExpressionPtr expression{};
  std::vector<std::string> names{};  // Every $name in it, functions included, but for $states.
  bool states{false};
  bool context{false};  // $states.context, which costs more to make.
};

// The text between the marks of a JSONata expression, "{% ... %}"; nullopt for other texts.
std::optional<std::string_view> query_text(std::string_view text);

// Error `InvalidDefinition`.
Result<std::shared_ptr<const Query>> compile_query(std::string_view text);

// Error States.QueryEvaluationError, in AWS's words for `location`.
QueryResult<json::value> evaluate_query(const Query& query, const Environment& environment,
                                        std::string_view location);

}  // namespace kiban::asl
