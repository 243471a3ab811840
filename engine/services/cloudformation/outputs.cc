#include "services/cloudformation/outputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "services/base/table_service.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

Result<json::array> evaluate_outputs(const json::object& tree, cfn::Evaluator& evaluator) {
  json::array outputs;
  const json::object* declared = find_object(tree, "Outputs");
  for (const auto& entry : declared ? *declared : json::object{}) {
    const json::object& output = entry.value().as_object();
    if (!evaluator.holds(output)) continue;
    KIBAN_TRY(const auto value, evaluator.evaluate(output.at("Value")));
    if (!value) continue;
    if (value->is_array() || value->is_object()) {
      return fail("ValidationError",
                  fmt::format("Template format error: The Value field of every Outputs member must "
                              "evaluate to a String ({}).",
                              std::string(entry.key())));
    }
    json::object out{{"OutputKey", entry.key()},
                     {"OutputValue",
                      value->is_string() ? *value : json::value(json::string(print_json(*value)))}};
    if (output.contains("Description")) out["Description"] = output.at("Description");
    if (const json::object* exported = find_object(output, "Export")) {
      KIBAN_TRY(const auto name, evaluator.evaluate(exported->at("Name")));
      if (name) out["ExportName"] = *name;
    }
    outputs.push_back(std::move(out));
  }
  return outputs;
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
Result<void> check_exports(const Context& context, const Stack& stack, const json::array& outputs) {
  json::object now;
  for (const json::value& output : outputs) {
    const std::string name = text(output.as_object(), "ExportName");
    if (name.empty()) continue;
    now[name] = output.at("OutputValue");
    const auto other = get_json(context, row_key(stack.region, "export", name));
    if (other && text(*other, "ExportingStackId") != stack.id) {
      const std::string id = text(*other, "ExportingStackId");
      return fail("ValidationError",
                  fmt::format("Export with name {} is already exported by stack {}. Rollback "
                              "requested by user.",
                              name, id.substr(id.find('/') + 1, id.rfind('/') - id.find('/') - 1)));
    }
  }
  for (const json::value& output : stack.outputs) {
    const std::string name = text(output.as_object(), "ExportName");
    if (name.empty() || (now.contains(name) && now[name] == output.at("OutputValue"))) continue;
    const auto used = importers(context, stack.region, name);
    if (used.empty()) continue;
    return fail("ValidationError",
                fmt::format("Export {} cannot be {} as it is in use by {}", name,
                            now.contains(name) ? "updated" : "deleted", fmt::join(used, ", ")));
  }
  return {};
}

}  // namespace

cfn::Stack identity(const Stack& stack) {
  return {.name = stack.name, .id = stack.id, .account = stack.account, .region = stack.region};
}

Result<void> finish_outputs(Context& context, Stack& stack, cfn::Evaluator& evaluator) {
  KIBAN_TRY(json::array outputs, evaluate_outputs(stack.desired.tree, evaluator));
  KIBAN_TRY_VOID(check_exports(context, stack, outputs));
  // Once more over all resources: earlier ones were evaluated in steps long gone.
  for (const std::string& id : evaluator.present()) {
    KIBAN_TRY([[maybe_unused]] const json::object properties, evaluator.properties(id));
  }
  const std::set<std::string> imports = evaluator.imports();
  stack.imports.assign(imports.begin(), imports.end());
  stack.outputs = std::move(outputs);
  return {};
}

}  // namespace kiban::services::cloudformation
