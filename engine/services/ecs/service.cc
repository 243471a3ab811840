#include "services/ecs/service.h"

#include "services/base/resource_access.h"
#include "services/base/table_service.h"
#include "services/ecs/cluster.h"
#include "services/ecs/credentials.h"
#include "services/ecs/metadata.h"
#include "services/ecs/names.h"
#include "services/ecs/protection.h"
#include "services/ecs/scheduler.h"
#include "services/ecs/service_operations.h"
#include "services/ecs/tags.h"
#include "services/ecs/task.h"
#include "services/ecs/task_definition.h"
#include "services/ecs/usage.h"

namespace kiban::services::ecs {
namespace {

// Operations of our own, for timers and outcomes, which must run in their task's region. No model
// has them, so the wire cannot reach them.
constexpr std::string_view restart_operation = "kiban:Restart";
constexpr std::string_view outcome_operation = "kiban:TaskOutcome";
constexpr std::string_view pause_operation = "kiban:PauseOver";
constexpr std::string_view probe_operation = "kiban:ProbeAnswered";

Result<json::object> restart(Context& context, const json::object& input) {
  reconcile(context, text(input, "Cluster"), text(input, "Service"));
  return json::object{};
}

Result<json::object> take_pause(Context& context, const json::object& input) {
  on_pause_over(context, input);
  return json::object{};
}

Result<json::object> take_probe(Context& context, const json::object& input) {
  on_probe_answer(context, input.at("Effect").as_object(), input.at("Outcome").as_object());
  return json::object{};
}

Result<json::object> take_outcome(Context& context, const json::object& input) {
  const Outcome outcome{.payload = input.at("Outcome").as_object()};
  if (const json::object* usage = find_object(outcome.payload, "Usage"))
    record_usage(context, input.at("Effect").as_object(), *usage);
  const auto task = on_task_outcome(context, input.at("Effect").as_object(), outcome);
  if (task && text(*task, "lastStatus") == "STOPPED") on_service_task_stopped(context, *task);
  const bool runs = text(outcome.payload, "Status") == "RUNNING";
  const bool moved = runs || outcome.payload.contains("Health");
  if (task && runs && text(*task, "desiredStatus") == "RUNNING")
    on_service_task_running(context, *task);
  if (task && moved && text(*task, "lastStatus") == "RUNNING" &&
      text(*task, "group").starts_with("service:"))
    reconcile(context, last_part(text(*task, "clusterArn")), text(*task, "group").substr(8));
  return json::object{};
}

const OperationTable operations = {
    {"CreateCluster", create_cluster},
    {"CreateService", create_service},
    {"DeleteCluster", delete_cluster},
    {"DeleteService", delete_service},
    {"DeleteTaskDefinitions", delete_task_definitions},
    {"DeregisterTaskDefinition", deregister_task_definition},
    {"DescribeCapacityProviders", describe_capacity_providers},
    {"DescribeClusters", describe_clusters},
    {"DescribeServices", describe_services},
    {"DescribeTaskDefinition", describe_task_definition},
    {"DescribeTasks", describe_tasks},
    {"GetTaskProtection", get_task_protection},
    {"ListClusters", list_clusters},
    {"ListServices", list_services},
    {"ListTagsForResource", list_tags},
    {"ListTaskDefinitionFamilies", list_families},
    {"ListTaskDefinitions", list_task_definitions},
    {"ListTasks", list_tasks},
    {"PutClusterCapacityProviders", put_cluster_providers},
    {"RegisterTaskDefinition", register_task_definition},
    {"RunTask", run_task},
    {"StopTask", stop_task},
    {"TagResource", tag_resource},
    {"UntagResource", untag_resource},
    {"UpdateCluster", update_cluster},
    {"UpdateService", update_service},
    {"UpdateTaskProtection", update_task_protection},
    {restart_operation, restart},
    {outcome_operation, take_outcome},
    {pause_operation, take_pause},
    {probe_operation, take_probe},
    {"kiban:PutCapacityProviders", put_cluster_providers},
    {"kiban:ServiceRollout", service_rollout},
    {"kiban:TaskCredentials", task_credentials},
    {"kiban:TaskMetadata", task_metadata},
};

class Ecs : public TableService {
 public:
  Ecs() : TableService("ecs", operations) {}

  void on_timer(Context& context, const json::object& payload) override {
    (void)context.call("ecs", restart_operation, payload, self(payload));
  }
  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    if (kind == "host.pause") (void)context.call("ecs", pause_operation, payload, self(payload));
    if (kind != "task.run" && kind != "host.probe") return;
    (void)context.call("ecs", kind == "host.probe" ? probe_operation : outcome_operation,
                       {{"Effect", payload}, {"Outcome", outcome.payload}}, self(payload));
  }

  // A task definition may be named without its revision; tags are kept by ARN.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    ResourceAccess found{.arn = std::string(arn)};
    constexpr std::string_view kind = "task-definition/";
    if (const std::string_view named = resource_part(arn); named.starts_with(kind))
      if (const auto definition = load_task_definition(context, named.substr(kind.size())))
        found.arn = text(*definition, "taskDefinitionArn");
    const json::value tags = tags_of(context, found.arn);
    add_resource_tags(found, &tags);
    return found;
  }

 private:
  static Caller self(const json::object& payload) {
    return {.account = text(payload, "Account"),
            .region = text(payload, "Region"),
            .arn = "ecs.amazonaws.com"};
  }
};

}  // namespace

std::unique_ptr<Service> make_ecs() { return std::make_unique<Ecs>(); }

}  // namespace kiban::services::ecs
