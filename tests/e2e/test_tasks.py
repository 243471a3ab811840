"""ECS tasks as processes of this host, waited for by a state machine."""

from __future__ import annotations

import json
import time

from conftest import kiban

ROLE = "arn:aws:iam::000000000000:role/any"
MACHINE = {
    "StartAt": "Run",
    "States": {
        "Run": {
            "Type": "Task",
            "Resource": "arn:aws:states:::ecs:runTask.sync",
            "Parameters": {
                "Cluster": "dev",
                "TaskDefinition": "api",
                "Overrides": {"ContainerOverrides": [{"Name": "api", "Command.$": "$.command"}]},
            },
            "End": True,
        }
    },
}


def deploy(server):
    log = {"awslogs-group": "/dev/api", "awslogs-stream-prefix": "ecs", "awslogs-region": "ap-northeast-1"}
    server.client("logs").create_log_group(logGroupName="/dev/api")
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="dev")
    container = {"name": "api", "image": "unused", "logConfiguration": {"logDriver": "awslogs", "options": log}}
    ecs.register_task_definition(family="api", containerDefinitions=[container])
    return server.client("stepfunctions").create_state_machine(
        name="batch", roleArn=ROLE, definition=json.dumps(MACHINE)
    )["stateMachineArn"]


def start(server, machine, *command):
    return server.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps({"command": command})
    )["executionArn"]


def ended(server, execution):
    client = server.client("stepfunctions")
    deadline = time.monotonic() + 20
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution did not end"
        time.sleep(0.05)
    return found


def messages(server):
    found = server.client("logs").filter_log_events(logGroupName="/dev/api")
    return [event["message"] for event in found["events"]]


def test_output_and_exit_code_reach_logs_and_execution(serve, tmp_path):
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    machine = deploy(server)
    good = ended(server, start(server, machine, "sh", "-c", "echo hello; echo bye"))
    assert good["status"] == "SUCCEEDED"
    assert messages(server) == ["hello", "bye"]
    bad = ended(server, start(server, machine, "sh", "-c", "exit 3"))
    assert (bad["status"], bad["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(bad["cause"])["Containers"][0]["ExitCode"] == 3


def test_following_shows_the_states_and_what_the_container_writes(serve, tmp_path):
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    deploy(server)
    command = json.dumps({"command": ["sh", "-c", "echo hello; sleep 0.5; exit 4"]})
    followed = kiban("start", "batch", "--data", tmp_path / "data", "--input", command, "--follow")
    assert followed.returncode == 1
    shown = [line.split(" s  ", 1)[-1] for line in followed.stdout.splitlines()[1:]]
    assert shown[:2] == ["> Run", "  | hello"]
    assert shown[2].startswith("! TaskFailed States.TaskFailed")
    assert shown[-1] == "FAILED"


def test_the_dockerfile_stands_in_for_the_image(serve, tmp_path):
    (tmp_path / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["echo", "entry"]\nCMD ["default"]\n')
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    assert ended(server, start(server, deploy(server), "given"))["status"] == "SUCCEEDED"
    server.client("ecs").run_task(cluster="dev", taskDefinition="api")
    deadline = time.monotonic() + 10
    while len(messages(server)) < 2:
        assert time.monotonic() < deadline, messages(server)
        time.sleep(0.05)
    assert messages(server) == ["entry given", "entry default"]


def test_a_task_outlives_the_engine_and_runs_once(serve, tmp_path):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    machine = deploy(server)
    execution = start(server, machine, "sh", "-c", "echo begun >>runs; sleep 2; echo over >>runs")
    deadline = time.monotonic() + 10
    while not (tmp_path / "runs").exists():
        assert time.monotonic() < deadline, "the task did not begin"
        time.sleep(0.05)
    server.kill()
    server = serve(*arguments)
    assert ended(server, execution)["status"] == "SUCCEEDED"
    assert (tmp_path / "runs").read_text() == "begun\nover\n"


def test_without_a_driver_the_task_says_what_to_do(serve):
    server = serve("--auth", "any", "--ephemeral")
    failed = ended(server, start(server, deploy(server), "true"))
    cause = json.loads(failed["cause"])
    assert (failed["status"], cause["StopCode"]) == ("FAILED", "TaskFailedToStart")
    assert "--tasks process" in cause["StoppedReason"]
