#include "services/ecs/names.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/ecs/launch.h"
#include "services/ecs/tags.h"

namespace kiban::services::ecs {
namespace {

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
  out["activeServicesCount"] = list_json(context, row_key(context, "service", name + "/")).size();
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

}  // namespace

std::string row_key(const Context& context, std::string_view kind, std::string_view name) {
  return fmt::format("ecs/{}/{}/{}", context.caller().region, kind, name);
}

std::string last_part(std::string_view arn_or_name) {
  const std::size_t slash = arn_or_name.rfind('/');
  return std::string(slash == std::string_view::npos ? arn_or_name : arn_or_name.substr(slash + 1));
}

std::string cluster_name(const json::object& input) {
  return last_part(text(input, "cluster", "default"));
}

std::string cluster_arn(const Context& context, std::string_view name) {
  return make_arn(context, "ecs", fmt::format("cluster/{}", name));
}

Caller principal(const Context& context, std::string_view name) {
  return {.account = context.caller().account,
          .region = context.caller().region,
          .arn = std::string(name)};
}

Result<json::object> load_cluster(const Context& context, std::string_view name) {
  auto cluster = get_json(context, row_key(context, "cluster", name));
  if (!cluster || text(*cluster, "status") != "ACTIVE")
    return fail("ClusterNotFoundException", "Cluster not found.");
  return *std::move(cluster);
}

Result<json::object> arn_page(const json::object& input, std::string_view member,
                              const json::array& arns) {
  const auto limit = static_cast<std::size_t>(number(input, "maxResults", 100));
  KIBAN_TRY(Page page, paginate(arns, limit, find_string(input, "nextToken")));
  json::object reply{{member, std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *page.next_token;
  return reply;
}

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
  const json::object cluster{
      {"clusterArn", cluster_arn(context, name)},
      {"clusterName", name},
      {"status", "ACTIVE"},
      {"registeredContainerInstancesCount", 0},
      {"settings", given("settings")},
      {"capacityProviders", given("capacityProviders")},
      {"defaultCapacityProviderStrategy", given("defaultCapacityProviderStrategy")}};
  KIBAN_TRY_VOID(check_providers(cluster));
  put_json(context, key, cluster);
  put_tags(context, text(cluster, "clusterArn"), input);
  return json::object{{"cluster", described(context, cluster)}};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html
Result<json::object> put_cluster_providers(Context& context, const json::object& input) {
  const std::string name = cluster_name(input);
  KIBAN_TRY(json::object cluster, load_cluster(context, name));
  for (const auto* member : {"capacityProviders", "defaultCapacityProviderStrategy"})
    cluster[member] = input.at(member);
  KIBAN_TRY_VOID(check_providers(cluster));
  put_json(context, row_key(context, "cluster", name), cluster);
  return json::object{{"cluster", described(context, cluster)}};
}

Result<json::object> update_cluster(Context& context, const json::object& input) {
  const std::string name = cluster_name(input);
  KIBAN_TRY(json::object cluster, load_cluster(context, name));
  if (const json::array* settings = find_array(input, "settings")) cluster["settings"] = *settings;
  put_json(context, row_key(context, "cluster", name), cluster);
  return json::object{{"cluster", described(context, cluster)}};
}

Result<json::object> delete_cluster(Context& context, const json::object& input) {
  const std::string name = cluster_name(input);
  KIBAN_TRY(json::object cluster, load_cluster(context, name));
  const json::object now = described(context, cluster);
  if (number(now, "activeServicesCount", 0) > 0)
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
  const json::array* names = find_array(input, "clusters");
  for (const json::value& name : names ? *names : json::array{"default"}) {
    const std::string cluster = last_part(std::string_view(name.as_string()));
    const auto row = get_json(context, row_key(context, "cluster", cluster));
    if (row) {
      json::object shown = described(context, *row);
      shown["tags"] =
          wants_tags(input) ? tags_of(context, text(*row, "clusterArn")) : json::array{};
      clusters.push_back(std::move(shown));
    } else {
      failures.push_back({{"arn", cluster_arn(context, cluster)}, {"reason", "MISSING"}});
    }
  }
  return json::object{{"clusters", std::move(clusters)}, {"failures", std::move(failures)}};
}

Result<json::object> list_clusters(Context& context, const json::object& input) {
  json::array arns;
  for (const json::object& cluster : list_json(context, row_key(context, "cluster", ""))) {
    if (text(cluster, "status") == "ACTIVE") arns.push_back(cluster.at("clusterArn"));
  }
  return arn_page(input, "clusterArns", arns);
}

bool is_mount_target(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.size() < 2 || !path.starts_with('/')) return false;
  const std::string whole = std::string(path) + "/";
  for (const std::string_view part : {"//", "/./", "/../"})
    if (whole.find(part) != std::string::npos) return false;
  for (const std::string_view kernel : {"/dev/", "/proc/", "/sys/"})
    if (whole.starts_with(kernel)) return false;
  return true;
}

}  // namespace kiban::services::ecs
