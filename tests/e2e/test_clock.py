"""The virtual clock: frozen until somebody who may moves it or lets it run."""

from __future__ import annotations

import hashlib
import json
import socket
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta

import pytest
from conftest import kiban

ROLE = "arn:aws:iam::000000000000:role/any"
DAY = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": True}}})
BATCH = json.dumps(
    {
        "StartAt": "Before",
        "States": {
            "Before": {"Type": "Wait", "Seconds": 3600, "Next": "Run"},
            "Run": {
                "Type": "Task",
                "Resource": "arn:aws:states:::ecs:runTask.sync",
                "Parameters": {"Cluster": "dev", "TaskDefinition": "batch"},
                "TimeoutSeconds": 60,
                "Next": "After",
            },
            "After": {"Type": "Wait", "Seconds": 3600, "End": True},
        },
    }
)


def clock(*arguments: str, data) -> dict:
    done = kiban("clock", *arguments, "--json", "--data", data)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def now(data) -> datetime:
    return datetime.fromisoformat(clock("show", data=data)["now"])


def machine(server, definition: str) -> str:
    states = server.client("stepfunctions")
    return states.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]


def test_a_day_is_over_when_the_clock_was_advanced(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    states = server.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine(server, DAY))["executionArn"]
    shown = clock("show", data=tmp_path)
    assert shown["clock"] == "virtual" and shown["scale"] == 0 and shown["in_flight"] == []
    assert datetime.fromisoformat(shown["next_timer"]) - datetime.fromisoformat(shown["now"]) <= timedelta(days=1)
    began = time.monotonic()
    clock("advance", "23h", data=tmp_path)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    clock("advance", "1h", data=tmp_path)
    found = states.describe_execution(executionArn=arn)
    assert found["status"] == "SUCCEEDED"
    assert found["stopDate"] - found["startDate"] == timedelta(days=1)
    assert time.monotonic() - began < 10


