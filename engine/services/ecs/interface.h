// The network interface of an awsvpc task, and how DescribeTasks shows it.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Subnets and security groups of networkConfiguration exist. Error InvalidParameterException.
Result<void> check_network(Context& context, const json::object& input);

// Takes an address out of one of the request's subnets and notes the attachment in the new task's
// row. {"SubnetId", "NetworkInterfaceId", "PrivateIpAddress", …}; without NetworkInterfaceId when
// EC2 is not served, and nothing of it when the task has no network of its own. The error is that
// of EC2.
Result<json::object> take_interface(Context& context, const json::object& input,
                                    json::object& task);
// Whether a task there reaches what lies outside its VPC: its subnet's route to 0.0.0.0/0 leads to
// a NAT gateway, or to an internet gateway and the task has a public address (assignPublicIp
// ENABLED).
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
bool has_egress(Context& context, const json::object& input, const json::object& interface);
// The task runs: its attachment and its containers show the address, `address` when the performer
// had to choose another.
void show_interface(json::object& task, const json::object& interface, std::string_view address);
// The task is gone, and so is its interface.
void drop_interface(Context& context, json::object& task, const json::object& interface);

}  // namespace kiban::services::ecs
