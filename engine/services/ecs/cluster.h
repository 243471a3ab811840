// Clusters, to which everything else belongs, and the capacity providers that they may have.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html
//
// A deleted cluster stays and is shown as INACTIVE; its name may be used again.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

Result<json::object> create_cluster(Context& context, const json::object& input);
Result<json::object> update_cluster(Context& context, const json::object& input);
// What is absent is empty: the API demands both members, a template neither.
Result<json::object> put_cluster_providers(Context& context, const json::object& input);
Result<json::object> delete_cluster(Context& context, const json::object& input);
Result<json::object> describe_clusters(Context& context, const json::object& input);
Result<json::object> list_clusters(Context& context, const json::object& input);
// FARGATE and FARGATE_SPOT.
Result<json::object> describe_capacity_providers(Context& context, const json::object& input);

}  // namespace kiban::services::ecs
