#include "services/cloudformation/service.h"

#include "services/base/resource_access.h"
#include "services/base/rights.h"
#include "services/cloudformation/deployment.h"
#include "services/cloudformation/nested.h"
#include "services/cloudformation/operations.h"
#include "services/cloudformation/rows.h"
#include "services/cloudformation/signals.h"

namespace kiban::services::cloudformation {
namespace {

const OperationTable& all_operations() {
  static const auto* const table = [] {
    auto* all = new OperationTable(stack_operations());
    all->insert(change_set_operations().begin(), change_set_operations().end());
    all->insert(description_operations().begin(), description_operations().end());
    all->emplace(decide_operation, decide_given);
    all->insert(nested_operations().begin(), nested_operations().end());
    all->emplace("kiban:Signal", signal);
    return all;
  }();
  return *table;
}

class CloudFormation final : public TableService {
 public:
  explicit CloudFormation(Options options)
      : TableService("cloudformation", all_operations()), options_(std::move(options)) {}
  void on_start(Context& context) override {
    keep_function_endpoint(context, options_.function_endpoint);
  }
  void on_timer(Context& context, const json::object& payload) override {
    go_on(context, context.caller().region, text(payload, "Uuid"));
  }
  // A database or a service moved: whoever waits for it need not wait for the timer.
  std::vector<std::string_view> event_sources() const override { return {"aws.rds", "aws.ecs"}; }
  void on_event(Context& context, const Event& event) override {
    const std::string prefix = row_key(event.region, "active", "");
    for (const store::Row& row : context.scan(prefix)) {
      go_on(context, event.region, row.key.substr(prefix.size()));
    }
  }

  // The table names a stack as stack/NAME/*: its id follows from the name while it is there.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    constexpr std::string_view kind = "stack/";
    std::string_view named = resource_part(arn);
    if (!named.starts_with(kind)) return {.arn = std::string(arn)};
    named.remove_prefix(kind.size());
    const std::string_view name = named.substr(0, named.find('/'));
    const auto stack = find_stack(context, std::string(named.ends_with("/*") ? name : arn));
    if (!stack) return {.arn = std::string(arn)};
    return resource_of_row(stack->id, json::object{{"Tags", stack->desired.tags}}, "Tags", "");
  }

 private:
  static void go_on(Context& context, const std::string& region, const std::string& uuid) {
    auto stack = get_stack(context, region, uuid);
    if (stack && stack->operation != StackOperation::None) advance(context, *stack);
  }

  Options options_;
};

}  // namespace

std::unique_ptr<Service> make_cloudformation() { return make_cloudformation_with({}); }

std::unique_ptr<Service> make_cloudformation_with(Options options) {
  return std::make_unique<CloudFormation>(std::move(options));
}

}  // namespace kiban::services::cloudformation
