"""Whatever one client asks for, the others get their answers: nothing holds the server for long."""

from __future__ import annotations

import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

PATIENCE = 2.0  # Seconds that another client may wait; unloaded it is milliseconds.
WAITING = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


class Watch:
    """Asks for the server's health all the time, and keeps the longest wait for an answer."""

    def __init__(self, server):
        self.server, self.longest, self.ended = server, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        client = self.server.client("sqs")
        while not self.ended.is_set():
            began = time.monotonic()
            client.list_queues()
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


@pytest.fixture
def server(serve):
    return serve("--ephemeral", "--auth", "any")


def template(value):
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    return json.dumps({"Resources": {"P": parameter}})


def nested(function, value, times):
    for _ in range(times):
        value = {function: [value] if function == "Fn::ToJsonString" else value}
    return value


TEMPLATES = {
    "join of split": {"Fn::Join": ["x" * 20_000, {"Fn::Split": ["a", "a" * 20_000]}]},
    "base64": nested("Fn::Base64", "a" * 100, 60),
    "json": nested("Fn::ToJsonString", '"', 60),
    "sub": {"Fn::Sub": ["${A}" * 10_000, {"A": "a" * 40_000}]},
    "refs": {"Fn::Join": ["", [{"Ref": "AWS::StackId"}] * 20_000]},
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_that_multiply(server, name):
    cloudformation = server.client("cloudformation")
    with Watch(server) as watch:
        try:
            cloudformation.create_stack(StackName="s", TemplateBody=template(TEMPLATES[name])[:1_000_000])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationError"
    assert watch.longest < PATIENCE


def test_paths_that_visit_everything_again_and_again(server):
    states = server.client("stepfunctions")
    value = "x"
    for _ in range(60):
        value = {"a": value}
    passing = {"Type": "Pass", "InputPath": "$..*..*..*..*", "End": True}
    each = {"StartAt": "P", "States": {"P": passing}}
    everything = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": each, "End": True}
    definition = {"StartAt": "M", "States": {"M": everything}}
    machine = states.create_state_machine(
        name="m", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]
    with Watch(server) as watch:
        started = states.start_execution(stateMachineArn=machine, input=json.dumps({"list": [value] * 200}))
        ended = states.describe_execution(executionArn=started["executionArn"])
        limit = time.monotonic() + 30
        while ended["status"] == "RUNNING" and time.monotonic() < limit:
            time.sleep(0.1)
            ended = states.describe_execution(executionArn=started["executionArn"])
    assert ended["status"] == "FAILED" and "visits more than" in ended["cause"]
    assert watch.longest < PATIENCE


def each_of(items, item_state, **more):
    """A Map of one state."""
    state = {"StartAt": "P", "States": {"P": {**item_state, "End": True}}}
    return {"Type": "Map", "ItemProcessor": state, "End": True, **items, **more}


LOADS = {
    "regexes": (
        {
            **each_of({"ItemsPath": "$.list"}, {"Type": "Pass"}),
            "ItemSelector": {"x.$": "$.texts[?(@ =~ /(a|aa)+[bc]/)]"},
        },
        {"list": [1] * 300, "texts": ["a" * 14] * 2_000},
        "JSONPath",
    ),
    "context": (
        each_of(
            {"ItemsPath": "$.list"},
            {"Type": "Pass", "Parameters": {"x.$": "States.ArrayContains($$.Execution.Input.list, 2)"}},
        ),
        {"list": [1] * 2_000},
        "JSONPath",
    ),
    "jsonata": (
        each_of({"Items": "{% [1..200] %}"}, {"Type": "Pass", "Output": "{% $sum([1..100000].($ * $)) %}"}),
        {},
        "JSONata",
    ),
}


@pytest.mark.parametrize("name", LOADS)
def test_many_states_that_are_each_costly(server, name):
    state, given, language = LOADS[name]
    states = server.client("stepfunctions")
    definition = {"StartAt": "M", "QueryLanguage": language, "States": {"M": state}}
    machine = states.create_state_machine(
        name="m", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]
    with Watch(server) as watch:
        states.start_execution(stateMachineArn=machine, input=json.dumps(given))
        time.sleep(5)
    assert watch.longest < PATIENCE


def test_log_searches_compare_a_page_at_a_time(server):
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(time.time() * 1000)
    for _ in range(10):
        events = [{"timestamp": now, "message": "a" * 60 + f" {i}"} for i in range(8_000)]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    pattern = " ".join(f"?a{i}z" for i in range(150))
    with Watch(server) as watch:
        found = logs.filter_log_events(logGroupName="g", filterPattern=pattern)
    assert not found["events"] and "nextToken" in found
    assert watch.longest < PATIENCE


def test_executions_that_start_themselves(server):
    states = server.client("stepfunctions")
    machine = states.create_state_machine(
        name="fork", definition=json.dumps(WAITING), roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]
    again = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution"}
    again["Parameters"] = {"StateMachineArn": machine}
    forking = {"StartAt": "A", "States": {"A": {**again, "Next": "B"}, "B": {**again, "End": True}}}
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(forking))
    with Watch(server) as watch:
        states.start_execution(stateMachineArn=machine)
        time.sleep(8)
    assert watch.longest < PATIENCE
