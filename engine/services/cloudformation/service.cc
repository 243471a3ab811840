#include "services/cloudformation/service.h"

#include <fmt/format.h>

#include "cfn/template.h"
#include "cfn/types.h"
#include "services/base/table_service.h"
#include "services/cloudformation/deployment.h"

namespace kiban::services::cloudformation {
namespace {

// By name (not deleted) or by ARN.
Result<json::object> find_stack(Context& context, const std::string& given) {
  const std::string& region = context.caller().region;
  for (const store::Row& row : context.scan(stack_key(region, ""))) {
    const auto stack = get_json(context, row.key);
    if (!stack) continue;
    const bool named =
        text(*stack, "StackName") == given && text(*stack, "Status") != "DELETE_COMPLETE";
    if (named || text(*stack, "StackId") == given) return *stack;
  }
  return fail("ValidationError", fmt::format("Stack with id {} does not exist", given));
}

json::object described(const json::object& stack) {
  json::object out{{"StackId", stack.at("StackId")},    {"StackName", stack.at("StackName")},
                   {"StackStatus", stack.at("Status")}, {"CreationTime", stack.at("CreationTime")},
                   {"Outputs", stack.at("Outputs")},    {"Parameters", stack.at("Parameters")}};
  if (!text(stack, "Reason").empty()) out["StackStatusReason"] = stack.at("Reason");
  return out;
}

Result<json::object> create_stack(Context& context, const json::object& input) {
  for (const auto& member : input) {
    const std::string_view key = member.key();
    if (key != "StackName" && key != "TemplateBody" && key != "Parameters" && key != "RoleARN" &&
        key != "Capabilities" && key != "ClientRequestToken") {
      return fail("ValidationError", fmt::format("kiban does not honour {} of CreateStack", key));
    }
  }
  const std::string name = text(input, "StackName");
  if (find_stack(context, name)) {
    return fail("AlreadyExistsException", fmt::format("Stack [{}] already exists", name));
  }
  const std::string body = text(input, "TemplateBody");
  KIBAN_TRY(const json::object tree, cfn::parse_template(body));
  KIBAN_TRY_VOID(cfn::check_resources(tree));
  const std::string uuid = context.random().uuid();
  const Caller& caller = context.caller();
  json::object given;
  const json::array* parameters = find_array(input, "Parameters");
  for (const json::value& one : parameters ? *parameters : json::array{}) {
    given[text(one.as_object(), "ParameterKey")] = text(one.as_object(), "ParameterValue");
  }
  json::object stack{
      {"Uuid", uuid},
      {"StackName", name},
      {"StackId", make_arn(context, "cloudformation", fmt::format("stack/{}/{}", name, uuid))},
      {"Account", caller.account},
      {"Region", caller.region},
      {"CreationTime", epoch_seconds(context.now())},
      {"Template", body},
      {"Given", given},
      {"RoleARN", text(input, "RoleARN")},
      {"Kind", "CREATE"},
      {"Caller",
       {{"account", caller.account},
        {"region", caller.region},
        {"arn", caller.arn},
        {"key", caller.access_key_id}}},
      {"Resources", json::object{}},
      {"Created", json::array{}},
      {"Old", json::array{}},
      {"Done", json::object{}},
      {"Outputs", json::array{}},
      {"Parameters", json::array{}}};
  cfn::Evaluator evaluator(tree, identity(stack), make_ports(context, caller.region));
  KIBAN_TRY_VOID(evaluator.prepare(given_of(stack)));
  KIBAN_TRY_VOID(cfn::make_graph(tree, evaluator.present()));
  for (const auto& [key, parameter] : evaluator.parameters()) {
    json::object shown{{"ParameterKey", key},
                       {"ParameterValue", parameter.no_echo ? "****" : parameter.given}};
    if (parameter.resolved != parameter.given) shown["ResolvedValue"] = parameter.resolved;
    stack["Parameters"].as_array().push_back(shown);
  }
  set_status(context, stack, "CREATE_IN_PROGRESS", "User Initiated");
  advance(context, stack);
  return json::object{{"StackId", stack.at("StackId")}};
}

Result<json::object> describe_stacks(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object stack, find_stack(context, text(input, "StackName")));
  return json::object{{"Stacks", json::array{described(stack)}}};
}

Result<json::object> delete_stack(Context& context, const json::object& input) {
  auto stack = find_stack(context, text(input, "StackName"));
  if (!stack || text(*stack, "Status") == "DELETE_COMPLETE") return json::object{};
  (*stack)["Kind"] = "DELETE";
  set_status(context, *stack, "DELETE_IN_PROGRESS", "User Initiated");
  advance(context, *stack);
  return json::object{};
}

const OperationTable& operations() {
  static const auto* const table = new OperationTable{{"CreateStack", create_stack},
                                                      {"DescribeStacks", describe_stacks},
                                                      {"DeleteStack", delete_stack}};
  return *table;
}

class CloudFormation final : public TableService {
 public:
  CloudFormation() : TableService("cloudformation", operations()) {}
  void on_timer(Context& context, const json::object& payload) override {
    auto stack = get_json(context, stack_key(text(payload, "Region"), text(payload, "Uuid")));
    if (stack) advance(context, *stack);
  }
};

}  // namespace

std::unique_ptr<Service> make_cloudformation() { return std::make_unique<CloudFormation>(); }

}  // namespace kiban::services::cloudformation
