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

class Scheduler : public TableService {
 public:
  explicit Scheduler(MissedSchedules missed)
      : TableService("scheduler", operations), missed_(missed) {}

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
