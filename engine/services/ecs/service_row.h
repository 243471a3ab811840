// The row of a service, and its tasks.
#pragma once

#include <string>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::ecs {

std::string service_key(const Context& context, std::string_view cluster, std::string_view name);
// ACTIVE or DRAINING. Error ServiceNotFoundException "Service not found.": deleted ones too, which
// DescribeServices shows as INACTIVE for an hour.
Result<json::object> load_service(const Context& context, std::string_view cluster,
                                  std::string_view name);

struct Counted {
  std::vector<json::object> live{};  // Desired to run.
  std::int64_t running{};
  std::int64_t pending{};
  std::int64_t stopping{};  // Asked to end, and not STOPPED yet.
};
Counted count_tasks(const Context& context, std::string_view cluster, std::string_view service);

// As DescribeServices shows it, without its tags.
json::object described_service(const Context& context, const json::object& service);

// What on_timer and on_outcome need to find the service again.
json::object service_reference(const Context& context, std::string_view cluster,
                               std::string_view service);

}  // namespace kiban::services::ecs
