"""Data directories that earlier kibans left are opened, and what ran in them goes on (tests/fixtures/README.md)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Server, kiban
from waiting import finished

FIXTURES = sorted((ROOT / "tests" / "fixtures").glob("data-*.tar.gz"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name.split(".")[0])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.unpack_archive(request.param, tmp_path)
    return tmp_path / "data"


# The virtual clock goes on at the time at which the directory was left, so messages are not too old.
def opened(serve: Callable[..., Server], data: Path) -> Server:
    return serve("--data", data, "--clock", "virtual").use_key_of(data)


def test_an_older_directory_goes_on(serve: Callable[..., Server], data: Path) -> None:
    facts = json.loads((data / "facts.json").read_text())
    server = opened(serve, data)
    states = server.client("stepfunctions")
    executions = facts["executions"]

    def status(name: str) -> str:
        return states.describe_execution(executionArn=executions[name])["status"]

    assert [status(name) for name in ("passing", "failing", "mapping")] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert [status(name) for name in ("waiting", "asking", "worked")] == ["RUNNING"] * 3
    assert len(states.get_execution_history(executionArn=executions["passing"])["events"]) == 4

    # The directory is of a time when no policy was evaluated.
    iam = server.client("iam")
    for role in iam.list_roles()["Roles"]:
        allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=role["RoleName"], PolicyName="all", PolicyDocument=document)

    states.send_task_success(taskToken=facts["token"], output='"answered"')
    assert finished(states, executions["asking"])["output"] == '"answered"'
    task = states.get_activity_task(activityArn=facts["activity"])
    states.send_task_success(taskToken=task["taskToken"], output='"by hand"')
    assert finished(states, executions["worked"])["output"] == '"by hand"'
    assert kiban("clock", "advance", "24h", "--data", data).returncode == 0
    assert finished(states, executions["waiting"])["status"] == "SUCCEEDED"
    passing = executions["passing"].rsplit(":", 1)[0].replace(":execution:", ":stateMachine:")
    assert len(states.list_executions(stateMachineArn=passing)["executions"]) == 2, "the nightly schedule fired"


def test_an_older_directory_keeps_what_other_services_have(serve: Callable[..., Server], data: Path) -> None:
    facts = json.loads((data / "facts.json").read_text())
    server = opened(serve, data)
    messages = server.client("sqs").receive_message(QueueUrl=facts["queue"], MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in messages) == ["one", "two"]
    body = server.client("s3").get_object(Bucket="kept", Key="folder/object")["Body"].read()
    assert body == b"bytes of an object\n" * 100
    assert server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"] == "swordfish"
    assert server.client("ssm").get_parameter(Name="/kept/one")["Parameter"]["Value"] == "of a parameter"
    assert server.client("sns").list_topics()["Topics"]
    assert server.client("logs").filter_log_events(logGroupName="/kept")["events"][0]["message"] == "a line"
    stack = server.client("cloudformation").describe_stacks(StackName="kept")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert server.stop() == 0
    said = kiban("doctor", "--data", data, "--json").stdout
    rows = next(check for check in json.loads(said) if check["check"] == "rows")
    assert rows["ok"], rows
