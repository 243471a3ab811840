#include "services/ecs/usage.h"

#include <charconv>

#include "services/base/table_service.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

double real(const json::object& object, std::string_view key) {
  const json::value* found = find(object, key);
  return found && found->is_number() ? found->to_number<double>() : 0;
}

// A task's cpu and memory are strings of digits; 0 when it reserved nothing.
double reserved(const json::object& plan, std::string_view key) {
  const std::string digits = text(plan, key);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return static_cast<double>(value);
}

}  // namespace

void record_usage(Context& context, const json::object& plan, const json::object& usage) {
  const std::string group = text(plan, "Group");
  if (!group.starts_with("service:")) return;
  const auto add = [&](std::string_view name, double used, double of) {
    if (of <= 0) return;
    context.count(
        {.metric_namespace = "AWS/ECS",
         .name = name,
         .unit = "Percent",
         .dimensions = {{"ClusterName", text(plan, "Cluster")}, {"ServiceName", group.substr(8)}},
         .value = used / of * 100});
  };
  add("CPUUtilization", real(usage, "CpuUnits"), reserved(plan, "Cpu"));
  add("MemoryUtilization", real(usage, "MemoryMiB"), reserved(plan, "Memory"));
}

}  // namespace kiban::services::ecs
