#include "services/ecs/names.h"

#include <fmt/format.h>

#include "services/base/table_service.h"

namespace kiban::services::ecs {
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

namespace {

Result<std::size_t> page_limit(const json::object& input, std::size_t page_default) {
  constexpr std::int64_t page_max = 100;
  const std::int64_t limit = number(input, "maxResults", static_cast<std::int64_t>(page_default));
  if (limit < 1 || limit > page_max)
    return fail("InvalidParameterException", "maxResults should be between 1 and 100.");
  return static_cast<std::size_t>(limit);
}

Result<json::object> shown_page(std::string_view member, Result<Page> page) {
  if (!page) return fail("InvalidParameterException", "Invalid token.");
  json::object reply{{member, std::move(page->entries)}};
  if (page->next_token) reply["nextToken"] = *std::move(page->next_token);
  return reply;
}

}  // namespace

Result<json::object> arn_page(const Context& context, const json::object& input,
                              std::string_view member, std::string_view prefix,
                              const EntryOf& entry, std::size_t page_default) {
  KIBAN_TRY(const std::size_t limit, page_limit(input, page_default));
  return shown_page(member,
                    page_of_rows(context, prefix, limit, find_string(input, "nextToken"), entry));
}

Result<json::object> arn_page(const json::object& input, std::string_view member,
                              const json::array& arns) {
  KIBAN_TRY(const std::size_t limit, page_limit(input, 100));
  return shown_page(member, paginate(arns, limit, find_string(input, "nextToken")));
}

Result<std::string> name_in_cluster(std::string_view arn_or_name, std::string_view mark,
                                    std::string_view cluster) {
  const std::size_t at = arn_or_name.find(mark);
  std::string name = last_part(arn_or_name);
  if (at == arn_or_name.npos) return name;
  const std::string_view path = arn_or_name.substr(at + mark.size());
  const std::string_view named = path.substr(0, path.find('/'));
  // Short ARNs name no cluster.
  if (path.find('/') != path.npos && named != cluster)
    return fail("InvalidParameterException",
                fmt::format("Invalid identifier: Identifier is for {}. Your cluster is {}", named,
                            cluster));
  return name;
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
