"""Executions whose tasks are containers, while the server is killed again and again: each finishes once, and each
batch runs as often as its definition says.

Batches are counted by a listener of this test, at the address where databases listen, which no kill touches.
KIBAN_KILLS and KIBAN_KILL_EXECUTIONS make it longer: 50 and 200 take some minutes. KIBAN_KILL_SEED repeats the
choices of a run, though not its moments.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import pytest
import test_containers as containers
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from ecs_tasks import ROLE
from waiting import until

pytestmark = containers.pytestmark
network, image = containers.network, containers.image

KILLS = int(os.environ.get("KIBAN_KILLS", "5"))
EXECUTIONS = int(os.environ.get("KIBAN_KILL_EXECUTIONS", "15"))
SEED = int(os.environ.get("KIBAN_KILL_SEED", random.randrange(1 << 32)))
PACE = 0.15  # Seconds between two starts.
BRIDGE = "169.254.170.2"
# How often the batch of an execution runs, by the state that the execution begins with.
KINDS = {"Once": 1, "Fails": 1, "Again": 2, "Later": 1, "Both": 2}


@pytest.fixture
def counted(network) -> Iterator[tuple[int, dict[str, set[str]]]]:
    """A port that batches connect to, and the runs of each."""
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: the bridge has the address later.
    listener.bind((BRIDGE, 0))
    listener.listen(64)
    runs: dict[str, set[str]] = defaultdict(set)

    def count() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            connection.settimeout(10)  # Its container may be gone.
            with connection, contextlib.suppress(OSError, ValueError), connection.makefile("rw") as lines:
                name, run = lines.readline().split()
                runs[name].add(run)
                lines.write("counted\n")

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    yield listener.getsockname()[1], runs
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def definition(subnets: list[str]) -> str:
    """A state machine whose input names the kind, and the commands of a batch that succeeds and of one that fails."""

    def batch(command: str, **more: object) -> dict:
        overrides = {"ContainerOverrides": [{"Name": "api", "Command.$": f"States.Array($.{command})"}]}
        parameters = {
            "Cluster": "dev",
            "TaskDefinition": "api",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": subnets}},
            "Overrides": overrides,
        }
        return {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Parameters": parameters, **more}

    def catch(retries: int) -> dict:
        retry = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": retries}
        caught = {"Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Done"}], "End": True}
        return {"Retry": [retry], **caught}

    branches = [{"StartAt": side, "States": {side: batch("good", End=True)}} for side in ("Left", "Right")]
    choices = [{"Variable": "$.kind", "StringEquals": kind, "Next": kind} for kind in KINDS]
    states = {
        "Kind": {"Type": "Choice", "Choices": choices},
        "Once": batch("good", End=True),
        "Fails": batch("bad", **catch(0)),
        "Again": batch("bad", **catch(1)),
        "Later": {"Type": "Wait", "Seconds": 1, "Next": "Once"},
        "Both": {"Type": "Parallel", "Branches": branches, "End": True},
        "Done": {"Type": "Succeed"},
    }
    return json.dumps({"StartAt": "Kind", "States": states})


def batch_command(name: str, port: int, code: int) -> str:
    """Tells its name and a number of this run until the listener has heard it."""
    tell = f"exec 3<>/dev/tcp/{BRIDGE}/{port} && echo {name} $run >&3 && read -r -t 5 answer <&3"
    return (
        f"read -r run </proc/sys/kernel/random/uuid; until {tell}; do sleep 0.2; done; "
        f"sleep 0.$((RANDOM % 10)); echo $answer; exit {code}"
    )


def call(operation: Callable[..., dict], **arguments: object) -> dict:
    """Again until a server answers."""

    def answer() -> dict | None:
        try:
            return operation(**arguments)
        except (ConnectionError, HTTPClientError):
            return None

    return until(answer, "no server answers", seconds=60)


def start_all(states, machine: str, names: list[str], port: int) -> None:
    for name in names:
        good, bad = (batch_command(name, port, code) for code in (0, 3))
        given = json.dumps({"kind": name.split("-")[0], "good": good, "bad": bad})
        try:
            call(states.start_execution, stateMachineArn=machine, name=name, input=given)
        except ClientError as error:  # The answer to an earlier call was lost, and it has ended since.
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
        time.sleep(PACE)


def history(states, machine: str, name: str) -> list[dict]:
    execution = machine.replace(":stateMachine:", ":execution:") + f":{name}"
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def endings(events: list[dict]) -> list[str]:
    """Why its tasks ended."""
    details = [event.get("taskFailedEventDetails") or event.get("taskSucceededEventDetails") for event in events]
    described = [json.loads(one.get("cause") or one["output"]) for one in details if one]
    return [f"{one.get('StopCode')} {one.get('StoppedReason')} {one['Containers']}" for one in described]


def test_every_batch_runs_as_often_as_it_should(counted, serve, tmp_path, image):
    chance = random.Random(SEED)
    port, runs = counted
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "containers")
    server = serve(*arguments)
    subnets = containers.deploy(server, containers.push(server, image))["awsvpcConfiguration"]["subnets"]
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="batch", roleArn=ROLE, definition=definition(subnets))["stateMachineArn"]
    kinds = chance.choices(list(KINDS), k=EXECUTIONS)
    names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    starter = threading.Thread(target=start_all, args=(states, machine, names, port), daemon=True)
    starter.start()
    for _ in range(KILLS):
        # Soon after it began to serve, while it takes up what was running, or in the midst of things.
        time.sleep(chance.choice([chance.uniform(0, 0.05), chance.uniform(0, 1.2)]))
        server.kill()
        server = serve(*arguments, port=server.port)
    starter.join()

    def outcomes() -> Counter:
        found: Counter = Counter()
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine):
            found.update(one["status"] for one in page["executions"])
        return found

    until(lambda: outcomes()["RUNNING"] == 0, outcomes, seconds=60 + EXECUTIONS)
    seed = f"KIBAN_KILL_SEED={SEED}"
    assert outcomes() == {"SUCCEEDED": EXECUTIONS}, seed
    for name in names:
        expected = KINDS[name.split("-")[0]]
        events = history(states, machine, name)
        types = Counter(event["type"] for event in events)
        assert len(runs[name]) == expected, (seed, name, runs[name], endings(events))
        assert (types["ExecutionSucceeded"], types["TaskSubmitted"]) == (1, expected), (seed, name, types)
    assert runs.keys() == set(names), seed
    tasks = server.client("ecs").list_tasks(cluster="dev", desiredStatus="RUNNING")["taskArns"]
    assert tasks == [], seed
