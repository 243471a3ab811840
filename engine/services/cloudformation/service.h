// AWS CloudFormation: stacks and change sets, deployed as durable steps over our own services.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::cloudformation {

std::unique_ptr<Service> make_cloudformation();

}  // namespace kiban::services::cloudformation
