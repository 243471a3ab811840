#include "services/ecs/service_row.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {

std::string service_key(const Context& context, std::string_view cluster, std::string_view name) {
  return row_key(context, "service", fmt::format("{}/{}", cluster, name));
}

Counted count_tasks(const Context& context, std::string_view cluster, std::string_view service) {
  Counted counted;
  for (json::object& task :
       list_json(context, row_key(context, "task", fmt::format("{}/", cluster)))) {
    if (text(task, "group") != fmt::format("service:{}", service)) continue;
    if (text(task, "desiredStatus") != "RUNNING") {
      counted.stopping += text(task, "lastStatus") == "STOPPED" ? 0 : 1;
      continue;
    }
    ++(text(task, "lastStatus") == "RUNNING" ? counted.running : counted.pending);
    counted.live.push_back(std::move(task));
  }
  return counted;
}

json::object service_reference(const Context& context, std::string_view cluster,
                               std::string_view service) {
  return {{"Cluster", cluster},
          {"Service", service},
          {"Region", context.caller().region},
          {"Account", context.caller().account}};
}

json::object described_service(const Context& context, const json::object& service) {
  json::object out = service;
  const auto counted =
      count_tasks(context, last_part(text(service, "clusterArn")), text(service, "serviceName"));
  out["runningCount"] = counted.running;
  out["pendingCount"] = counted.pending;
  out.erase("kibanToken");
  for (json::value& value : out["deployments"].as_array()) {
    json::object& deployment = value.as_object();
    std::int64_t running = 0;
    std::int64_t pending = 0;
    for (const json::object& task : counted.live) {
      if (text(task, "startedBy") != text(deployment, "id")) continue;
      ++(text(task, "lastStatus") == "RUNNING" ? running : pending);
    }
    deployment["runningCount"] = running;
    deployment["pendingCount"] = pending;
    // The last is of rows that an earlier version wrote.
    for (const auto* own : {"kibanPause", "kibanRollback", "kibanNotBefore"}) deployment.erase(own);
  }
  return out;
}

Result<json::object> load_service(const Context& context, std::string_view cluster,
                                  std::string_view name) {
  auto service = get_json(context, service_key(context, cluster, name));
  if (!service || text(*service, "status") == "INACTIVE")
    return fail("ServiceNotFoundException", "Service not found.");
  return *std::move(service);
}

}  // namespace kiban::services::ecs
