#include "asl/query_jsonata.h"

#include <fmt/format.h>

#include <set>

#include "core/utf8.h"

namespace kiban::asl {
namespace {

// A state must not hold up the kernel. Users report that AWS ends evaluation at a depth between 95
// and 125 and at about 7 MB (github.com/floci-io/floci/pull/2697); fuel is our own bound.
const jsonata::Limits limits{.depth_max = 120, .fuel = 5'000'000, .memory_bytes_max = 64U << 20U};

// AWS's words for its bounds as users report them: github.com/floci-io/floci/issues/2737. The one
// for time is JSONata's own.
std::string_view limit_text(std::string_view limit) {
  if (limit == "depth" || limit == "nesting")
    return "Stack overflow error: Check for non-terminating recursive function. Consider rewriting "
           "as tail-recursive.";
  if (limit == "fuel" || limit == "time")
    return "Expression evaluation timeout: Check for infinite loop";
  return "Expression evaluation memory limit exceeded: Check for excessive memory usage";
}

bool ends_name(char c) {
  return std::string_view(" \t\r\n\v\f.[]{}():;,+-*/%|=<>^&!~?@#\"'`\\$").find(c) !=
         std::string_view::npos;
}

QueryFailure failed(const Query& query, std::string_view location, std::string_view how) {
  return {.error = "States.QueryEvaluationError",
          .cause = fmt::format("The JSONata expression '{}' specified for the field '{}' {}",
                               query.text, location, how),
          .location = std::string(location)};
}

}  // namespace

std::optional<std::string_view> query_text(std::string_view text) {
  if (!text.starts_with("{%") || !text.ends_with("%}") || text.size() < 4) return std::nullopt;
  text.remove_prefix(2);
  text.remove_suffix(2);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

Result<std::shared_ptr<const Query>> compile_query(std::string_view text) {
  auto parsed = jsonata::parse(text);
  if (!parsed) return fail("InvalidDefinition", parsed.error().message);
  auto query = std::make_shared<Query>();
  query->text = std::string(text);
  query->expression = *std::move(parsed);
  std::set<std::string_view> names;
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at)) {
    const std::size_t from = ++at;
    while (at < text.size() && !ends_name(text[at])) ++at;
    const std::string_view name = text.substr(from, at - from);
    if (name == "states") {
      query->states = true;
      // `$states.input` alone is sure not to read the context.
      const bool member = at + 1 < text.size() && text[at] == '.' && !ends_name(text[at + 1]);
      query->context = query->context || !member;
    } else if (!name.empty() && names.insert(name).second) {
      query->names.emplace_back(name);
    }
  }
  query->context = query->states && (query->context || text.contains("context"));
  return query;
}

QueryResult<json::value> evaluate_query(const Query& query, const Environment& environment,
                                        std::string_view location) {
  jsonata::Scope scope;
  for (const std::string& name : query.names) {
    if (const json::value* value = environment.variable(name))
      scope.variables.emplace_back(name, value);
  }
  if (query.states) {
    jsonata::References members;
    if (query.context) members.emplace_back("context", &environment.context());
    const auto add = [&](std::string_view name, const json::value* value) {
      if (value) members.emplace_back(name, value);
    };
    add("input", environment.states_input());
    add("result", environment.states_result());
    add("errorOutput", environment.states_error_output());
    scope.objects.emplace_back("states", std::move(members));
  }
  jsonata::Limits bounds = limits;
  std::uint64_t used = 0;
  bounds.fuel_used = &used;
  auto result = jsonata::evaluate_in(
      *query.expression, nullptr, scope, bounds,
      {.step_functions = true, .now = environment.now(), .seed = environment.random().next()});
  environment.add_work(used);
  if (!result) {
    const jsonata::Error& error = result.error();
    // Recorded: test_map_state_items_eval_jsonata_fail[function].
    if (error.code == jsonata::unsupported_result)
      return std::unexpected(failed(query, location, "returned an unsupported result type."));
    if (error.code == "U1001")
      return std::unexpected(
          failed(query, location,
                 fmt::format("threw an error during evaluation: {}", limit_text(error.token))));
    // AWS's words as users report them: github.com/floci-io/floci/issues/2736.
    return std::unexpected(failed(query, location,
                                  fmt::format("threw an error during evaluation. {}: {}",
                                              error.code, to_utf8(error.message))));
  }
  if (!*result) return std::unexpected(failed(query, location, "returned nothing (undefined)."));
  // A lone surrogate ('\\uD800') is not valid UTF-8, so neither a row nor a reply can hold it.
  json::value made = **std::move(result);
  make_utf8(made);
  return made;
}

}  // namespace kiban::asl
