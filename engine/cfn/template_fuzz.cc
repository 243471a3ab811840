// Any text as a template: refused with a reason, or planned the same way twice, with parameters,
// imports and secrets that are there.
#include <cstdlib>

#include "cfn/plan.h"
#include "cfn/template.h"
#include "cfn/transform.h"
#include "cfn/types.h"

namespace {

using namespace kiban;

cfn::Ports ports() {
  return {.ssm_parameter = [](const std::string&) -> Result<std::string> { return "33"; },
          .import_value = [](const std::string& name) -> Result<json::value> {
            return json::value(json::string("a/" + name + "/b"));
          },
          .stack_output = [](const std::string&, const std::string&, const std::string& output)
              -> Result<json::value> { return json::value(json::string(output)); },
          .dynamic_reference = [](const std::string&) -> Result<std::string> { return "secret"; }};
}

// The text of the plan, or of the error.
std::string planned(const json::object& tree) {
  cfn::Evaluator evaluator(tree, {.name = "s", .region = "ap-northeast-1"}, ports());
  if (const auto ready = evaluator.prepare({}); !ready) return ready.error().cause;
  evaluator.plan_only(true);
  const auto changes = cfn::plan(tree, {}, evaluator, {}, {});
  if (!changes) return changes.error().cause;
  std::string out;
  for (const cfn::ResourceChange& change : *changes) {
    const auto resolved = cfn::resolve_references(change.after, ports());
    out += change.logical_id + (resolved ? print_json(*resolved) : resolved.error().cause);
    cfn::Scope scope{.properties = change.after};
    for (const char* member : {"id", "name", "item"}) scope.own[member] = "x";
    for (const json::value& step : cfn::find_type(change.type)->at("Create").as_array()) {
      if (const auto input = cfn::fill(step.at("in"), scope)) out += print_json(*input);
    }
  }
  return out;
}

// With its transforms applied; every snippet that it includes is the same.
Result<json::object> processed(std::string_view text) {
  KIBAN_TRY(json::object tree, cfn::read_template(text));
  const cfn::TransformInput input{.stack = {.name = "s", .region = "ap-northeast-1"},
                                  .ports = ports(),
                                  .fetch = [](const std::string&) -> Result<std::string> {
                                    return R"({"DisplayName":"included"})";
                                  }};
  KIBAN_TRY(tree, cfn::apply_transforms(std::move(tree), {}, input));
  KIBAN_TRY_VOID(cfn::check_tree(tree));
  return tree;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tree = processed(text);
  if (!tree) {
    if (tree.error().name != "ValidationError" || tree.error().cause.empty()) std::abort();
    return 0;
  }
  if (!cfn::check_resources(*tree)) return 0;
  if (planned(*tree) != planned(*tree)) std::abort();
  return 0;
}
