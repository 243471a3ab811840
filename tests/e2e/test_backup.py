"""kiban backup while serving, kiban restore, and what goes on afterwards."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from conftest import Server, kiban
from waiting import finished, until

ROLE = "arn:aws:iam::000000000000:role/any"


def machine(server: Server, name: str, **state) -> str:
    definition = {"StartAt": "S", "States": {"S": {**state, "End": True}}}
    states = server.client("stepfunctions")
    return states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]


def make_role(server: Server) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = server.client("iam")
    iam.create_role(RoleName="any", AssumeRolePolicyDocument=policy)
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [send]})
    iam.put_role_policy(RoleName="any", PolicyName="send", PolicyDocument=document)


def all_bytes(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


class Filled:
    """A server's data: an execution that waits for its token, one for its time, an object, a secret."""

    def __init__(self, server: Server) -> None:
        make_role(server)
        states, sqs, s3 = (server.client(name) for name in ("stepfunctions", "sqs", "s3"))
        queue = sqs.create_queue(QueueName="asked")["QueueUrl"]
        parameters = {"QueueUrl": queue, "MessageBody.$": "$$.Task.Token"}
        send = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
        asking = machine(server, "asking", Type="Task", Resource=send, Parameters=parameters)
        self.asked = states.start_execution(stateMachineArn=asking)["executionArn"]
        self.token = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"][0]["Body"]
        waiting = machine(server, "waiting", Type="Wait", Seconds=4)
        self.waited = states.start_execution(stateMachineArn=waiting)["executionArn"]
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
        s3.put_object(Bucket="bucket", Key="k", Body=b"of the object" * 1000)
        server.client("secretsmanager").create_secret(Name="s", SecretString="swordfish-in-the-rows")

    def check_goes_on(self, server: Server) -> None:
        states = server.client("stepfunctions")
        states.send_task_success(taskToken=self.token, output="7")
        assert finished(states, self.asked)["output"] == "7"
        assert finished(states, self.waited)["status"] == "SUCCEEDED"
        body = server.client("s3").get_object(Bucket="bucket", Key="k")["Body"].read()
        assert body == b"of the object" * 1000
        secret = server.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"]
        assert secret == "swordfish-in-the-rows"


def back_up_under_load(server: Server, data: Path, backup: Path) -> list[str]:
    """The executions that had been acknowledged when the backup was asked for."""
    passing = machine(server, "passing", Type="Pass")
    started: list[str] = []
    stop = threading.Event()

    def load() -> None:
        states = server.client("stepfunctions")
        while not stop.is_set():
            started.append(states.start_execution(stateMachineArn=passing)["executionArn"])

    loading = threading.Thread(target=load)
    loading.start()
    until(lambda: len(started) > 10, "nothing is started")
    before = len(started)
    made = kiban("backup", backup, "--data", data)
    after = len(started)
    stop.set()
    loading.join()
    assert made.returncode == 0, made.stderr
    assert str(data / "key") in made.stdout
    assert after > before, "the server went on meanwhile"
    return started[:before]


def check_secrets_are_not_in(backup: Path, server: Server) -> None:
    assert backup.stat().st_mode & 0o077 == 0
    assert not (backup / "key").exists() and not (backup / "credentials.json").exists()
    found = all_bytes(backup)
    assert server.secret.encode() not in found
    assert b"swordfish-in-the-rows" not in found


def test_a_backup_made_under_load_is_restored_and_goes_on(serve: Callable[..., Server], tmp_path: Path) -> None:
    data, backup, other, key = (tmp_path / name for name in ("data", "backup", "other", "safe.key"))
    server = serve("--data", data).use_key_of(data)
    filled = Filled(server)
    acknowledged = back_up_under_load(server, data, backup)
    check_secrets_are_not_in(backup, server)
    again = kiban("backup", backup, "--data", data)
    assert again.returncode == 1 and "is not empty" in again.stderr

    shutil.copy(data / "key", key)
    server.kill()
    shutil.rmtree(data)
    without = kiban("restore", backup, "--data", other)
    assert without.returncode == 1 and str(data / "key") in without.stderr
    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(os.urandom(32))
    refused = kiban("restore", backup, "--data", other, "--key-file", wrong)
    assert refused.returncode == 1 and "is not the key of these rows" in refused.stderr
    restored = kiban("restore", backup, "--data", other, "--key-file", key)
    assert restored.returncode == 0, restored.stderr
    assert kiban("restore", backup, "--data", other, "--key-file", key).returncode == 1, "there is data by now"

    old_key = server.key
    server = serve("--data", other, "--key-file", key).use_key_of(other)
    assert server.key == old_key
    for arn in acknowledged:
        assert server.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
    filled.check_goes_on(server)


def test_what_is_no_backup_is_refused(serve: Callable[..., Server], tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = serve("--data", data).use_key_of(data)
    inside = kiban("backup", data / "backup", "--data", data)
    assert inside.returncode == 1 and "is in the data directory" in inside.stderr
    status, _ = server.get("/_kiban/backup")
    assert status == 200
    server.secret = "another"
    status, _ = server.get("/_kiban/backup")
    assert status == 403

    incomplete = tmp_path / "incomplete"
    incomplete.mkdir()
    refused = kiban("restore", incomplete, "--data", tmp_path / "other")
    assert refused.returncode == 1 and "not a complete backup" in refused.stderr
    (incomplete / "backup.json").write_text(json.dumps({"Format": 999, "Kiban": "9.9"}))
    newer = kiban("restore", incomplete, "--data", tmp_path / "other")
    assert newer.returncode == 1 and "made by kiban 9.9" in newer.stderr


def test_nothing_is_kept_of_an_ephemeral_server(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve("--ephemeral", "--auth", "any")
    refused = kiban("backup", tmp_path / "backup", "--endpoint", server.endpoint)
    assert refused.returncode == 1, refused.stdout
