#include "services/scheduler/service.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/scheduler/firing.h"
#include "services/scheduler/groups.h"
#include "services/scheduler/names.h"
#include "services/scheduler/schedules.h"

namespace kiban::services::scheduler {
namespace {

const OperationTable operations = {
    {"CreateSchedule", create_schedule}, {"CreateScheduleGroup", create_group},
    {"DeleteSchedule", delete_schedule}, {"DeleteScheduleGroup", delete_group},
    {"GetSchedule", get_schedule},       {"GetScheduleGroup", get_group},
    {"ListScheduleGroups", list_groups}, {"ListSchedules", list_schedules},
    {"ListTagsForResource", list_tags},  {"TagResource", tag_resource},
    {"UntagResource", untag_resource},   {"UpdateSchedule", update_schedule},
};

// The ARN that a policy would name for the operation.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html
std::string resource_of(const Context& context, std::string_view operation,
                        const json::object& input) {
  if (input.contains("ResourceArn")) return text(input, "ResourceArn");
  if (operation.ends_with("ScheduleGroup")) return group_arn(context, text(input, "Name"));
  if (operation.ends_with("Schedule"))
    return schedule_arn(context, group_of(input), text(input, "Name"));
  return "*";
}

class Scheduler : public TableService {
 public:
  explicit Scheduler(MissedSchedules missed)
      : TableService("scheduler", operations), missed_(missed) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (operations.contains(operation))
      KIBAN_TRY_VOID(context.authorise(fmt::format("scheduler:{}", operation),
                                       resource_of(context, operation, input)));
    return TableService::call(context, operation, input);
  }

  void on_timer(Context& context, const json::object& payload) override {
    const std::string kind = text(payload, "Kind");
    if (kind == "fire") return fire(context, payload, missed_);
    if (kind == "retry") return retry(context, payload);
    continue_deletion(context, payload);
  }

 private:
  MissedSchedules missed_;
};

}  // namespace

std::unique_ptr<Service> make_scheduler() { return make_scheduler_with(MissedSchedules::Last); }

std::unique_ptr<Service> make_scheduler_with(MissedSchedules missed) {
  return std::make_unique<Scheduler>(missed);
}

}  // namespace kiban::services::scheduler
