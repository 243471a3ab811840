"""The real CDK CLI against a server: bootstrap, deploy, deploy again, diff, failures, destroy; dev and prod.

One server for all of it, in the order of the file.
"""

from __future__ import annotations

import os
import re

import pytest
import stack as stacks

STACKS = ("Network", "Database", "Ecr", "Compute", "Monitoring", "Orchestration")
STAGES = ("dev", "prod")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    if why := stacks.missing():
        pytest.skip(f"THE CDK CLI IS NOT TESTED: {why}")
    stacks.prepare()
    with stacks.network_namespace(f"kiban-cdk-{os.getpid()}"):
        made = stacks.Stack(tmp_path_factory.mktemp("cdk"))
        try:
            yield made
        finally:
            made.server.stop()


def statuses(stack, stage: str) -> dict[str, str]:
    described = stack.client("cloudformation").describe_stacks()["Stacks"]
    return {each["StackName"]: each["StackStatus"] for each in described if each["StackName"].startswith(stage)}


def all_of(stage: str, status: str) -> dict[str, str]:
    return {f"{stage}-{name}Stack": status for name in STACKS}


def failing_cdk(stack, *arguments: str, stage: str = "dev") -> str:
    with pytest.raises(AssertionError) as failure:
        stack.cdk(*arguments, stage=stage)
    return str(failure.value)


def unprotect(stack, stage: str) -> None:
    stack.client("rds").modify_db_cluster(DBClusterIdentifier=f"{stage}-aurora", DeletionProtection=False)
    balancers = stack.client("elbv2")
    arn = balancers.describe_load_balancers(Names=[f"{stage}-alb"])["LoadBalancers"][0]["LoadBalancerArn"]
    off = {"Key": "deletion_protection.enabled", "Value": "false"}
    balancers.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[off])


def test_bootstraps_and_then_finds_no_changes(stack):
    assert "bootstrapped." in stack.cdk("bootstrap")
    assert "bootstrapped (no changes)." in stack.cdk("bootstrap")


def test_a_stack_that_failed_is_made_anew(stack):
    ecr = stack.client("ecr")
    ecr.create_repository(repositoryName="dev-app")
    said = failing_cdk(stack, "deploy", "dev-EcrStack", "--require-approval", "never")
    assert "already exists" in said
    assert statuses(stack, "dev") == {"dev-EcrStack": "ROLLBACK_COMPLETE"}
    ecr.delete_repository(repositoryName="dev-app")
    stack.cdk("deploy", "dev-EcrStack", "--require-approval", "never")
    assert statuses(stack, "dev") == {"dev-EcrStack": "CREATE_COMPLETE"}


def test_a_stack_without_image_fails_and_says_why(stack):
    # No task of the service starts: its circuit breaker ends the deployment, and it is rolled back.
    said = failing_cdk(stack, "deploy", "dev-ComputeStack", "--require-approval", "never")
    assert "ECS Deployment Circuit Breaker was triggered" in said
    assert statuses(stack, "dev")["dev-ComputeStack"] == "ROLLBACK_COMPLETE"


@pytest.mark.parametrize("stage", STAGES)
def test_deploys_and_then_finds_no_changes(stack, stage):
    stack.deploy(stage)
    assert statuses(stack, stage) == all_of(stage, "CREATE_COMPLETE")
    again = stack.cdk("deploy", "--all", "--require-approval", "never", stage=stage)
    assert again.count("(no changes)") == len(STACKS)
    assert "with differences: 0" in stack.cdk("diff", "--all", stage=stage)
    assert "with differences: 0" in stack.cdk("diff", "--all", "--method=template", stage=stage)


def test_tags_of_a_stack_reach_what_is_there(stack):
    said = stack.cdk("deploy", "dev-EcrStack", "--tags", "Owner=us", "--require-approval", "never")
    assert "(no changes)" not in said
    assert statuses(stack, "dev")["dev-EcrStack"] == "UPDATE_COMPLETE"
    ecr = stack.client("ecr")
    arn = ecr.describe_repositories(repositoryNames=["dev-app"])["repositories"][0]["repositoryArn"]
    tags = {tag["Key"]: tag["Value"] for tag in ecr.list_tags_for_resource(resourceArn=arn)["tags"]}
    assert tags.pop("aws:cloudformation:stack-name") == "dev-EcrStack"
    own = {key: value for key, value in tags.items() if not key.startswith("aws:cloudformation:")}
    assert own == {"Stage": "dev", "Owner": "us"}


def test_what_others_import_is_not_deleted(stack):
    stack.client("cloudformation").delete_stack(StackName="dev-NetworkStack")
    network = stack.client("cloudformation").describe_stacks(StackName="dev-NetworkStack")["Stacks"][0]
    assert network["StackStatus"] == "CREATE_COMPLETE"
    assert re.match(
        r"Delete canceled\. Cannot delete export dev-NetworkStack:\S+ as it is in use by dev-\w+Stack",
        network["StackStatusReason"],
    )


def test_what_is_protected_is_not_destroyed(stack):
    said = failing_cdk(stack, "destroy", "--all", "--force", stage="prod")
    assert "deletion protection is enabled" in said
    assert statuses(stack, "prod")["prod-ComputeStack"] == "DELETE_FAILED"
    unprotect(stack, "prod")


@pytest.mark.parametrize("stage", STAGES)
def test_destroys_all(stack, stage):
    stack.cdk("destroy", "--all", "--force", stage=stage)
    assert statuses(stack, stage) == {}
    assert not [
        each
        for each in stack.client("rds").describe_db_clusters()["DBClusters"]
        if stage in each["DBClusterIdentifier"]
    ]
    assert not [
        each for each in stack.client("ecs").list_clusters()["clusterArns"] if each.endswith(f"/{stage}-cluster")
    ]
    assert not [
        each
        for each in stack.client("ec2").describe_vpcs()["Vpcs"]
        if {"Key": "Stage", "Value": stage} in each.get("Tags", [])
    ]
    left = stack.client("rds").describe_db_cluster_snapshots()["DBClusterSnapshots"]
    assert len([each for each in left if stage in each["DBClusterIdentifier"]]) == (1 if stage == "prod" else 0)
