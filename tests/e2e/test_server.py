"""The server as a process: what it answers, what it refuses, how it begins and ends."""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from conftest import BINARY, kiban


def error_of(call, **arguments) -> str:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"]


def raw(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(text)
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := wire.recv(65536):
            answer += piece
        return answer


def test_health_tells_that_it_serves(server):
    status, body = server.get("/_kiban/health")
    assert status == 200
    assert json.loads(body)["status"] == "ok"
    assert server.get("/_kiban/nothing")[0] == 404


def test_an_idle_server_sleeps(server):
    """Though a client keeps its connection open."""

    def wakes() -> int:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[1])

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        wire.sendall(b"GET /_kiban/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)
        before = wakes()
        time.sleep(2)
        assert wakes() - before <= 2


def test_queues_work_over_boto3(server):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    received = sqs.receive_message(QueueUrl=url)["Messages"]
    assert [m["Body"] for m in received] == ["hello"]
    assert error_of(sqs.get_queue_url, QueueName="none") in (
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    )


def test_a_long_poll_waits_for_a_message_and_not_for_its_whole_time(server):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        server.client("sqs").send_message(QueueUrl=url, MessageBody="now")
        assert waiting.result(timeout=10)["Messages"][0]["Body"] == "now"


def test_bad_input_gets_an_error_and_the_server_stays_up(server):
    for sent in (
        b"\x00\xff garbage\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{]",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.Nope\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Nope.Nope\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.CreateQueue\r\n"
        b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: 9\r\n\r\n" + b"[" * 9,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 11\r\n\r\nAction=%zz&",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"DELETE /bucket/key?x=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        answer = raw(server.port, sent)
        # 501: what names no service is taken for S3, which has no such operation.
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), (sent[:80], answer[:200])
    assert server.get("/_kiban/health")[0] == 200


def test_signatures_are_verified(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    assert server.client("sqs").list_queues().get("QueueUrls") is None
    assert error_of(server.client("sqs", aws_secret_access_key="wrong").list_queues) in (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
    )
    assert error_of(server.client("sqs", aws_access_key_id="AKIAWRONGWRONGWRONG0").list_queues) in (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    )
    answer = raw(
        server.port,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"
        b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}",
    )
    assert b"MissingAuthenticationToken" in answer


def test_what_was_acknowledged_survives_kill(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for i in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(i))
    server.kill()
    again = serve("--data", tmp_path, port=server.port).use_key_of(tmp_path)
    assert (again.key, again.secret) == (server.key, server.secret)
    bodies = set()
    while messages := again.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies |= {m["Body"] for m in messages}
    assert bodies == {str(i) for i in range(20)}


def test_a_full_disk_ends_it_and_loses_nothing_that_was_acknowledged(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", file_bytes_max=1_000_000)
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    acknowledged = 0
    with pytest.raises((ClientError, EndpointConnectionError, ConnectionClosedError)):
        for _ in range(100):
            sqs.send_message(QueueUrl=url, MessageBody="x" * 50_000)
            acknowledged += 1
    assert 0 < acknowledged < 100
    assert server.process.wait(timeout=20) == 1
    assert "kiban: store: " in server.process.stderr.read()
    again = serve("--data", tmp_path, "--auth", "any").client("sqs")
    attributes = again.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert int(attributes["Attributes"]["ApproximateNumberOfMessages"]) >= acknowledged


@pytest.mark.parametrize("mebibytes", [40, 70, 100])
def test_too_little_memory_is_said_and_not_a_crash(tmp_path, mebibytes):
    size = mebibytes * 1024 * 1024
    ended = subprocess.run(
        [BINARY, "serve", "--data", tmp_path, "--listen", "127.0.0.1:0", "--tasks", "none"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1, ended
    assert ended.stderr.splitlines()[-1].startswith("kiban: ")


def test_ends_with_0_when_asked_and_keeps_no_server_file(serve, tmp_path):
    server = serve("--data", tmp_path)
    assert (tmp_path / "server.json").exists()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=10) == 0
    assert not (tmp_path / "server.json").exists()


def test_refuses_a_port_in_use(server, tmp_path):
    done = kiban("serve", "--listen", f"127.0.0.1:{server.port}", "--data", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("kiban: listen: 127.0.0.1:")
    assert "Address already in use" in done.stderr and "--listen" in done.stderr


def test_refuses_data_that_another_serves(serve, tmp_path):
    serve("--data", tmp_path)
    done = kiban("serve", "--listen", "127.0.0.1:0", "--data", tmp_path)
    assert done.returncode == 1
    assert "another process holds" in done.stderr


def test_refuses_a_directory_it_cannot_write():
    done = kiban("serve", "--listen", "127.0.0.1:0", "--data", "/proc/kiban")
    assert done.returncode == 1
    assert done.stderr.startswith("kiban: data: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["serve", "--nonsense"],
        ["serve", "--auth", "none"],
        ["serve", "--account", "12"],
        ["serve", "--listen", "127.0.0.1:http"],
        ["history"],
    ],
)
def test_wrong_usage_ends_with_2(arguments):
    done = kiban(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("kiban: ")


def test_help_teaches():
    done = kiban("--help")
    assert done.returncode == 0
    for word in ("serve", "env", "start", "history", "doctor"):
        assert word in done.stdout
    assert "--ephemeral" in kiban("serve", "--help").stdout


def test_env_gives_clients_what_they_need(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    exports = kiban("env", "--data", tmp_path).stdout
    for line in (
        f"export AWS_ENDPOINT_URL='{server.endpoint}'",
        "export AWS_REGION='ap-northeast-1'",
        "export AWS_DEFAULT_REGION='ap-northeast-1'",
        f"export AWS_ACCESS_KEY_ID='{server.key}'",
        f"export AWS_SECRET_ACCESS_KEY='{server.secret}'",
        "export AWS_EC2_METADATA_DISABLED='true'",
        "export NO_PROXY='127.0.0.1'",
    ):
        assert line in exports
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_a_command_without_a_server_says_so(tmp_path):
    done = kiban("executions", "--data", tmp_path, "--endpoint", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "no server answers at http://127.0.0.1:1" in done.stderr and "kiban serve" in done.stderr


def test_doctor_and_reset(serve, tmp_path):
    server = serve("--data", tmp_path)
    assert kiban("doctor", "--data", tmp_path).returncode == 0
    checks = json.loads(kiban("doctor", "--data", tmp_path, "--json").stdout)
    assert {"check": "server", "ok": True}.items() <= checks[0].items()
    assert kiban("reset", "--data", tmp_path, "--yes").returncode == 1
    server.stop()
    assert kiban("reset", "--data", tmp_path).returncode == 2
    assert kiban("reset", "--data", tmp_path, "--yes").returncode == 0
    assert not (Path(tmp_path) / "rows").exists()
    assert kiban("doctor", "--data", tmp_path, "--endpoint", "http://127.0.0.1:1").returncode == 1


def test_kiban_aws_runs_the_aws_cli(serve, tmp_path):
    serve("--data", tmp_path)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    made = kiban("aws", "--data", tmp_path, "sqs", "create-queue", "--queue-name", "q", PATH=path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["QueueUrl"].endswith("/q")
    failed = kiban("aws", "--data", tmp_path, "sqs", "get-queue-url", "--queue-name", "none", PATH=path)
    assert failed.returncode != 0 and "NonExistentQueue" in failed.stderr
    behind = kiban("aws", "sqs", "get-queue-url", "--queue-name", "q", "--data", tmp_path, PATH=path)
    assert behind.returncode == 0, behind.stderr


def test_what_was_asked_is_recorded(server):
    server.client("sqs").list_queues()
    recorded = [json.loads(line) for line in server.get("/_kiban/decisions")[1].splitlines()]
    assert recorded[-1]["action"] == "sqs:ListQueues"
    assert recorded[-1]["principal"] == "arn:aws:iam::000000000000:root"
    assert recorded[-1]["verdict"] == "Allowed"
