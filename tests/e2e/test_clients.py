"""The same five questions by every client that people use: pip's AWS CLI, Debian's, the JS SDK.

boto3 asks everywhere else in this folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import BINARY, ROOT, environment
from waiting import finished

SCRIPTS = Path(__file__).parent / "javascript"
LOG = {"awslogs-group": "/dev/api", "awslogs-stream-prefix": "ecs", "awslogs-region": "ap-northeast-1"}
RUN = {
    "Type": "Task",
    "Resource": "arn:aws:states:::ecs:runTask.sync",
    "Parameters": {"Cluster": "dev", "TaskDefinition": "api"},
    "End": True,
}
PERIOD = {"Namespace": "AWS/States", "MetricName": "ExecutionsSucceeded", "Period": 60, "Statistics": ["Sum"]}


def trust(principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A server with signatures on, on which a batch ran: (server, data directory, execution)."""
    from conftest import Server

    data = tmp_path_factory.mktemp("data")
    server = Server("--data", data, "--tasks", "process", "--source", data).use_key_of(data)
    role = server.client("iam").create_role(RoleName="batch", AssumeRolePolicyDocument=trust("states.amazonaws.com"))
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    server.client("iam").put_role_policy(RoleName="batch", PolicyName="all", PolicyDocument=json.dumps(allow))
    for group in ("/dev/api", "/aws/vendedlogs/states/batch"):
        server.client("logs").create_log_group(logGroupName=group)
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="dev")
    container = {
        "name": "api",
        "image": "unused",
        "memory": 64,
        "command": ["sh", "-c", "echo hello"],
        "logConfiguration": {"logDriver": "awslogs", "options": LOG},
    }
    ecs.register_task_definition(family="api", containerDefinitions=[container])
    server.client("events").put_rule(Name="nightly", ScheduleExpression="cron(0 17 * * ? *)", State="DISABLED")
    group = f"arn:aws:logs:ap-northeast-1:{'0' * 12}:log-group:/aws/vendedlogs/states/batch:*"
    states = server.client("stepfunctions")
    machine = states.create_state_machine(
        name="batch",
        roleArn=role["Role"]["Arn"],
        definition=json.dumps({"StartAt": "Run", "States": {"Run": RUN}}),
        loggingConfiguration={
            "level": "ALL",
            "includeExecutionData": True,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        },
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    finished(states, execution)
    yield server, data, execution
    server.stop()


def settings(data: Path) -> dict[str, str]:
    """What `eval "$(kiban env)"` gives a shell."""
    script = f'eval "$({BINARY} env --data {data})" && env -0'
    out = subprocess.run(["sh", "-c", script], env=environment(), capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in out.split("\0") if line)


def ask_pip(data: Path, *arguments: str):
    command = [str(Path(sys.executable).parent / "aws"), *arguments, "--output", "json"]
    return answer(command, settings(data))


def ask_debian(data: Path, *arguments: str):
    if not os.access("/usr/bin/aws", os.X_OK):
        pytest.skip("Debian's AWS CLI is not installed: apt-get install awscli")
    command = [str(BINARY), "aws", "--data", str(data), *arguments, "--output", "json"]
    return answer(command, environment(PATH="/usr/bin:/bin"))


def answer(command: list[str], variables: dict[str, str], cwd: Path | None = None):
    done = subprocess.run(command, env=variables, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("ask", [ask_pip, ask_debian])
def test_the_command_line(ran, ask):
    server, data, execution = ran
    history = ask(data, "stepfunctions", "get-execution-history", "--execution-arn", execution)["events"]
    assert [event["type"] for event in history][-1] == "ExecutionSucceeded"

    output = ask(data, "logs", "filter-log-events", "--log-group-name", "/dev/api")["events"]
    assert [event["message"] for event in output] == ["hello"]
    group = "/aws/vendedlogs/states/batch"
    logged = ask(data, "logs", "filter-log-events", "--log-group-name", group)["events"]
    assert [json.loads(event["message"])["type"] for event in logged] == [event["type"] for event in history]

    task = server.client("ecs").list_tasks(cluster="dev", desiredStatus="STOPPED")["taskArns"][0]
    described = ask(data, "ecs", "describe-tasks", "--cluster", "dev", "--tasks", task)["tasks"]
    assert described[0]["containers"][0]["exitCode"] == 0

    rules = ask(data, "events", "list-rules")["Rules"]
    assert [(rule["Name"], rule["State"]) for rule in rules] == [("nightly", "DISABLED")]

    now = int(time.time())
    period = ("--start-time", str(now - 3600), "--end-time", str(now + 60), "--period", "60", "--statistics", "Sum")
    names = ("--namespace", "AWS/States", "--metric-name", "ExecutionsSucceeded")
    machine = execution.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0]
    of = ("--dimensions", f"Name=StateMachineArn,Value={machine}")
    points = ask(data, "cloudwatch", "get-metric-statistics", *names, *of, *period)["Datapoints"]
    assert sum(point["Sum"] for point in points) == 1


@pytest.fixture(scope="module")
def javascript():
    node = [str(ROOT / "cdk/node_modules/.bin"), os.environ["PATH"]]  # Node 22 of the CDK app first, if there.
    path = os.pathsep.join(node)
    if shutil.which("node", path=path) is None or shutil.which("npm", path=path) is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs npm")
    lock, stamp = SCRIPTS / "package-lock.json", SCRIPTS / "node_modules/.package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=SCRIPTS,
            env={**os.environ, "PATH": path},
            check=True,
        )
        stamp.touch()
    return path


def test_the_javascript_sdk(ran, javascript):
    server, data, execution = ran

    def ask(client: str, command: str, **arguments):
        words = ["node", "ask.mjs", client, command, json.dumps(arguments)]
        return answer(words, {**settings(data), "PATH": javascript}, SCRIPTS)

    history = ask("sfn", "GetExecutionHistoryCommand", executionArn=execution)["events"]
    assert history[-1]["type"] == "ExecutionSucceeded"
    output = ask("cloudwatch-logs", "FilterLogEventsCommand", logGroupName="/dev/api")["events"]
    assert [event["message"] for event in output] == ["hello"]
    task = server.client("ecs").list_tasks(cluster="dev", desiredStatus="STOPPED")["taskArns"][0]
    described = ask("ecs", "DescribeTasksCommand", cluster="dev", tasks=[task])["tasks"]
    assert described[0]["containers"][0]["exitCode"] == 0
    assert [rule["Name"] for rule in ask("eventbridge", "ListRulesCommand")["Rules"]] == ["nightly"]
    machine = execution.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0]
    now = time.time()
    points = ask(
        "cloudwatch",
        "GetMetricStatisticsCommand",
        **PERIOD,
        Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
        StartTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600)),
        EndTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 60)),
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 1
