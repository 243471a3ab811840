"""EventBridge: rules that fire by the clock, events that find their queue, the schedule command."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from conftest import kiban
from waiting import until

ROLE = "arn:aws:iam::000000000000:role/rule"
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})


def queue(server, name: str) -> tuple[str, str]:
    url = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:ap-northeast-1:000000000000:{name}"


def test_a_rate_starts_an_execution_exactly_once_also_across_a_kill(serve, tmp_path):
    options = ("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    server = serve(*options)
    machine = server.client("stepfunctions").create_state_machine(name="batch", definition=PASS, roleArn=ROLE)[
        "stateMachineArn"
    ]
    events = server.client("events")
    rule = events.put_rule(Name="daily", ScheduleExpression="rate(1 day)")["RuleArn"]
    assert rule == "arn:aws:events:ap-northeast-1:000000000000:rule/daily"
    target = {"Id": "t", "Arn": machine, "RoleArn": ROLE, "Input": json.dumps({"stage": "dev"})}
    assert events.put_targets(Rule="daily", Targets=[target])["FailedEntryCount"] == 0

    assert kiban("clock", "advance", "23h", "--data", tmp_path).returncode == 0
    states = server.client("stepfunctions")
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
    server.kill()
    server = serve(*options)
    states = server.client("stepfunctions")
    # The clock stands where it stood: an hour is left, and the next one is a day later.
    assert kiban("clock", "advance", "24h", "--data", tmp_path).returncode == 0
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert described["status"] == "SUCCEEDED"
    assert json.loads(described["input"]) == {"stage": "dev"}


def test_a_cron_gives_the_scheduled_event_in_order(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    url, arn = queue(server, "q")
    events = server.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="cron(0 17 * * ? *)")
    events.put_targets(Rule="nightly", Targets=[{"Id": "t", "Arn": arn}])
    assert kiban("clock", "advance", "72h", "--data", tmp_path).returncode == 0
    messages = server.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = [json.loads(m["Body"]) for m in messages]
    assert len(bodies) == 3
    assert all(b["time"].endswith("T17:00:00Z") for b in bodies)
    assert {b["detail-type"] for b in bodies} == {"Scheduled Event"}
    assert len({b["time"] for b in bodies}) == len({b["id"] for b in bodies}) == 3


def test_roles_are_enforced_and_the_refused_go_to_the_dead_letters(serve, tmp_path):
    server = serve("--data", tmp_path, "--clock", "virtual").use_key_of(tmp_path)
    iam = server.client("iam")

    def role(name: str, service: str) -> str:
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
        return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}))[
            "Role"
        ]["Arn"]

    states, events = server.client("stepfunctions"), server.client("events")
    machine = states.create_state_machine(name="m", definition=PASS, roleArn=role("machine", "states.amazonaws.com"))[
        "stateMachineArn"
    ]
    url, dead = queue(server, "dead")
    send = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    letters = {"Version": "2012-10-17", "Statement": [{**send, "Resource": dead}]}
    server.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(letters)})
    events.put_rule(Name="r", ScheduleExpression="rate(1 hour)")
    target = {"Arn": machine, "DeadLetterConfig": {"Arn": dead}}
    good = {**target, "Id": "good", "RoleArn": role("rule", "events.amazonaws.com")}
    start = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}
    iam.put_role_policy(
        RoleName="rule",
        PolicyName="start",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [start]}),
    )
    bad = {**target, "Id": "bad", "RoleArn": role("other", "ecs.amazonaws.com")}
    events.put_targets(Rule="r", Targets=[good, bad])
    assert kiban("clock", "advance", "1h", "--data", tmp_path).returncode == 0
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    (letter,) = server.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    assert execution["name"].startswith(json.loads(letter["Body"])["id"])
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "RULE_ARN": "arn:aws:events:ap-northeast-1:000000000000:rule/r",
        "TARGET_ARN": machine,
        "ERROR_CODE": "FAILED_TO_ASSUME_ROLE",
    }
    asked = [json.loads(line) for line in server.get("/_kiban/decisions")[1].splitlines()]
    callers = [a["session"] for a in asked if a["action"] == "states:StartExecution"]
    assert callers == ["arn:aws:sts::000000000000:assumed-role/rule/AWSEvents_r"]


def test_a_rule_runs_a_task_with_overrides(serve, tmp_path):
    server = serve(
        "--data", tmp_path, "--auth", "any", "--clock", "virtual", "--tasks", "process", "--source", tmp_path
    )
    ecs, events, logs = server.client("ecs"), server.client("events"), server.client("logs")
    logs.create_log_group(logGroupName="/job")
    log = {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/job", "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "p"},
    }
    container = {"name": "main", "image": "any", "command": ["echo", "default"], "logConfiguration": log}
    definition = ecs.register_task_definition(
        family="job",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=ROLE,
        containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]
    cluster = ecs.create_cluster(clusterName="c")["cluster"]["clusterArn"]
    ec2 = server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    network = {"awsvpcConfiguration": {"Subnets": [subnet], "AssignPublicIp": "DISABLED"}}
    parameters = {
        "TaskDefinitionArn": definition,
        "TaskCount": 1,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": network,
    }
    overrides = {"containerOverrides": [{"name": "main", "command": ["echo", "from the rule"]}]}
    events.put_rule(Name="r", ScheduleExpression="rate(1 hour)")
    target = {"Id": "t", "Arn": cluster, "RoleArn": ROLE, "Input": json.dumps(overrides), "EcsParameters": parameters}
    assert events.put_targets(Rule="r", Targets=[target])["FailedEntryCount"] == 0
    assert kiban("clock", "advance", "1h", "--data", tmp_path).returncode == 0
    lines = until(
        lambda: logs.filter_log_events(logGroupName="/job")["events"], lambda: ecs.list_tasks(cluster=cluster)
    )
    assert [line["message"] for line in lines] == ["from the rule"]


def test_put_events_reaches_a_queue_and_reports_what_failed(serve):
    server = serve("--auth", "any", "--ephemeral")
    url, arn = queue(server, "q")
    events = server.client("events")
    events.create_event_bus(Name="shop")
    pattern = json.dumps({"source": ["orders"], "detail": {"total": [{"numeric": [">", 100]}]}})
    events.put_rule(Name="big", EventBusName="shop", EventPattern=pattern)
    events.put_targets(Rule="big", EventBusName="shop", Targets=[{"Id": "t", "Arn": arn, "InputPath": "$.detail"}])
    entry = {"Source": "orders", "DetailType": "made", "EventBusName": "shop"}
    reply = events.put_events(Entries=[{**entry, "Detail": d} for d in ('{"total":1}', '{"total":101}', "[]")])
    assert reply["FailedEntryCount"] == 1
    assert reply["Entries"][2]["ErrorCode"] == "MalformedDetail"
    (message,) = server.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {"total": 101}


def test_a_state_machine_puts_events(serve):
    server = serve("--auth", "any", "--ephemeral")
    url, arn = queue(server, "q")
    events = server.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["machine"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn, "InputPath": "$.detail"}])
    entry = {"Source": "machine", "DetailType": "t", "Detail": {"n.$": "$.n"}}
    put = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [entry]},
        "End": True,
    }
    states = server.client("stepfunctions")
    machine = states.create_state_machine(
        name="m", definition=json.dumps({"StartAt": "P", "States": {"P": put}}), roleArn=ROLE
    )
    states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"n": 7}')
    (message,) = server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"]) == {"n": 7}


def test_refusals_bear_aws_names(serve):
    events = serve("--auth", "any", "--ephemeral").client("events")
    events.put_rule(Name="r", ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": "arn:aws:sqs:ap-northeast-1:000000000000:q"}])
    with pytest.raises(ClientError, match="Rule can't be deleted since it has targets"):
        events.delete_rule(Name="r")
    with pytest.raises(
        events.exceptions.ResourceNotFoundException, match="Rule none does not exist on EventBus default"
    ):
        events.describe_rule(Name="none")
    with pytest.raises(events.exceptions.InvalidEventPatternException, match="Event pattern is not valid"):
        events.put_rule(Name="p", EventPattern='{"source": "x"}')
    with pytest.raises(ClientError, match="UnknownOperation"):
        events.list_endpoints()


def test_schedule_next_shows_both_clocks(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    assert kiban("clock", "set", "2030-01-01T00:00:30Z", "--data", tmp_path).returncode == 0
    events = server.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="cron(0 17 * * ? *)")
    events.put_rule(Name="hourly", ScheduleExpression="rate(8 hours)")
    events.put_rule(Name="off", ScheduleExpression="rate(1 minute)", State="DISABLED")
    listed = kiban("schedule", "next", "--zone", "Asia/Tokyo", "--count", "3", "--data", tmp_path)
    assert listed.returncode == 0, listed.stderr
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert rows[0] == ["UTC", "Asia/Tokyo", "NAME", "SCHEDULE"]
    assert [row[:3] for row in rows[1:]] == [
        ["2030-01-01T08:00:30Z", "2030-01-01T17:00:30+09:00", "hourly"],
        ["2030-01-01T16:00:30Z", "2030-01-02T01:00:30+09:00", "hourly"],
        ["2030-01-01T17:00:00Z", "2030-01-02T02:00:00+09:00", "nightly"],
    ]
    one = kiban("schedule", "next", "--rule", "nightly", "--count", "2", "--json", "--data", tmp_path)
    assert [f["utc"] for f in json.loads(one.stdout)] == ["2030-01-01T17:00:00Z", "2030-01-02T17:00:00Z"]
    gone = kiban("schedule", "next", "--rule", "none", "--data", tmp_path)
    assert gone.returncode == 1 and "Rule none does not exist" in gone.stderr
    off = kiban("schedule", "next", "--rule", "off", "--data", tmp_path)
    assert off.returncode == 1 and "disabled" in off.stderr
    assert kiban("schedule", "next", "--zone", "Mars/Olympus", "--data", tmp_path).returncode == 2


def test_schedule_explain_needs_no_server():
    told = kiban(
        "schedule",
        "explain",
        "cron(0 17 * * ? *)",
        "--zone",
        "Asia/Tokyo",
        "--count",
        "2",
        "--from",
        "2026-11-24T18:00:00Z",
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "cron(0 17 * * ? *): at 17:00, every day (UTC)",
        "UTC                   Asia/Tokyo",
        "2026-11-25T17:00:00Z  2026-11-26T02:00:00+09:00",
        "2026-11-26T17:00:00Z  2026-11-27T02:00:00+09:00",
    ]
    as_json = json.loads(
        kiban("schedule", "explain", "rate(1 hour)", "--count", "1", "--from", "2026-11-24T18:00:00Z", "--json").stdout
    )
    assert as_json["meaning"] == "every hour" and as_json["firings"][0]["utc"] == "2026-11-24T19:00:00Z"
    wrong = kiban("schedule", "explain", "rate(1 hours)")
    assert wrong.returncode == 1 and "Parameter ScheduleExpression is not valid." in wrong.stderr
    assert kiban("schedule", "explain", "rate(1 hour)", "--from", "yesterday").returncode == 2
    assert kiban("schedule", "explain").returncode == 2


def test_an_archive_is_replayed_to_the_rules_of_its_bus(server):
    events, sqs = server.client("events"), server.client("sqs")
    bus = "arn:aws:events:ap-northeast-1:000000000000:event-bus/default"
    archive = events.create_archive(
        ArchiveName="kept", EventSourceArn=bus, EventPattern=json.dumps({"source": ["archived"]})
    )["ArchiveArn"]
    events.put_events(Entries=[{"Source": "archived", "DetailType": "Order", "Detail": json.dumps({"n": 1})}])
    url, arn = queue(server, "replayed")
    events.put_rule(Name="replayed", EventPattern=json.dumps({"source": ["archived"]}))
    events.put_targets(Rule="replayed", Targets=[{"Id": "q", "Arn": arn}])
    made = events.describe_archive(ArchiveName="kept")
    assert (made["EventCount"], made["State"]) == (1, "ENABLED")
    hour = timedelta(hours=1)
    events.start_replay(
        ReplayName="again",
        EventSourceArn=archive,
        EventStartTime=made["CreationTime"] - hour,
        EventEndTime=made["CreationTime"] + hour,
        Destination={"Arn": bus},
    )
    until(lambda: events.describe_replay(ReplayName="again")["State"] == "COMPLETED", "the replay does not end")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["replay-name"] == "again"
