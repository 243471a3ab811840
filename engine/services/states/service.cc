#include "services/states/service.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/states/activities.h"
#include "services/states/executions.h"
#include "services/states/http_task.h"
#include "services/states/item_reading.h"
#include "services/states/machines.h"
#include "services/states/names.h"
#include "services/states/retention.h"
#include "services/states/test_state.h"
#include "services/states/versions.h"

namespace kiban::services::states {
namespace {

// Operations of our own, for what must run in its execution's region. No model has them, so the
// wire cannot reach them.
constexpr std::string_view timer_operation = "kiban:Timer";
constexpr std::string_view ended_operation = "kiban:Ended";

class States final : public Service {
 public:
  explicit States(Options options)
      : retention_(options.retention), executions_(std::move(options)) {
    const auto bind =
        [this](Result<json::object> (Executions::*method)(Context&, const json::object&)) {
          return [this, method](Context& context, const json::object& input) {
            return (executions_.*method)(context, input);
          };
        };
    operations_ = {
        {"CreateActivity", create_activity},
        {"CreateStateMachine", create_machine},
        {"CreateStateMachineAlias", create_alias},
        {"DeleteActivity", delete_activity},
        {"DeleteStateMachine", delete_machine},
        {"DeleteStateMachineAlias", delete_alias},
        {"DeleteStateMachineVersion", delete_version},
        {"DescribeActivity", describe_activity},
        {"DescribeExecution", describe_execution},
        {"DescribeMapRun", describe_map_run},
        {"DescribeStateMachine", describe_machine},
        {"DescribeStateMachineAlias", describe_alias},
        {"DescribeStateMachineForExecution", describe_machine_for_execution},
        {"GetActivityTask",
         [this](Context& context, const json::object& input) {
           return get_activity_task(context, executions_, input);
         }},
        {"GetExecutionHistory", get_history},
        {"ListActivities", list_activities},
        {"ListExecutions", list_executions},
        {"ListMapRuns", list_map_runs},
        {"ListStateMachineAliases", list_aliases},
        {"ListStateMachineVersions", list_versions},
        {"ListStateMachines", list_machines},
        {"ListTagsForResource", list_tags},
        {"PublishStateMachineVersion", publish_version},
        {"RedriveExecution", bind(&Executions::redrive)},
        {"SendTaskFailure", bind(&Executions::task_failure)},
        {"SendTaskHeartbeat", bind(&Executions::task_heartbeat)},
        {"SendTaskSuccess", bind(&Executions::task_success)},
        {"StartExecution", bind(&Executions::start)},
        {"StartSyncExecution", bind(&Executions::start_sync)},
        {"StopExecution", bind(&Executions::stop)},
        {"TagResource", tag_resource},
        {"TestState", test_state},
        {"UntagResource", untag_resource},
        {"UpdateMapRun", bind(&Executions::update_map_run)},
        {"UpdateStateMachine", update_machine},
        {"UpdateStateMachineAlias", update_alias},
        {"ValidateStateMachineDefinition", validate_definition},
        {"kiban:AwaitExecution", bind(&Executions::await_sync)},
        {"kiban:QueueActivityTask", queue_activity_task},
        {await_test_operation, await_test_state},
        {decide_operation, decide_given},
        {answered_operation, bind(&Executions::on_http_answered)},
        {ended_operation,
         [this](Context& context, const json::object& input) -> Result<json::object> {
           executions_.on_ended(context, input);
           return json::object{};
         }},
        {timer_operation,
         [this](Context& context, const json::object& input) -> Result<json::object> {
           if (input.contains("Retention"))
             retention_.on_timer(context, input);
           else
             executions_.on_timer(context, input);
           return json::object{};
         }},
    };
  }

  std::string_view name() const override { return "states"; }

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    const auto found = operations_.find(operation);
    if (found != operations_.end()) return found->second(context, input);
    return fail("UnknownOperationException",
                fmt::format("kiban does not serve states:{}", operation));
  }

  void on_timer(Context& context, const json::object& payload) override {
    (void)context.call("states", timer_operation, payload,
                       {.account = text(payload, "Account"),
                        .region = text(payload, "Region"),
                        .arn = "states.amazonaws.com"});
  }

  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    if (kind == items_effect) executions_.on_items(context, payload, outcome.payload);
  }

  std::vector<std::string_view> event_sources() const override { return {"aws.ecs", "aws.states"}; }
  void on_event(Context& context, const Event& event) override {
    if (event.resources.empty()) return;
    if (event.source == "aws.states") retention_.on_ended(context, event.region, event.account);
    if (!context.get(row_key(context, "waiting", event.resources[0]))) return;
    (void)context.call(
        "states", ended_operation,
        {{"Source", event.source}, {"Resource", event.resources[0]}, {"Detail", event.detail}},
        {.account = event.account, .region = event.region, .arn = "states.amazonaws.com"});
  }

  void on_start(Context& context) override { retention_.on_start(context); }

 private:
  Retention retention_;
  Executions executions_;
  std::map<std::string_view, std::function<Result<json::object>(Context&, const json::object&)>>
      operations_{};
};

}  // namespace

std::unique_ptr<Service> make_states(Options options) {
  return std::make_unique<States>(std::move(options));
}

}  // namespace kiban::services::states
