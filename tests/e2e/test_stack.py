"""What our user asked for, whole: deployed by the CDK CLI, containers, PostgreSQL, failures, schedule, crash.

One server for all of it, in the order of the file; each test leaves the stacks as it found them.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone

import pytest
import stack as stacks
from conftest import kiban
from test_delivery import Subscriber
from waiting import until

TOKYO = timezone(timedelta(hours=9))
STACKS = ("Network", "Database", "Ecr", "Compute", "Monitoring", "Orchestration")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    if why := stacks.missing():
        pytest.skip(why)
    stacks.prepare()
    with stacks.network_namespace(f"kiban-stack-{os.getpid()}"):
        made = stacks.Stack(tmp_path_factory.mktemp("stack"))
        try:
            made.cdk("bootstrap")
            made.deploy("dev")
            yield made
        finally:
            made.server.stop()


def test_the_cdk_deploys_all_and_then_finds_no_changes(stack):
    described = stack.client("cloudformation").describe_stacks()["Stacks"]
    assert {each["StackName"]: each["StackStatus"] for each in described} == {
        "CDKToolkit": "CREATE_COMPLETE",
        **{f"dev-{name}Stack": "CREATE_COMPLETE" for name in STACKS},
    }
    again = stack.cdk("deploy", "--all", "--require-approval", "never")
    assert again.count("(no changes)") == len(STACKS)


def test_the_batch_reads_and_writes(stack):
    execution = stack.start("dev-sample-batch", scheduledTime="2026-01-04T17:00:00Z", jobName="by-hand")
    assert stack.ended(execution)["status"] == "SUCCEEDED"
    rows = stack.rows("SELECT business_date, count(*) FROM daily_sales GROUP BY 1")
    assert rows[0][0] == "2026-01-05"  # Midnight had passed in Tokyo.
    assert stack.rows("SELECT job_name, run_count FROM batch_runs") == [["by-hand", "1"]]
    lines = stack.messages("/dev/ecs/api", filterPattern='"by-hand"')
    assert any(json.loads(line).get("business_date") == "2026-01-05" for line in lines if line.startswith("{"))
    logged = [json.loads(line)["type"] for line in stack.messages("/aws/vendedlogs/states/dev-sample-batch")]
    assert logged == [event["type"] for event in stack.history(execution)]


def test_a_failing_batch_is_told_once(stack):
    sns, sqs, cloudwatch = stack.client("sns"), stack.client("sqs"), stack.client("cloudwatch")
    topic = next(each["TopicArn"] for each in sns.list_topics()["Topics"] if each["TopicArn"].endswith(":dev-alerts"))
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    accepted = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [accepted]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    subscriber = Subscriber()
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    confirmation = subscriber.next()[1]
    sns.confirm_subscription(TopicArn=topic, Token=confirmation["Token"])

    execution = stack.start("dev-sample-batch", arguments=["--fail", "before-commit"])
    failed = stack.ended(execution)
    assert (failed["status"], failed["error"]) == ("FAILED", "BatchFailed")
    assert json.loads(failed["cause"])["Containers"][0]["ExitCode"] not in (0, None)

    def alarms() -> dict[str, str]:
        return {each["AlarmName"]: each["StateValue"] for each in cloudwatch.describe_alarms()["MetricAlarms"]}

    until(lambda: any("sample-batch" in name and state == "ALARM" for name, state in alarms().items()), alarms, 150)
    # The alarm tells the same topic; the workflow's own notification came once to each.
    ours = []
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            ours.append(json.loads(json.loads(message["Body"])["Message"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    told = [each for each in ours if each.get("executionArn") == execution]
    assert [(each["error"], each["workflow"]) for each in told] == [("BatchFailed", "dev-sample-batch")]
    posted = [json.loads(body["Message"]) for _, body in list(subscriber.received.queue)]
    assert len([each for each in posted if each.get("executionArn") == execution]) == 1


def launches(stack, execution: str) -> list[str]:
    """The ends of the launches so far."""
    ends = ("TaskSubmitFailed", "TaskFailed", "TaskSucceeded")
    of_ecs = lambda event: any(d.get("resourceType") == "ecs" for d in event.values() if isinstance(d, dict))  # noqa: E731
    return [event["type"] for event in stack.history(execution) if event["type"] in ends and of_ecs(event)]


def relaunched(stack, broken, mended) -> None:
    """Two launches fail, then what was broken is mended. The pauses are random up to 2, 4 and 8 seconds, so a third
    launch may have begun by then; never is there a fourth relaunch."""
    broken()
    execution = stack.start("dev-sample-batch")
    until(lambda: len(launches(stack, execution)) >= 2, lambda: stack.history(execution)[-1], 60)
    mended()
    assert stack.ended(execution)["status"] == "SUCCEEDED"
    ends = launches(stack, execution)
    assert ends[-1] == "TaskSucceeded"
    assert len(ends) in (3, 4)
    events = stack.history(execution)
    retries = [event for event in events if event["type"] == "ParallelStateStarted"]
    failures = [event for event in events if event["type"] == "FailStateEntered"]
    waited = [(b["timestamp"] - a["timestamp"]).total_seconds() for a, b in zip(failures, retries[1:], strict=False)]
    for pause, longest in zip(waited, (2, 4, 8), strict=False):
        assert pause <= longest + 1


def test_a_missing_image_is_launched_again(stack):
    relaunched(
        stack,
        lambda: stack.client("ecr").batch_delete_image(repositoryName="dev-app", imageIds=[{"imageTag": "latest"}]),
        lambda: stack.push("dev-app"),
    )


def test_a_refused_launch_is_launched_again(stack):
    ecs = stack.client("ecs")
    revisions = ecs.list_task_definitions(familyPrefix="dev-api", sort="DESC")["taskDefinitionArns"]
    newest = ecs.describe_task_definition(taskDefinition=revisions[0])["taskDefinition"]
    keep = (
        "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "requiresCompatibilities",
        "cpu", "memory", "runtimePlatform",
    )  # fmt: skip
    again = {key: newest[key] for key in keep if key in newest}

    def deregister() -> None:
        for revision in revisions:
            ecs.deregister_task_definition(taskDefinition=revision)

    relaunched(stack, deregister, lambda: ecs.register_task_definition(**again))


def test_a_launch_that_never_works_is_given_up_after_three_more(stack):
    stack.client("ecr").batch_delete_image(repositoryName="dev-app", imageIds=[{"imageTag": "latest"}])
    try:
        failed = stack.ended(execution := stack.start("dev-sample-batch"))
        assert (failed["status"], failed["error"]) == ("FAILED", "LaunchFailed")
        assert json.loads(failed["cause"])["StopCode"] == "TaskFailedToStart"
        assert launches(stack, execution).count("TaskFailed") == 4
    finally:
        stack.push("dev-app")


def test_a_rule_of_the_next_minute_starts_the_batch(stack):
    events = stack.client("events")
    rule = events.describe_rule(Name="dev-sample-batch")
    assert rule["State"] == "DISABLED"
    at = datetime.now(UTC) + timedelta(seconds=65)
    expression = f"cron({at.minute} {at.hour} {at.day} {at.month} ? {at.year})"
    events.put_rule(Name="dev-sample-batch", ScheduleExpression=expression, State="ENABLED")
    states, machine = stack.client("stepfunctions"), stack.machine("dev-sample-batch")

    def executions() -> set[str]:
        return {each["executionArn"] for each in states.list_executions(stateMachineArn=machine)["executions"]}

    before = executions()
    new = until(lambda: executions() - before, "the rule did not fire", 130)
    events.put_rule(Name="dev-sample-batch", ScheduleExpression=rule["ScheduleExpression"], State="DISABLED")
    assert len(new) == 1
    found = stack.ended(new.pop())
    scheduled = at.replace(second=0, microsecond=0)
    given = json.loads(found["input"])
    assert (given["scheduledTime"], given["environment"]) == (scheduled.strftime("%Y-%m-%dT%H:%M:%SZ"), "dev")
    assert found["status"] == "SUCCEEDED"
    date = scheduled.astimezone(TOKYO).date().isoformat()
    written = stack.rows(f"SELECT job_name FROM batch_runs WHERE business_date = '{date}'")
    assert [given["jobName"]] in written


def test_a_batch_outlives_the_engine(stack):
    execution = stack.start("dev-sample-batch", arguments=["--sleep", "8"], jobName="outlives")
    ecs = stack.client("ecs")

    def running() -> list[dict]:
        known = ecs.list_tasks(cluster="dev-cluster", startedBy="AWS Step Functions", desiredStatus="RUNNING")
        arns = known["taskArns"]
        tasks = ecs.describe_tasks(cluster="dev-cluster", tasks=arns)["tasks"] if arns else []
        return [task for task in tasks if task["lastStatus"] == "RUNNING"]

    tasks = until(running, "the batch did not begin")
    stack.server.kill()
    stack.serve()
    assert stack.ended(execution)["status"] == "SUCCEEDED"
    after = ecs.describe_tasks(cluster="dev-cluster", tasks=[tasks[0]["taskArn"]])["tasks"][0]
    assert after["containers"][0]["runtimeId"] == tasks[0]["containers"][0]["runtimeId"]
    assert after["containers"][0]["exitCode"] == 0
    assert stack.rows("SELECT run_count FROM batch_runs WHERE job_name = 'outlives'") == [["1"]]
    submitted = [event for event in stack.history(execution) if event["type"] == "TaskSubmitted"]
    assert len(submitted) == 1


def test_prod_stands_beside_dev(stack):
    stack.deploy("prod")
    rule = stack.client("events").describe_rule(Name="prod-sample-batch")
    assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", "cron(0 17 * * ? *)")
    coming = kiban("schedule", "next", "--data", stack.data, "--zone", "Asia/Tokyo")
    assert coming.returncode == 0, coming.stderr
    line = next(line for line in coming.stdout.splitlines() if "prod-sample-batch" in line)
    assert "02:00" in line
    assert "dev-sample-batch" not in coming.stdout
    execution = stack.start("prod-sample-batch")
    assert stack.ended(execution)["status"] == "SUCCEEDED"
    assert stack.rows("SELECT count(*) > 0 FROM daily_sales", "prod") == [["t"]]


def test_destroy_leaves_nothing(stack):
    stack.cdk("destroy", "--all", "--force")
    left = stack.client("cloudformation").describe_stacks()["Stacks"]
    assert not [each["StackName"] for each in left if each["StackName"].startswith("dev-")]
    assert stack.client("stepfunctions").list_state_machines()["stateMachines"][0]["name"].startswith("prod-")
