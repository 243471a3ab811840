// Addresses of subnets for those who live in them, also reached by other services as
// ec2 kiban:AllocateAddress and kiban:ReleaseAddress (never over the wire).
#pragma once

#include "services/base/service.h"

namespace kiban::services::ec2 {

// {SubnetId, Owner (its description), SecurityGroupIds? (the VPC's default), InterfaceType?} gets
// the lowest free address: {NetworkInterfaceId, PrivateIpAddress, PrivateDnsName, MacAddress,
// SubnetId, CidrBlock, AvailabilityZone}. Errors: InsufficientFreeAddressesInSubnet,
// InvalidSubnetID.NotFound, InvalidGroup.NotFound.
Result<json::object> allocate_address(Context& context, const json::object& input);
// {NetworkInterfaceId}. Error: InvalidNetworkInterfaceID.NotFound.
Result<json::object> release_address(Context& context, const json::object& input);

}  // namespace kiban::services::ec2
