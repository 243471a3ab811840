"""Step Functions through boto3 and through our own commands."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from conftest import kiban
from waiting import finished

ROLE = "arn:aws:iam::000000000000:role/machine"
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"n": 1}, "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3, "End": True}}})
FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}})


def test_an_execution_runs_and_its_history_is_there(server):
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    assert json.loads(finished(states, arn)["output"]) == {"n": 1}
    events = states.get_execution_history(executionArn=arn)["events"]
    assert [e["type"] for e in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert [e["id"] for e in events] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("definition", "code"),
    [("{", "InvalidDefinition"), ("{}", "InvalidDefinition"), ('{"StartAt": "A", "States": {}}', "InvalidDefinition")],
)
def test_an_invalid_definition_is_refused(server, definition, code):
    with pytest.raises(ClientError) as raised:
        server.client("stepfunctions").create_state_machine(name="m", definition=definition, roleArn=ROLE)
    assert raised.value.response["Error"]["Code"] == code


def test_a_running_execution_survives_kill(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any")
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=WAIT, roleArn=ROLE)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    server.kill()
    again = serve("--data", tmp_path, "--auth", "any").client("stepfunctions")
    assert finished(again, arn)["status"] == "SUCCEEDED"
    events = again.get_execution_history(executionArn=arn)["events"]
    assert [e["type"] for e in events] == [
        "ExecutionStarted",
        "WaitStateEntered",
        "WaitStateExited",
        "ExecutionSucceeded",
    ]
    waited = events[2]["timestamp"] - events[1]["timestamp"]
    assert 3 <= waited.total_seconds() < 10


def test_our_commands_show_what_ran(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any")
    states = server.client("stepfunctions")
    states.create_state_machine(name="good", definition=PASS, roleArn=ROLE)
    states.create_state_machine(name="bad", definition=FAIL, roleArn=ROLE)
    good = kiban("start", "good", "--follow", "--data", tmp_path)
    assert good.returncode == 0, good.stderr
    assert "> A" in good.stdout and good.stdout.rstrip().endswith("SUCCEEDED")
    bad = kiban("start", "bad", "--follow", "--data", tmp_path)
    assert bad.returncode == 1
    assert "FAILED" in bad.stdout and "E: C" in bad.stdout
    listed = json.loads(kiban("executions", "--json", "--data", tmp_path).stdout)
    assert sorted(e["status"] for e in listed) == ["FAILED", "SUCCEEDED"]
    history = kiban("history", listed[0]["executionArn"], "--data", tmp_path)
    assert "ExecutionStarted" in history.stdout
    missing = kiban("start", "none", "--data", tmp_path)
    assert missing.returncode == 1
    assert "no state machine is called 'none'" in missing.stderr


def test_the_log_names_an_integration_that_is_not_served(server):
    task = {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun", "Parameters": {"JobName": "j"}}
    definition = json.dumps({"StartAt": "Load", "States": {"Load": {**task, "End": True}}})
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    assert "glue:startJobRun" in finished(states, arn)["cause"]
    server.stop()
    told = [line for line in server.process.stderr.read().splitlines() if "glue:startJobRun" in line]
    assert len(told) == 1
    assert told[0].startswith("kiban: state machine m: /States/Load/Resource: ")
