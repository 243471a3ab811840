"""EventBridge Scheduler as boto3 and the command line see it: the API, time zones under a frozen clock, crashes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, kiban
from waiting import until

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/schedules"
OFF = {"Mode": "OFF"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
SUCCEEDS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def target(**more) -> dict:
    return {"Arn": queue_arn("q"), "RoleArn": ROLE, "Input": "<aws.scheduler.scheduled-time>", **more}


def drain(server, name: str = "q") -> list[dict]:
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += got
    return found


def bodies(server, name: str = "q") -> list[str]:
    return sorted(message["Body"] for message in drain(server, name))


def clock(*arguments: str, data) -> None:
    done = kiban("clock", *arguments, "--data", data)
    assert done.returncode == 0, done.stderr


def test_schedules_and_groups_are_made_changed_listed_and_deleted(server):
    scheduler = server.client("scheduler")
    group = scheduler.create_schedule_group(Name="batches", Tags=[{"Key": "team", "Value": "a"}])["ScheduleGroupArn"]
    assert group == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/batches"
    start = datetime.now().astimezone() + timedelta(days=1)
    made = scheduler.create_schedule(
        Name="nightly",
        GroupName="batches",
        ScheduleExpression="cron(0 2 * * ? *)",
        ScheduleExpressionTimezone="Asia/Tokyo",
        StartDate=start,
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        Target=target(),
    )["ScheduleArn"]
    assert made == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/batches/nightly"
    shown = scheduler.get_schedule(Name="nightly", GroupName="batches")
    assert shown["State"] == "ENABLED" and shown["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert abs(shown["StartDate"] - start) < timedelta(seconds=1)
    assert shown["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    again = {"Name": "nightly", "GroupName": "batches", "ScheduleExpression": "rate(1 days)"}
    scheduler.update_schedule(**again, State="DISABLED", FlexibleTimeWindow=OFF, Target=target())
    shown = scheduler.get_schedule(Name="nightly", GroupName="batches")
    assert shown["State"] == "DISABLED" and "StartDate" not in shown
    with pytest.raises(scheduler.exceptions.ConflictException, match="Schedule nightly already exists"):
        scheduler.create_schedule(**again, FlexibleTimeWindow=OFF, Target=target())
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException, match="Schedule nightly does not exist"):
        scheduler.get_schedule(Name="nightly")
    for name in "abc":
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 day)", State="DISABLED", FlexibleTimeWindow=OFF, Target=target()
        )
    pages = scheduler.get_paginator("list_schedules").paginate(State="DISABLED", PaginationConfig={"PageSize": 2})
    listed = [(each["GroupName"], each["Name"]) for page in pages for each in page["Schedules"]]
    assert listed == [("batches", "nightly"), ("default", "a"), ("default", "b"), ("default", "c")]
    assert [each["Name"] for each in scheduler.list_schedules(NamePrefix="b")["Schedules"]] == ["b"]
    scheduler.tag_resource(ResourceArn=group, Tags=[{"Key": "stage", "Value": "dev"}])
    scheduler.untag_resource(ResourceArn=group, TagKeys=["team"])
    assert scheduler.list_tags_for_resource(ResourceArn=group)["Tags"] == [{"Key": "stage", "Value": "dev"}]
    assert [each["Name"] for each in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["batches", "default"]
    scheduler.delete_schedule_group(Name="batches")
    assert scheduler.get_schedule_group(Name="batches")["State"] == "DELETING"

    def gone() -> bool:
        return [each["Name"] for each in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default"]

    until(gone, "the group is still there")
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.list_schedules(GroupName="batches")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ScheduleExpression": "daily"}, "Invalid Schedule Expression daily"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Invalid Schedule Expression Timezone"),
        ({"StartDate": datetime(2020, 1, 1)}, "The StartDate you specify cannot be earlier than 5 minutes ago."),
        ({"Target": target(Arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s")}, "kiban does not serve the target"),
        ({"Target": target(Arn="arn:aws:scheduler:::aws-sdk:sqs:listQueues")}, "does not support read-only API"),
        (
            {"Target": target(Arn="arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input="{}")},
            r"missing the following field\(s\): QueueUrl, MessageBody",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_when_it_is_made(server, changes, said):
    wanted = {"Name": "s", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": OFF, "Target": target()}
    with pytest.raises(ClientError, match=f"ValidationException.*{said}"):
        server.client("scheduler").create_schedule(**{**wanted, **changes})


def test_the_role_must_let_scheduler_assume_it(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    server.client("sqs").create_queue(QueueName="q")
    scheduler, iam = server.client("scheduler"), server.client("iam")
    wanted = {"Name": "s", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": OFF, "Target": target()}
    refused = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    with pytest.raises(scheduler.exceptions.ValidationException, match=refused):
        scheduler.create_schedule(**wanted)
    trust = {"Version": "2012-10-17", "Statement": [{**TRUST, "Principal": {"Service": "events.amazonaws.com"}}]}
    iam.create_role(RoleName="schedules", AssumeRolePolicyDocument=json.dumps(trust))
    with pytest.raises(scheduler.exceptions.ValidationException, match=refused):
        scheduler.create_schedule(**wanted)
    trust["Statement"] = [TRUST]
    iam.update_assume_role_policy(RoleName="schedules", PolicyDocument=json.dumps(trust))
    iam.put_role_policy(
        RoleName="schedules",
        PolicyName="send",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue_arn("q")}],
            }
        ),
    )
    scheduler.create_schedule(**wanted)
    until(lambda: drain(server), "a rate fires at once")


def test_a_frozen_clock_fires_by_the_zone_of_the_schedule(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    clock("set", "2030-03-09T12:00:00Z", data=tmp_path)
    server.client("sqs").create_queue(QueueName="q")
    scheduler = server.client("scheduler")
    daily = {"FlexibleTimeWindow": OFF, "ScheduleExpressionTimezone": "America/New_York"}
    scheduler.create_schedule(Name="skipped", ScheduleExpression="cron(30 2 * * ? *)", Target=target(), **daily)
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression="at(2030-03-10T09:00:00)",
        ActionAfterCompletion="DELETE",
        Target=target(),
        **daily,
    )
    coming = kiban("schedule", "next", "--zone", "America/New_York", "--count", "2", "--data", tmp_path)
    assert coming.returncode == 0, coming.stderr
    assert [line.split()[1:3] for line in coming.stdout.splitlines()] == [
        ["America/New_York", "NAME"],
        ["2030-03-10T09:00:00-04:00", "default/once"],
        ["2030-03-11T02:30:00-04:00", "default/skipped"],
    ]
    one = kiban("schedule", "next", "--rule", "default/skipped", "--count", "2", "--json", "--data", tmp_path)
    assert [(each["schedule"], each["utc"]) for each in json.loads(one.stdout)] == [
        ("default/skipped", "2030-03-11T06:30:00Z"),
        ("default/skipped", "2030-03-12T06:30:00Z"),
    ]
    none = kiban("schedule", "next", "--rule", "default/none", "--data", tmp_path)
    assert none.returncode == 1 and "Schedule none does not exist" in none.stderr
    clock("advance", "48h", data=tmp_path)
    # New York's clock skips 02:30 on 10 March: docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    assert bodies(server) == ["2030-03-10T13:00:00Z", "2030-03-11T06:30:00Z"]
    assert [each["Name"] for each in scheduler.list_schedules()["Schedules"]] == ["skipped"]
    # Autumn: 01:30 comes twice on 3 November 2030 and fires once.
    scheduler.update_schedule(Name="skipped", ScheduleExpression="cron(30 1 * * ? *)", Target=target(), **daily)
    clock("set", "2030-11-03T00:00:00Z", data=tmp_path)
    drain(server)
    clock("advance", "36h", data=tmp_path)
    assert bodies(server) == ["2030-11-03T05:30:00Z", "2030-11-04T06:30:00Z"]


def test_each_firing_starts_once_over_kills(serve, tmp_path):
    arguments = ("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    server = serve(*arguments)
    clock("set", "2030-01-01T00:00:00Z", data=tmp_path)
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=SUCCEEDS, roleArn=ROLE)["stateMachineArn"]
    server.client("scheduler").create_schedule(
        Name="s",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow=OFF,
        Target=target(Arn=machine, Input='{"at":"<aws.scheduler.scheduled-time>"}'),
    )
    for _ in range(4):
        clock("advance", "3m", data=tmp_path)
        server.kill()
        server = serve(*arguments)
    states = server.client("stepfunctions")
    started = states.list_executions(stateMachineArn=machine, maxResults=100)["executions"]
    times = sorted(
        json.loads(states.describe_execution(executionArn=each["executionArn"])["input"])["at"] for each in started
    )
    assert times == [f"2030-01-01T00:{minute:02}:00Z" for minute in range(13)]


def test_what_fails_is_tried_again_and_becomes_a_dead_letter(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    clock("set", "2030-01-01T00:00:00Z", data=tmp_path)
    server.client("sqs").create_queue(QueueName="dead")
    server.client("scheduler").create_schedule(
        Name="s",
        ScheduleExpression="at(2030-01-01T00:10:00)",
        FlexibleTimeWindow=OFF,
        Target=target(
            Arn=queue_arn("none"),
            RetryPolicy={"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
            DeadLetterConfig={"Arn": queue_arn("dead")},
        ),
    )
    clock("advance", "1h", data=tmp_path)
    (letter,) = drain(server, "dead")
    assert letter["Body"] == "2030-01-01T00:10:00Z"
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes.pop("ERROR_MESSAGE") and attributes.pop("EXECUTION_ID")
    assert attributes == {
        "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "3",
        "SCHEDULED_TIME": "2030-01-01T00:10:00Z",
        "SCHEDULE_ARN": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/s",
        "TARGET_ARN": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
    }
    statistics = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Scheduler",
        MetricName="InvocationAttemptCount",
        Dimensions=[{"Name": "ScheduleGroup", "Value": "default"}],
        StartTime=datetime(2030, 1, 1),
        EndTime=datetime(2030, 1, 2),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    assert [each["Sum"] for each in statistics] == [4.0]


def test_a_universal_target_calls_any_served_operation(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    clock("set", "2030-01-01T00:00:00Z", data=tmp_path)
    server.client("ecs").create_cluster(clusterName="c")
    wanted = {"Cluster": "c", "ServiceName": "web", "TaskDefinition": "t", "DesiredCount": 0}
    for name, action, given in (
        ("queue", "sqs:createQueue", {"QueueName": "made", "Attributes": {"VisibilityTimeout": "7"}}),
        ("object", "s3:putObject", {"Bucket": "objects", "Key": "k", "Body": "<aws.scheduler.attempt-number>"}),
        ("service", "ecs:createService", wanted),
    ):
        server.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression="at(2030-01-01T00:10:00)",
            FlexibleTimeWindow=OFF,
            Target={
                "Arn": f"arn:aws:scheduler:::aws-sdk:{action}",
                "RoleArn": ROLE,
                "Input": json.dumps(given),
                "RetryPolicy": {"MaximumRetryAttempts": 0},
            },
        )
    server.client("s3").create_bucket(Bucket="objects", CreateBucketConfiguration={"LocationConstraint": REGION})
    server.client("ecs").register_task_definition(
        family="t", containerDefinitions=[{"name": "a", "image": "i", "memory": 64}]
    )
    clock("advance", "11m", data=tmp_path)
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName="made")["QueueUrl"]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert shown == {"VisibilityTimeout": "7"}
    assert server.client("s3").get_object(Bucket="objects", Key="k")["Body"].read() == b"1"
    assert server.client("ecs").describe_services(cluster="c", services=["web"])["services"][0]["desiredCount"] == 0
