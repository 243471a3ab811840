// DB clusters: their life, and what their servers report.
#pragma once

#include "services/rds/rows.h"
#include "services/rds/service.h"

namespace kiban::services::rds {

Result<json::object> create_cluster(Context& context, const json::object& input,
                                    const RdsOptions& options);
Result<json::object> restore_cluster(Context& context, const json::object& input,
                                     const RdsOptions& options);
Result<json::object> modify_cluster(Context& context, const json::object& input);
Result<json::object> delete_cluster(Context& context, const json::object& input);
Result<json::object> describe_clusters(Context& context, const json::object& input);
Result<json::object> start_cluster(Context& context, const json::object& input);
Result<json::object> stop_cluster(Context& context, const json::object& input);

Result<json::object> describe_snapshots(Context& context, const json::object& input);
Result<json::object> delete_snapshot(Context& context, const json::object& input);

// Error DBClusterNotFoundFault.
Result<json::object> load_cluster(const Context& context, std::string_view id);
void save_cluster(Context& context, const json::object& row);

void on_server_outcome(Context& context, std::string_view kind, const json::object& payload,
                       const Outcome& outcome);

}  // namespace kiban::services::rds
