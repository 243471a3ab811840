"""EC2, ELBv2, Application Auto Scaling and KMS over the wire, each in its own protocol."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def refusal(call, **parameters) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


def tagged(kind: str, name: str) -> list[dict]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def make_network(ec2) -> tuple[str, list[str]]:
    """A VPC with an internet gateway and a subnet in each of two zones."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", "dev"))["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"ap-northeast-1{zone}")["Subnet"]
        for i, zone in enumerate("ac")
    ]
    return vpc, [subnet["SubnetId"] for subnet in subnets]


def test_networks(server):
    ec2 = server.client("ec2")
    vpc, (first, second) = make_network(ec2)
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]

    found = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["dev"]}])["Vpcs"]
    assert [each["VpcId"] for each in found] == [vpc]
    assert found[0]["CidrBlockAssociationSet"][0]["CidrBlockState"] == {"State": "associated"}
    found = ec2.describe_subnets(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "availability-zone", "Values": ["*c"]}]
    )["Subnets"]
    assert [(each["SubnetId"], each["AvailableIpAddressCount"]) for each in found] == [(second, 251)]
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")["EnableDnsSupport"] == {"Value": True}
    assert refusal(ec2.describe_vpcs, VpcIds=["vpc-1"]) == "InvalidVpcID.NotFound"
    assert refusal(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    assert refusal(ec2.create_vpc, CidrBlock="10.2.0.0/16", DryRun=True) == "DryRunOperation"
    assert refusal(ec2.run_instances, MinCount=1, MaxCount=1) == "InvalidAction"

    address = ec2.allocate_address(Domain="vpc")
    gateway = ec2.create_nat_gateway(SubnetId=first, AllocationId=address["AllocationId"])["NatGateway"]["NatGatewayId"]
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[gateway])
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=second)
    (described,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [second]}])[
        "RouteTables"
    ]
    assert [route["DestinationCidrBlock"] for route in described["Routes"]] == ["10.0.0.0/16", "0.0.0.0/0"]
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert (interface["PrivateIpAddress"], interface["Association"]["PublicIp"]) == ("10.0.0.4", address["PublicIp"])
    assert refusal(ec2.delete_subnet, SubnetId=first) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[gateway])
    ec2.release_address(AllocationId=address["AllocationId"])
    ec2.delete_subnet(SubnetId=first)
    ec2.delete_vpc(VpcId=other)
    pages = list(ec2.get_paginator("describe_vpcs").paginate())
    assert [each["VpcId"] for page in pages for each in page["Vpcs"]] == [vpc]


def test_security_groups(server):
    ec2 = server.client("ec2")
    vpc, _ = make_network(ec2)
    group = ec2.create_security_group(GroupName="app", Description="The app", VpcId=vpc)["GroupId"]
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "HTTP"}],
    }
    (rule,) = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"]
    assert (rule["IsEgress"], rule["CidrIpv4"]) == (False, "0.0.0.0/0")
    duplicate = refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission])
    assert duplicate == "InvalidPermission.Duplicate"
    (described,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert described["IpPermissions"] == [{**permission, "UserIdGroupPairs": [], "Ipv6Ranges": [], "PrefixListIds": []}]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert sorted(each["IsEgress"] for each in rules) == [False, True]
    ec2.delete_security_group(GroupId=group)


def test_load_balancers(server):
    ec2, elbv2 = server.client("ec2"), server.client("elbv2")
    vpc, subnets = make_network(ec2)
    made = elbv2.create_load_balancer(Name="dev-alb", Subnets=subnets)["LoadBalancers"][0]
    assert made["DNSName"].startswith("dev-alb-") and made["DNSName"].endswith(".ap-northeast-1.elb.amazonaws.com")
    balancer = made["LoadBalancerArn"]
    elbv2.get_waiter("load_balancer_available").wait(Names=["dev-alb"])
    group = elbv2.create_target_group(Name="api", Protocol="HTTP", Port=8000, VpcId=vpc, TargetType="ip")[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    )
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer,
        Port=80,
        Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )["Listeners"][0]["ListenerArn"]
    (described,) = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    assert described["ListenerArn"] == listener
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}])
    (health,) = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert health["Target"] == {"Id": "10.0.0.9", "Port": 8000}
    assert health["TargetHealth"]["State"] == "unavailable"
    elbv2.add_tags(ResourceArns=[balancer], Tags=[{"Key": "a", "Value": "1"}])
    assert elbv2.describe_tags(ResourceArns=[balancer])["TagDescriptions"][0]["Tags"] == [{"Key": "a", "Value": "1"}]
    assert refusal(elbv2.describe_load_balancers, Names=["x"]) == "LoadBalancerNotFound"
    assert refusal(elbv2.delete_target_group, TargetGroupArn=group) == "ResourceInUse"
    assert refusal(elbv2.create_load_balancer, Name="b", Subnets=subnets[:1]) == "ValidationError"
    elbv2.delete_load_balancer(LoadBalancerArn=balancer)
    elbv2.delete_target_group(TargetGroupArn=group)
    assert elbv2.describe_load_balancers()["LoadBalancers"] == []


def test_scaling(server):
    scaling = server.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/prod/api",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    assert refusal(scaling.register_scalable_target, **target, MinCapacity=2, MaxCapacity=6) == "ValidationException"
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="prod")
    container = {"name": "api", "image": "unused", "memory": 64}
    ecs.register_task_definition(family="api", containerDefinitions=[container])
    ecs.create_service(cluster="prod", serviceName="api", taskDefinition="api", desiredCount=0)
    scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=6)
    configuration = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    }
    scaling.put_scaling_policy(
        **target,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == configuration
    scaling.deregister_scalable_target(**target)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    assert refusal(scaling.deregister_scalable_target, **target) == "ObjectNotFoundException"


def test_keys(server):
    kms = server.client("kms")
    key = kms.create_key(Description="assets", Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyMetadata"]
    assert (key["KeyState"], key["KeySpec"]) == ("Enabled", "SYMMETRIC_DEFAULT")
    kms.create_alias(AliasName="alias/assets", TargetKeyId=key["KeyId"])
    assert kms.describe_key(KeyId="alias/assets")["KeyMetadata"] == key
    assert [each["AliasName"] for each in kms.list_aliases()["Aliases"]] == ["alias/assets"]
    assert refusal(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == "UnknownOperationException"
    kms.delete_alias(AliasName="alias/assets")
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refusal(kms.describe_key, KeyId="alias/assets") == "NotFoundException"
