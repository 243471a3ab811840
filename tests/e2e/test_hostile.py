"""What wants to hang or swell the server: an error within seconds, bounded memory, and the server stays up."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from waiting import finished

ROLE = "arn:aws:iam::000000000000:role/machine"
SECONDS_MAX = 20
PEAK_GROWTH_MAX_KIB = 400 * 1024

# Each would run for ever, or hold gigabytes.
BOMBS = {
    "endless recursion": "($f := function($x) { 1 + $f($x) }; $f(1))",
    "endless tail recursion": "($f := function($x) { $f($x) }; $f(1))",
    "mutual tail recursion": "($f := function($x) { $g($x) }; $g := function($x) { $f($x) }; $f(1))",
    "string doubling": "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f('x', 60)))",
    "padding": "$pad('x', 2000000000)",
    "joined repetitions": "$join([1..9999999].'xxxxxxxxxxxxxxxxxxxxxxxx')",
    "a range of ten million": "$sum($map([1..10000000], function($v) { $v * 2 }))",
    "nested ranges": "$count([1..10000].[1..10000])",
    "backtracking": "$match($pad('', 64, 'a') & '!', /(a+)+$/)",
    "deep parentheses": "(" * 20_000 + "1" + ")" * 20_000,
    "deep arrays": "[" * 20_000 + "]" * 20_000,
    "deep blocks of a function": "function(){" * 20_000,
    "an array that grows": "$reduce([1..100000], function($a, $v) { $append($a, $a) })",
}


def pass_state(expression: str) -> str:
    state = {"Type": "Pass", "Output": "{% " + expression + " %}", "End": True}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": state}})


def peak_kib(server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


@pytest.fixture
def bounded(server):
    server.client("stepfunctions").list_state_machines()
    before, began = peak_kib(server), time.monotonic()
    yield server
    assert time.monotonic() - began < SECONDS_MAX
    assert peak_kib(server) - before < PEAK_GROWTH_MAX_KIB
    server.client("stepfunctions").list_state_machines()


@pytest.mark.parametrize("name", BOMBS)
def test_an_expression_that_swells_ends_with_an_error(bounded, name):
    states = bounded.client("stepfunctions", config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}))
    definition = pass_state(BOMBS[name])
    try:
        machine = states.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
    except ClientError as refused:
        assert refused.response["Error"]["Code"] == "InvalidDefinition"
        found = states.validate_state_machine_definition(definition=definition)
        assert found["result"] == "FAIL"
        return
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    ended = finished(states, arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")
    state = json.dumps({"QueryLanguage": "JSONata", **json.loads(definition)["States"]["P"]})
    tested = states.test_state(definition=state, roleArn=ROLE, input="{}")
    assert (tested["status"], tested["error"]) == ("FAILED", "States.QueryEvaluationError")


DEEP = 100_000
DOCUMENTS = {
    "deep nesting": '{"StartAt":' * DEEP,
    "deep arrays": "[" * DEEP + "]" * DEEP,
    "deep states": '{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[' * 2_000,
    "a NUL byte": '{"StartAt":"A\x00","States":{}}',
    "a lone surrogate": '{"StartAt":"\\ud800","States":{"\\ud800":{"Type":"Succeed"}}}',
    "a number without end": '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":' + "9" * 10_000 + ',"End":true}}}',
    "an exponent without end": '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1e999999,"End":true}}}',
    "a duplicate key": '{"StartAt":"A","StartAt":"B","States":{"A":{"Type":"Nothing"},"A":{"Type":"Nothing"}}}',
    "over a megabyte": json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": "x" * 1_100_000}}}),
    "a megabyte of states": json.dumps(
        {"StartAt": "S0", "States": {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(24_000)}}
    ),
    "a megabyte of expression": pass_state("1" + "+1" * 500_000),
    "a deep path": json.dumps(
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "InputPath": "$" + "[?(@.a" * 5_000, "End": True}}}
    ),
    "deep intrinsics": json.dumps(
        {
            "StartAt": "P",
            "States": {
                "P": {
                    "Type": "Pass",
                    "Parameters": {"a.$": "States.Array(" * 20_000 + "1" + ")" * 20_000},
                    "End": True,
                }
            },
        }
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_definition_is_refused(bounded, name):
    states = bounded.client("stepfunctions")
    for call in (
        lambda: states.create_state_machine(name="m", definition=DOCUMENTS[name], roleArn=ROLE),
        lambda: states.validate_state_machine_definition(definition=DOCUMENTS[name])["result"],
    ):
        try:
            answer = call()
        except ClientError as refused:
            error = (refused.response["Error"]["Code"], refused.response["ResponseMetadata"]["HTTPStatusCode"])
            too_large = ("RequestEntityTooLarge", 413)  # A request to Step Functions has 1 MB at most.
            assert error in (("InvalidDefinition", 400), ("ValidationException", 400), too_large)
        else:
            assert answer == "FAIL"


INPUTS = {
    "deep nesting": "[" * DEEP + "]" * DEEP,
    "over 256 KiB": json.dumps("x" * (256 * 1024)),
    "no JSON": "{",
    "a NUL byte": '"\x00"',
    "an unquoted lone surrogate": '"\\ud800',
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_hostile_input_is_refused(bounded, name):
    states = bounded.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=pass_state("$states.input"), roleArn=ROLE)
    with pytest.raises(ClientError) as refused:
        states.start_execution(stateMachineArn=machine["stateMachineArn"], input=INPUTS[name])
    assert refused.value.response["Error"]["Code"] in ("InvalidExecutionInput", "ValidationException")
