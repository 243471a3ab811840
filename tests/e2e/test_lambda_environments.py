"""Lambda functions where they run: in sandboxes and as processes, across the end of the server."""

from __future__ import annotations

import io
import json
import signal
import zipfile
from pathlib import Path

import pytest
import test_containers as containers
from botocore.exceptions import ClientError
from ecs_tasks import ROLE
from waiting import until

network = containers.network
image = containers.image

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
WAYS = ["process", pytest.param("containers", marks=containers.pytestmark)]


def packed(code: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("app.py", code)
    return archive.getvalue()


@pytest.fixture(params=WAYS)
def start(request, network, serve, tmp_path):
    """Starts a server on the same data; the functions run in one of the two ways."""
    source = ["--source", tmp_path] if request.param == "process" else []

    def begin():
        server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", request.param, *source)
        try:
            server.client("lambda").list_functions()
        except ClientError as error:
            pytest.skip(f"this build has no service Lambda: {error}")
        return server

    return begin


def create(server, code: str, name: str = "f", **more) -> None:
    iam = server.client("iam")
    role = ROLE.rsplit("/", 1)[1]
    if role not in [one["RoleName"] for one in iam.list_roles()["Roles"]]:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
    functions = server.client("lambda")
    settings = {"Runtime": "python3.11", "Handler": "app.handler", "Role": ROLE, "Timeout": 20, **more}
    functions.create_function(FunctionName=name, Code={"ZipFile": packed(code)}, **settings)
    functions.get_waiter("function_active_v2").wait(FunctionName=name)


def invoke(server, event: object = None, name: str = "f", **more) -> dict:
    reply = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return {**reply, "Answer": json.loads(reply["Payload"].read() or b"null")}


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_function_calls_the_server_with_its_role_and_its_lines_are_kept(start):
    server = start()
    create(
        server,
        "import boto3\ndef handler(event, context):\n"
        "    print('hello', event['name'])\n"
        "    return boto3.client('sts').get_caller_identity()['Arn']\n",
    )
    reply = invoke(server, {"name": "Ada"})
    assert reply.get("FunctionError") is None, reply["Answer"]
    assert reply["Answer"].startswith("arn:aws:sts::000000000000:assumed-role/task/")
    logs = server.client("logs")
    events = until(
        lambda: logs.filter_log_events(logGroupName="/aws/lambda/f")["events"], "the function has no log", 10
    )
    words = [event["message"].split()[0] for event in events]
    assert words == ["INIT_START", "START", "hello", "END", "REPORT"]


# One invocation by the Runtime API, in the bash of the image.
RUNTIME_LOOP = r"""
exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n' >&3
while IFS= read -r line <&3; do
  line=${line%$'\r'}
  [ -n "$line" ] || break
  case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
done
answer="\"$FROM\""
exec 4<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n%s' \
  "$id" ${#answer} "$answer" >&4
sleep 60
"""


@containers.pytestmark
def test_an_image_that_was_pushed_runs_as_a_function(network, image, serve, tmp_path):
    server = serve("--data", tmp_path / "data", "--tasks", "containers").use_key_of(tmp_path / "data")
    server.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(TRUST))
    settings = {
        "PackageType": "Image",
        "Role": ROLE.rsplit("/", 1)[0] + "/f",
        "Code": {"ImageUri": containers.push(server, image)},
        "ImageConfig": {"EntryPoint": ["bash", "-c"], "Command": [RUNTIME_LOOP]},
        "Environment": {"Variables": {"FROM": "the image"}},
    }
    made = server.client("lambda").create_function(FunctionName="f", Timeout=20, **settings)
    assert made["PackageType"] == "Image"
    reply = invoke(server)
    assert (reply.get("FunctionError"), reply["Answer"]) == (None, "the image")
    found = server.client("lambda").get_function(FunctionName="f")["Code"]
    assert found["ImageUri"] == settings["Code"]["ImageUri"]
    assert found["ResolvedImageUri"].startswith("000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/api@sha256:")


def test_environments_end_with_a_killed_server_and_functions_run_after_it(start, tmp_path):
    server = start()
    create(server, "import os\ndef handler(event, context):\n    return os.stat('/proc/self/ns/pid').st_ino\n")
    namespace = invoke(server)["Answer"]

    def processes() -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                inside = words and (entry / "ns/pid").stat().st_ino == namespace
            except OSError:
                continue
            if inside and b"awslambdaric" in words:
                found.append(int(entry.name))
        return found

    before = processes()
    assert before
    server.kill()
    again = start()
    until(lambda: not any(runs(pid) for pid in before), "a function outlived its server for good")
    folder = tmp_path / "data" / "tasks" / "functions"
    until(lambda: not folder.exists() or not list(folder.iterdir()), "sandboxes are left")
    assert invoke(again)["StatusCode"] == 200


def test_an_accepted_event_is_run_after_a_crash(start, tmp_path):
    server = start()
    create(
        server,
        "import time, boto3\ndef handler(event, context):\n    time.sleep(1)\n"
        "    sqs = boto3.client('sqs')\n"
        "    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName='q')['QueueUrl'], MessageBody='done')\n",
    )
    server.client("sqs").create_queue(QueueName="q")
    server.client("lambda").invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    server.kill()
    again = start().client("sqs")
    url = again.get_queue_url(QueueName="q")["QueueUrl"]
    until(lambda: again.receive_message(QueueUrl=url).get("Messages"), "the event is lost", 20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_of_a_server_ends_its_functions(start, tmp_path, number):
    server = start()
    create(server, "def handler(event, context):\n    return 1\n")
    assert invoke(server)["Answer"] == 1
    assert server.stop(number) == 0
    folder = tmp_path / "data" / "tasks" / "functions"
    assert not folder.exists() or not list(folder.iterdir())
