// Values of requests that the API reference bounds.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
#pragma once

#include <string>

#include "core/json.h"
#include "core/result.h"

namespace kiban::services::rds {

// Of a cluster that is made or modified; `row` is what it is now, and empty when it is made. Errors
// InvalidParameterValue and InvalidParameterCombination.
Result<void> check_cluster_values(const json::object& input, const json::object& row);

// DBInstanceClass and PromotionTier, as far as they are given, for an instance of a cluster of that
// engine version. Errors InvalidParameterValue and InvalidParameterCombination.
Result<void> check_instance_values(const json::object& input, const std::string& version);

// MaxRecords: 20 to 100. Error InvalidParameterValue.
Result<void> check_page(const json::object& input);

}  // namespace kiban::services::rds
