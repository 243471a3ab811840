// Keys and ARNs of ECS.
//
//   ecs/REGION/cluster/NAME
//   ecs/REGION/family/FAMILY               the latest revision number
//   ecs/REGION/definition/FAMILY/REVISION  7 digits
//   ecs/REGION/task/CLUSTER/ID
//   ecs/REGION/service/CLUSTER/NAME
//   ecs/REGION/settled/CLUSTER/ID          tasks of services that stayed up long enough
//   ecs/REGION/logged/ID                   container name to what of its log was written
//   ecs/REGION/tags/ARN
//   ecs/REGION/token/CLUSTER/TOKEN         what a RunTask with this clientToken began
//   ecs/REGION/ended/TIME/KIND/NAME        rows to forget; TIME in milliseconds, 13 digits
//   ecs/REGION/protection/CLUSTER/ID       until when a service may not stop the task
//   ecs/credentials/UUID                   whose role a task may take
//   ecs/metadata/ID                        where a running task is found
#pragma once

#include <string>

#include "services/base/pages.h"
#include "services/base/service.h"

namespace kiban::services::ecs {

std::string row_key(const Context& context, std::string_view kind, std::string_view name);

// The name behind the last '/' of an ARN, or the name itself; `default` when absent.
std::string cluster_name(const json::object& input);
std::string last_part(std::string_view arn_or_name);
// Error ClusterNotFoundException "Cluster not found."
Result<json::object> load_cluster(const Context& context, std::string_view name);
std::string cluster_arn(const Context& context, std::string_view name);
// A service principal as caller, in the account and region of this command.
Caller principal(const Context& context, std::string_view name);

// A page of the rows below `prefix` (base/pages.h) under `member`, with maxResults and nextToken of
// the request. Error InvalidParameterException.
Result<json::object> arn_page(const Context& context, const json::object& input,
                              std::string_view member, std::string_view prefix,
                              const EntryOf& entry, std::size_t page_default = 100);
// The same of a list that is in memory.
Result<json::object> arn_page(const json::object& input, std::string_view member,
                              const json::array& arns);

// The name or id behind an ARN of a request that named `cluster`; `mark` is ":task/" or
// ":service/". Error InvalidParameterException when the ARN is of another cluster.
Result<std::string> name_in_cluster(std::string_view arn_or_name, std::string_view mark,
                                    std::string_view cluster);

// Where a volume may be mounted in a container: an absolute, normalised path other than `/` that is
// not in the kernel's file systems. runc masks files there, and a volume over one of them would
// choose what is masked instead.
bool is_mount_target(std::string_view path);

}  // namespace kiban::services::ecs
