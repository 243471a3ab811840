"""Versions, aliases, synchronous starts, redrive, map runs and TestState through boto3."""

from __future__ import annotations

import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from test_states import PASS, ROLE, WAIT
from waiting import finished

# boto3 would put "sync-" before the host's name.
PLAIN = Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, proxies={})


def passing(result: int) -> str:
    return json.dumps(
        {
            "StartAt": "A",
            "States": {"A": {"Type": "Pass", "Result": result, "End": True}},
        }
    )


def distributed(**fields: object) -> str:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": {"Type": "Pass", "End": True}},
    }
    state = {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}
    return json.dumps({"StartAt": "M", "States": {"M": state}})


def test_an_alias_starts_a_published_version(server):
    states = server.client("stepfunctions")
    made = states.create_state_machine(name="m", definition=passing(1), roleArn=ROLE, publish=True)
    states.update_state_machine(stateMachineArn=made["stateMachineArn"], definition=passing(2))
    alias = states.create_state_machine_alias(
        name="live",
        routingConfiguration=[{"stateMachineVersionArn": made["stateMachineVersionArn"], "weight": 100}],
    )["stateMachineAliasArn"]
    for arn, output in ((alias, "1"), (made["stateMachineArn"], "2")):
        started = states.start_execution(stateMachineArn=arn)["executionArn"]
        assert finished(states, started)["output"] == output
    listed = states.list_executions(stateMachineArn=alias)["executions"]
    assert [e["stateMachineAliasArn"] for e in listed] == [alias]
    with pytest.raises(ClientError) as raised:
        states.delete_state_machine_version(stateMachineVersionArn=made["stateMachineVersionArn"])
    assert raised.value.response["Error"]["Code"] == "ConflictException"


def test_a_synchronous_start_answers_when_it_ended(server):
    states = server.client("stepfunctions", config=PLAIN)
    machine = states.create_state_machine(name="w", definition=WAIT, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    done = states.start_sync_execution(stateMachineArn=machine, input='{"a": 1}')
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"]) == {"a": 1}
    assert done["billingDetails"]["billedDurationInMilliseconds"] >= 3000


def test_a_failed_execution_is_redriven_after_a_restart(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any")
    states = server.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
        "Parameters": {"QueueName": "late"},
        "End": True,
    }
    definition = json.dumps({"StartAt": "T", "States": {"T": task}})
    machine = states.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    failed = finished(states, arn)
    assert (failed["status"], failed["redriveStatus"]) == ("FAILED", "REDRIVABLE")
    assert failed["error"] == "Sqs.QueueDoesNotExistException"
    server.client("sqs").create_queue(QueueName="late")
    server.kill()
    again = serve("--data", tmp_path, "--auth", "any").client("stepfunctions")
    again.redrive_execution(executionArn=arn)
    done = finished(again, arn)
    assert (done["status"], done["redriveCount"]) == ("SUCCEEDED", 1)


def test_a_map_run_reads_s3_and_tells_of_its_children(server):
    states, s3 = server.client("stepfunctions"), server.client("s3")
    s3.create_bucket(
        Bucket="items",
        CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"},
    )
    s3.put_object(Bucket="items", Key="in.jsonl", Body=b'{"n": 1}\n{"n": 2}\n')
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket": "items", "Key": "in.jsonl"},
    }
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "items", "Prefix": "out"},
    }
    definition = distributed(ItemReader=reader, ResultWriter=writer)
    machine = states.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    output = json.loads(finished(states, arn)["output"])
    run = states.list_map_runs(executionArn=arn)["mapRuns"][0]["mapRunArn"]
    assert output["MapRunArn"] == run
    counts = states.describe_map_run(mapRunArn=run)["itemCounts"]
    assert (counts["total"], counts["succeeded"]) == (2, 2)
    children = states.list_executions(mapRunArn=run)["executions"]
    assert [c["status"] for c in children] == ["SUCCEEDED", "SUCCEEDED"]
    key = output["ResultWriterDetails"]["Key"]
    manifest = json.loads(s3.get_object(Bucket="items", Key=key)["Body"].read())
    written = s3.get_object(Bucket="items", Key=manifest["ResultFiles"]["SUCCEEDED"][0]["Key"])
    assert [json.loads(r["Output"]) for r in json.loads(written["Body"].read())] == [
        {"n": 1},
        {"n": 2},
    ]


def test_one_state_is_tested_alone(server):
    states = server.client("stepfunctions", config=PLAIN)
    state = json.dumps({"Type": "Pass", "Parameters": {"b.$": "$.a"}, "Next": "N"})
    done = states.test_state(definition=state, input='{"a": 1}', inspectionLevel="DEBUG")
    assert (done["status"], done["nextState"], json.loads(done["output"])) == (
        "SUCCEEDED",
        "N",
        {"b": 1},
    )
    assert json.loads(done["inspectionData"]["afterParameters"]) == {"b": 1}


def test_pages_of_machines_and_histories_are_whole(server):
    states = server.client("stepfunctions")
    names = [f"m{i:02}" for i in range(7)]
    for name in names:
        states.create_state_machine(name=name, definition=PASS, roleArn=ROLE)
    pages = states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 3})
    assert [m["name"] for page in pages for m in page["stateMachines"]] == names
    machine = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    finished(states, arn)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 3})
    assert [e["id"] for page in pages for e in page["events"]] == [1, 2, 3, 4]