def test_a_delayed_message_comes_when_the_clock_was_advanced(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    before = now(tmp_path)
    assert datetime.fromisoformat(clock("advance", "11m", data=tmp_path)["now"]) == before + timedelta(minutes=11)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "later"


def test_a_running_clock_fires_a_daily_schedule_in_seconds(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    sqs, events = server.client("sqs"), server.client("events")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    target = {"Id": "t", "Arn": "arn:aws:sqs:ap-northeast-1:000000000000:q"}
    assert events.put_targets(Rule="daily", Targets=[target])["FailedEntryCount"] == 0
    began = time.monotonic()
    assert clock("scale", "43200", data=tmp_path)["scale"] == 43200  # A day in two seconds.
    fired: set[datetime] = set()  # By this clock a message that was received is soon visible again.
    while len(fired) < 2:
        assert time.monotonic() - began < 30
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            fired.add(datetime.fromisoformat(json.loads(message["Body"])["time"]))
    assert time.monotonic() - began > 3
    first, second = sorted(fired)
    assert second - first == timedelta(days=1)  # Each at its own time, however late we are.
    clock("freeze", data=tmp_path)
    stands = now(tmp_path)
    time.sleep(0.5)
    assert now(tmp_path) == stands


def test_a_frozen_clock_says_what_it_holds_up(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    server.client("events").put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    shown = clock("show", data=tmp_path)
    assert [timer["what"] for timer in shown["waiting"]] == ["the schedule of rule daily"]
    assert shown["waiting_count"] == 1
    assert "waiting" not in clock("scale", "60", data=tmp_path)


def test_how_it_stands_or_runs_survives_a_restart(serve, tmp_path):
    options = ("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    server = serve(*options)
    moved = datetime.fromisoformat(clock("advance", "48h", data=tmp_path)["now"])
    server.kill()
    server = serve(*options)
    assert now(tmp_path) == moved
    assert clock("scale", "60", "--hold", "5s", data=tmp_path)["hold"] == 5000
    server.stop()
    server = serve(*options)
    shown = clock("show", data=tmp_path)
    assert shown["scale"] == 60 and shown["hold"] == 5000
    time.sleep(1)
    assert timedelta(seconds=30) < now(tmp_path) - moved < timedelta(hours=1)
    server.stop()
    # Its rows lie in the host's future.
    real = kiban("serve", "--listen", "127.0.0.1:0", "--tasks", "none", "--data", tmp_path)
    assert real.returncode == 1 and "--clock virtual" in real.stderr


def test_a_task_holds_the_instant_at_which_it_runs(serve, tmp_path):
    server = serve(
        *("--data", tmp_path, "--auth", "any", "--clock", "virtual"), *("--tasks", "process", "--source", tmp_path)
    )
    ecs, states = server.client("ecs"), server.client("stepfunctions")
    ecs.create_cluster(clusterName="dev")
    command = ["sh", "-c", "sleep 1.5"]
    ecs.register_task_definition(
        family="batch", containerDefinitions=[{"name": "c", "image": "unused", "memory": 64, "command": command}]
    )
    arn = states.start_execution(stateMachineArn=machine(server, BATCH))["executionArn"]
    held = kiban("clock", "advance", "3h", "--hold", "200ms", "--data", tmp_path)
    assert held.returncode == 1 and "ECS task" in held.stderr and "family:batch" in held.stderr, held.stderr
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    clock("advance", "3h", "--hold", "60s", data=tmp_path)
    found = states.describe_execution(executionArn=arn)
    # The task took no time of this clock, so its timeout of a minute did not strike either.
    assert found["status"] == "SUCCEEDED" and found["stopDate"] - found["startDate"] == timedelta(hours=2)


def test_a_delivery_holds_the_instant(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # Accepts and never answers.
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        sns = server.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)
        held = kiban("clock", "advance", "1h", "--hold", "300ms", "--data", tmp_path)
    assert held.returncode == 1
    assert held.stderr.startswith("kiban: clock: ") and f"to {endpoint}" in held.stderr, held.stderr


def test_the_clock_refuses_what_it_cannot_do(serve, tmp_path):
    server = serve("--data", tmp_path, "--clock", "virtual")
    for wrong in (
        ("advance", "soon"),
        ("set", "noon"),
        ("scale", "0"),
        ("scale", "fast"),
        ("advance", "1h", "--hold", "x"),
    ):
        assert kiban("clock", *wrong, "--data", tmp_path).returncode == 2, wrong
    back = kiban("clock", "set", "2001-01-01T00:00:00Z", "--data", tmp_path)
    assert back.returncode == 1 and "backwards" in back.stderr
    # Without the directory's key: refused.
    stranger = kiban("clock", "advance", "1h", "--data", tmp_path / "none", "--endpoint", server.endpoint)
    assert stranger.returncode == 1 and "X-Kiban-Token" in stranger.stderr


@pytest.mark.parametrize("header", [("Origin", "http://127.0.0.1"), ("Host", "rebound.example.com")])
def test_no_web_page_moves_the_clock(serve, tmp_path, header):
    server = serve("--data", tmp_path, "--clock", "virtual", "--auth", "any")
    right = {"X-Kiban-Token": hashlib.sha256(b"kiban token test").hexdigest()}

    def post(headers: dict[str, str]) -> int:
        request = urllib.request.Request(server.endpoint + "/_kiban/clock", data=b'{"freeze": true}', headers=headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    assert post(right) == 200
    assert post({**right, header[0]: header[1]}) == 403


@pytest.mark.parametrize("command", [("advance", "1h"), ("set", "2040-01-01T00:00:00Z"), ("scale", "60"), ("freeze",)])
def test_a_real_clock_stays(serve, tmp_path, command):
    serve("--data", tmp_path)
    done = kiban("clock", *command, "--data", tmp_path)
    assert done.returncode == 1
    assert "the clock is real" in done.stderr and "--clock virtual" in done.stderr
    assert "Real clock" in kiban("clock", "show", "--data", tmp_path).stdout
