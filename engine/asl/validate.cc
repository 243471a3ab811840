#include "asl/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "asl/json_text.h"
#include "asl/program.h"
#include "asl/validate_machine.h"

namespace kiban::asl {
namespace {

Diagnostic not_json(std::string_view text, const JsonProblem& problem) {
  Diagnostic out{.code = "INVALID_JSON_DESCRIPTION", .location = problem.source(text)};
  out.message = fmt::format("{}\n at {}", problem.message, out.location);
  return out;
}

}  // namespace

std::vector<Diagnostic> validate(std::string_view definition, MachineType type,
                                 const Answers& answer) {
  const bool blank = std::ranges::all_of(
      definition, [](char c) { return std::isspace(static_cast<unsigned char>(c)); });
  if (blank) return {{.message = "Definition must be a valid JSON object"}};
  const auto tree = parse_json(definition);
  if (!tree) {
    if (const auto problem = json_problem(definition)) return {not_json(definition, *problem)};
    return {{.code = "INVALID_JSON_DESCRIPTION", .message = tree.error().cause}};
  }
  if (!tree->is_object()) return {{.message = "Definition must be a valid JSON object"}};
  std::vector<Diagnostic> found = check_machine(tree->get_object(), type, answer);
  const bool bad = std::ranges::any_of(
      found, [](const Diagnostic& one) { return one.severity == Severity::Error; });
  if (bad) return found;
  // Faults that only the compiler finds.
  const auto program = compile(definition, type);
  if (!program) found.insert(found.begin(), {.message = program.error().cause});
  return found;
}

std::optional<std::string> refusal(const std::vector<Diagnostic>& diagnostics) {
  std::string all;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::Error) continue;
    if (!all.empty()) all += ", ";
    all += diagnostic.code + ": " + diagnostic.message;
    // Jackson's message contains its place. "at null" is AWS's:
    // github.com/floci-io/floci/issues/2735.
    if (!diagnostic.location.starts_with('['))
      all += " at " + (diagnostic.location.empty() ? "null" : diagnostic.location);
  }
  if (all.empty()) return std::nullopt;
  return fmt::format("Invalid State Machine Definition: '{}'", all);
}

}  // namespace kiban::asl
