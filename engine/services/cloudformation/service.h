// AWS CloudFormation: stacks and change sets, deployed as durable steps over our own services.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
#pragma once

#include <memory>
#include <string>

#include "services/base/service.h"

namespace kiban::services::cloudformation {

struct Options {
  // Base URL at which Lambda functions reach this server; empty: that of all clients.
  std::string function_endpoint{};
};

std::unique_ptr<Service> make_cloudformation();
std::unique_ptr<Service> make_cloudformation_with(Options options);

}  // namespace kiban::services::cloudformation
