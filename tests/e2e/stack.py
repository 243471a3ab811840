"""The six stacks on a server of their own, in a network namespace of their own: nothing of the host's ports
or bridges is touched, and nothing is left. Needs root, runc and the rest of `tools/setup run`."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from conftest import REGION, ROOT, Server, environment
from waiting import finished

CDK = ROOT / "cdk"
IMAGE = ROOT / "build/image"
PROGRAMS = ("runc", "conmon", "umoci", "skopeo", "ip", "node", "npm", "buildah", "mmdebstrap")


def missing() -> str:
    """Why it can't be here; empty when it can."""
    if os.geteuid() != 0:
        return "containers need root"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)} (tools/setup run)" if absent else ""


@contextlib.contextmanager
def network_namespace(name: str) -> Iterator[None]:
    """Moves this thread, and the threads and processes it starts, into a network of their own."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path: str) -> None:
        with Path(path).open() as file:
            if libc.setns(file.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), f"setns {path}")

    subprocess.run(["ip", "netns", "add", name], check=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(f"/run/netns/{name}")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        enter(f"/proc/self/fd/{home}")
        os.close(home)
        subprocess.run(["ip", "netns", "delete", name], check=True)


def prepare() -> None:
    """The image and the CDK app, as ./run makes them; quick when they are there."""
    subprocess.run([ROOT / "tools/build-image"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([ROOT / "tools/cdk-packages"], check=True, stdout=subprocess.DEVNULL)


class Stack:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.server: Server
        self.serve()

    def serve(self) -> None:
        arguments = ("--data", self.data, "--tasks", "containers", "--loopback-targets", "allow")  # The receiver.
        self.server = Server(*arguments, port=4566).use_key_of(self.data)

    def client(self, service: str):  # boto3 has no types of its own
        return self.server.client(service)

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(CDK / "node_modules/.bin"), os.environ["PATH"]])
        return environment(
            AWS_ENDPOINT_URL=self.server.endpoint,
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID=self.server.key,
            AWS_SECRET_ACCESS_KEY=self.server.secret,
            AWS_EC2_METADATA_DISABLED="true",
            CDK_DISABLE_CLI_TELEMETRY="true",
            CI="1",
            HOME=str(self.directory),  # The CLI caches account ids there.
            PATH=path,
        )

    def cdk(self, *arguments: str, stage: str = "dev") -> str:
        """What the CDK CLI printed; it must have succeeded."""
        out = self.directory / f"cdk.out-{stage}"
        done = subprocess.run(
            ["cdk", *arguments, "-c", f"stage={stage}", "--output", str(out)],
            cwd=CDK,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"cdk {' '.join(arguments)}:\n{done.stdout}"
        return done.stdout

    def push(self, repository: str) -> None:
        token = self.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        to = f"docker://127.0.0.1:{self.server.port}/{repository}:latest"
        credentials = base64.b64decode(token).decode()
        command = ["skopeo", "copy", f"oci:{IMAGE}:latest", to, "--dest-tls-verify=false", "--dest-creds", credentials]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def deploy(self, stage: str) -> None:
        self.cdk("deploy", f"{stage}-EcrStack", "--require-approval", "never", stage=stage)
        self.push(f"{stage}-app")
        self.cdk("deploy", "--all", "--require-approval", "never", stage=stage)

    def machine(self, name: str) -> str:
        machines = self.client("stepfunctions").list_state_machines()["stateMachines"]
        return next(each["stateMachineArn"] for each in machines if each["name"] == name)

    def start(self, name: str, **given: object) -> str:
        states = self.client("stepfunctions")
        return states.start_execution(stateMachineArn=self.machine(name), input=json.dumps(given))["executionArn"]

    def ended(self, execution: str, seconds: float = 90) -> dict:
        return finished(self.client("stepfunctions"), execution, seconds)

    def history(self, execution: str) -> list[dict]:
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [event for page in pages.paginate(executionArn=execution) for event in page["events"]]

    def messages(self, group: str, **filters: str) -> list[str]:
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, **filters)
        return [event["message"] for page in pages for event in page["events"]]

    def rows(self, sql: str, stage: str = "dev") -> list[list[str]]:
        """What the stage's database answers."""
        secret = self.client("secretsmanager").get_secret_value(SecretId=f"{stage}-database")["SecretString"]
        at = json.loads(secret)
        command = ["psql", "-h", "127.0.0.1", "-p", str(at["port"]), "-U", at["username"], "-d", at["dbname"]]
        env = environment(PGPASSWORD=at["password"])
        done = subprocess.run(
            [*command, "-AtF", "|", "-c", sql], env=env, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]
