// The one place where the interpreter meets engine/jsonata.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "asl/query.h"

namespace kiban::asl {

// Is the text a JSONata expression, "{% ... %}"? Then what stands between the marks.
std::optional<std::string_view> query_text(std::string_view text);

// Error `InvalidDefinition`.
Result<std::shared_ptr<const Query>> compile_query(std::string_view text);

// Error States.QueryEvaluationError, in AWS's words for `location`.
QueryResult<json::value> evaluate_query(const Query& query, const Environment& environment,
                                        std::string_view location);

}  // namespace kiban::asl
