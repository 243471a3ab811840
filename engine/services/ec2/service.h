// AWS EC2, the part that networks are made of: VPCs, subnets, route tables, gateways, security
// groups, endpoints, addresses. All are records (docs/records.md): nothing routes or filters
// packets. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html
//
// Other services get addresses from it: interfaces.h.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::ec2 {

std::unique_ptr<Service> make_ec2();

}  // namespace kiban::services::ec2
