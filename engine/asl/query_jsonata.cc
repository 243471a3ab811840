#include "asl/query_jsonata.h"

#include <fmt/format.h>

namespace kiban::asl {

std::optional<std::string_view> query_text(std::string_view text) {
  if (!text.starts_with("{%") || !text.ends_with("%}") || text.size() < 4) return std::nullopt;
  text.remove_prefix(2);
  text.remove_suffix(2);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

class Query {};

Result<std::shared_ptr<const Query>> compile_query(std::string_view) {
  return fail("InvalidDefinition", "JSONata expressions cannot be evaluated yet");
}

QueryResult<json::value> evaluate_query(const Query&, const Environment&,
                                        std::string_view location) {
  return std::unexpected(QueryFailure{.error = "States.QueryEvaluationError",
                                      .cause = "JSONata expressions cannot be evaluated yet",
                                      .location = std::string(location)});
}

}  // namespace kiban::asl
