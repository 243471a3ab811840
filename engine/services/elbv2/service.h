// AWS Elastic Load Balancing v2: application load balancers, target groups, listeners. Records only
// (docs/records.md): nothing listens, forwards or checks health. A load balancer takes an address
// of each of its subnets from ec2, so that these and its security groups can't be deleted under it.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::elbv2 {

std::unique_ptr<Service> make_elbv2();

}  // namespace kiban::services::elbv2
