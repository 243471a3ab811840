#include "services/ecs/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/launch.h"
#include "services/ecs/names.h"
#include "services/ecs/tags.h"

namespace kiban::services::ecs {
namespace {

constexpr std::size_t described_max = 100;

json::object described(const Context& context, const json::object& cluster) {
  json::object out = cluster;
  const std::string name = text(cluster, "clusterName");
  std::int64_t running = 0;
  std::int64_t pending = 0;
  for (const json::object& task : list_json(context, row_key(context, "task", name + "/"))) {
    const std::string status = text(task, "lastStatus");
    running += status == "RUNNING" ? 1 : 0;
    pending += status == "PROVISIONING" || status == "PENDING" ? 1 : 0;
  }
  out["runningTasksCount"] = running;
  out["pendingTasksCount"] = pending;
  std::int64_t services = 0;
  for (const json::object& service : list_json(context, row_key(context, "service", name + "/")))
    services += text(service, "status") == "ACTIVE" ? 1 : 0;
  out["activeServicesCount"] = services;
  return out;
}

// There are Fargate's two only, and a default names some of the cluster's.
Result<void> check_providers(const json::object& cluster) {
  const json::array& providers = cluster.at("capacityProviders").as_array();
  for (const json::value& name : providers) {
    if (name != "FARGATE" && name != "FARGATE_SPOT")
      return fail("InvalidParameterException",
                  "The specified capacity provider was not found. Specify a valid name or ARN and "
                  "try again.");
  }
  return check_strategy(cluster.at("defaultCapacityProviderStrategy").as_array(), cluster);
}

json::array default_settings() { return {{{"name", "containerInsights"}, {"value", "disabled"}}}; }

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterSetting.html, and
// API_ExecuteCommandConfiguration.html
Result<void> check_settings(const json::object& input) {
  const json::array* settings = find_array(input, "settings");
  for (const json::value& setting : settings ? *settings : json::array{}) {
    const std::string value = text(setting.as_object(), "value");
    if (value != "enabled" && value != "disabled" && value != "enhanced")
      return fail("InvalidParameterException",
                  fmt::format("Invalid value '{}' of the setting containerInsights: it is enabled, "
                              "disabled or enhanced.",
                              value));
  }
  if (input.contains("serviceConnectDefaults"))
    return fail("InvalidParameterException", "kiban does not honour serviceConnectDefaults");
  const json::object* configuration = find_object(input, "configuration");
  const json::object* execute =
      configuration ? find_object(*configuration, "executeCommandConfiguration") : nullptr;
  if (execute && text(*execute, "logging") == "OVERRIDE" && !execute->contains("logConfiguration"))
    return fail("InvalidParameterException",
                "When logging=OVERRIDE is specified, a logConfiguration must be provided.");
  return {};
}

bool includes(const json::object& input, std::string_view what) {
  const json::array* include = find_array(input, "include");
  return include && std::ranges::find(*include, json::value(what)) != include->end();
}

bool has_services(const Context& context, const std::string& cluster) {
  return std::ranges::any_of(
      list_json(context, row_key(context, "service", cluster + "/")),
      [](const json::object& service) { return text(service, "status") != "INACTIVE"; });
}

// By a service's strategy, or by a task that has not ended.
bool is_in_use(const Context& context, const std::string& cluster, const json::value& provider) {
  for (const json::object& service :
       list_json(context, row_key(context, "service", cluster + "/"))) {
    const json::array* strategy = find_array(service, "capacityProviderStrategy");
    if (text(service, "status") == "INACTIVE" || !strategy) continue;
    for (const json::value& item : *strategy)
      if (item.at("capacityProvider") == provider) return true;
  }
  return std::ranges::any_of(list_json(context, row_key(context, "task", cluster + "/")),
                             [&](const json::object& task) {
                               return text(task, "lastStatus") != "STOPPED" &&
                                      json::value(text(task, "capacityProviderName")) == provider;
                             });
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html (statistics)
json::array statistics_of(const Context& context, const std::string& cluster) {
  std::int64_t running = 0;
  std::int64_t pending = 0;
  std::int64_t active = 0;
  std::int64_t draining = 0;
  for (const json::object& task : list_json(context, row_key(context, "task", cluster + "/"))) {
    const std::string status = text(task, "lastStatus");
    running += status == "RUNNING" ? 1 : 0;
    pending += status == "PROVISIONING" || status == "PENDING" ? 1 : 0;
  }
  for (const json::object& service :
       list_json(context, row_key(context, "service", cluster + "/"))) {
    active += text(service, "status") == "ACTIVE" ? 1 : 0;
    draining += text(service, "status") == "DRAINING" ? 1 : 0;
  }
  json::array all;
  for (const auto& [name, value] : {std::pair("runningEC2TasksCount", std::int64_t{0}),
                                    std::pair("runningFargateTasksCount", running),
                                    std::pair("pendingEC2TasksCount", std::int64_t{0}),
                                    std::pair("pendingFargateTasksCount", pending),
                                    std::pair("activeEC2ServiceCount", std::int64_t{0}),
                                    std::pair("activeFargateServiceCount", active),
                                    std::pair("drainingEC2ServiceCount", std::int64_t{0}),
                                    std::pair("drainingFargateServiceCount", draining)})
    all.push_back({{"name", name}, {"value", std::to_string(value)}});
  return all;
}

}  // namespace

Result<json::object> create_cluster(Context& context, const json::object& input) {
  const std::string name = text(input, "clusterName", "default");
  const std::string key = row_key(context, "cluster", name);
  const auto old = get_json(context, key);
  if (old && text(*old, "status") == "ACTIVE")
    return json::object{{"cluster", described(context, *old)}};
  const auto given = [&](const char* member) {
    const json::array* list = find_array(input, member);
    return list ? *list : json::array{};
  };
  json::object cluster{
      {"clusterArn", cluster_arn(context, name)},
      {"clusterName", name},
      {"status", "ACTIVE"},
      {"registeredContainerInstancesCount", 0},
      {"settings", input.contains("settings") ? given("settings") : default_settings()},
      {"capacityProviders", given("capacityProviders")},
      {"defaultCapacityProviderStrategy", given("defaultCapacityProviderStrategy")}};
  KIBAN_TRY_VOID(check_providers(cluster));
  KIBAN_TRY_VOID(check_settings(input));
  KIBAN_TRY_VOID(check_tags(input));
  if (const json::object* configuration = find_object(input, "configuration"))
    cluster["configuration"] = *configuration;
  drop_tags(context, text(cluster, "clusterArn"));
  put_json(context, key, cluster);
  put_tags(context, text(cluster, "clusterArn"), input);
  json::object shown = described(context, cluster);
  shown["tags"] = tags_of(context, text(cluster, "clusterArn"));
  return json::object{{"cluster", std::move(shown)}};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html
Result<json::object> put_cluster_providers(Context& context, const json::object& input) {
  const std::string name = cluster_name(input);
  KIBAN_TRY(json::object cluster, load_cluster(context, name));
  const json::array before = cluster["capacityProviders"].as_array();
  for (const auto* member : {"capacityProviders", "defaultCapacityProviderStrategy"}) {
    const json::array* given = find_array(input, member);
    cluster[member] = given ? *given : json::array{};
  }
  KIBAN_TRY_VOID(check_providers(cluster));
  const json::array& after = cluster.at("capacityProviders").as_array();
  for (const json::value& provider : before) {
    if (std::ranges::find(after, provider) == after.end() && is_in_use(context, name, provider))
      return fail("ResourceInUseException",
                  "The specified capacity provider is in use and cannot be removed.");
  }
  put_json(context, row_key(context, "cluster", name), cluster);
  return json::object{{"cluster", described(context, cluster)}};
}

Result<json::object> update_cluster(Context& context, const json::object& input) {
  const std::string name = cluster_name(input);
  KIBAN_TRY(json::object cluster, load_cluster(context, name));
  KIBAN_TRY_VOID(check_settings(input));
  if (const json::array* settings = find_array(input, "settings")) cluster["settings"] = *settings;
  const json::object* configuration = find_object(input, "configuration");
  if (configuration && configuration->empty()) cluster.erase("configuration");
  if (configuration && !configuration->empty()) cluster["configuration"] = *configuration;
  put_json(context, row_key(context, "cluster", name), cluster);
  return json::object{{"cluster", described(context, cluster)}};
}

Result<json::object> delete_cluster(Context& context, const json::object& input) {
  const std::string name = cluster_name(input);
  KIBAN_TRY(json::object cluster, load_cluster(context, name));
  const json::object now = described(context, cluster);
  if (has_services(context, name))
    return fail("ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.");
  if (number(now, "runningTasksCount", 0) + number(now, "pendingTasksCount", 0) > 0)
    return fail("ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.");
  cluster["status"] = "INACTIVE";
  put_json(context, row_key(context, "cluster", name), cluster);
  return json::object{{"cluster", described(context, cluster)}};
}

Result<json::object> describe_clusters(Context& context, const json::object& input) {
  json::array clusters;
  json::array failures;
  const json::array* given = find_array(input, "clusters");
  const json::array names = given && !given->empty() ? *given : json::array{"default"};
  if (names.size() > described_max)
    return fail("InvalidParameterException", "Clusters length should be at most 100.");
  for (const json::value& name : names) {
    const std::string cluster = last_part(std::string_view(name.as_string()));
    const auto row = get_json(context, row_key(context, "cluster", cluster));
    if (row) {
      json::object shown = described(context, *row);
      shown["tags"] =
          wants_tags(input) ? tags_of(context, text(*row, "clusterArn")) : json::array{};
      if (!includes(input, "SETTINGS")) shown["settings"] = json::array{};
      if (!includes(input, "CONFIGURATIONS")) shown.erase("configuration");
      shown["statistics"] =
          includes(input, "STATISTICS") ? statistics_of(context, cluster) : json::array{};
      clusters.push_back(std::move(shown));
    } else {
      failures.push_back({{"arn", cluster_arn(context, cluster)}, {"reason", "MISSING"}});
    }
  }
  return json::object{{"clusters", std::move(clusters)}, {"failures", std::move(failures)}};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeCapacityProviders.html
Result<json::object> describe_capacity_providers(Context& context, const json::object& input) {
  constexpr std::int64_t page_max = 10;
  const std::int64_t limit = number(input, "maxResults", page_max);
  if (limit < 1 || limit > page_max)
    return fail("InvalidParameterException", "maxResults should be between 1 and 10.");
  if (input.contains("cluster")) KIBAN_TRY_VOID(load_cluster(context, cluster_name(input)));
  json::array failures;
  json::array all;
  const json::array* given = find_array(input, "capacityProviders");
  const bool named = given && !given->empty();
  for (const json::value& value : named ? *given : json::array{"FARGATE", "FARGATE_SPOT"}) {
    const std::string name = last_part(std::string_view(value.as_string()));
    const std::string arn = make_arn(context, "ecs", "capacity-provider/" + name);
    if (name != "FARGATE" && name != "FARGATE_SPOT")
      failures.push_back({{"arn", arn}, {"reason", "MISSING"}});
    else
      all.push_back({{"capacityProviderArn", arn},
                     {"name", name},
                     {"status", "ACTIVE"},
                     {"tags", json::array{}}});
  }
  auto page = paginate(all, static_cast<std::size_t>(limit), find_string(input, "nextToken"));
  if (!page) return fail("InvalidParameterException", "Invalid token.");
  json::object reply{{"capacityProviders", std::move(page->entries)},
                     {"failures", std::move(failures)}};
  if (page->next_token) reply["nextToken"] = *page->next_token;
  return reply;
}

Result<json::object> list_clusters(Context& context, const json::object& input) {
  return arn_page(context, input, "clusterArns", row_key(context, "cluster", ""),
                  [](const store::Row& row) -> std::optional<json::value> {
                    const json::object cluster = object_of(row.key, row.value);
                    if (text(cluster, "status") != "ACTIVE") return std::nullopt;
                    return cluster.at("clusterArn");
                  });
}

}  // namespace kiban::services::ecs
