"""A kiban server as a user has it (HTTP, signatures verified, every reply durable), and load on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from .base import BUILD, ROOT, NotMeasurable, Settings

REGION = "ap-northeast-1"
ROLE = "arn:aws:iam::000000000000:role/bench"
CONNECTIONS = 64


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="kiban-bench-", dir=ROOT / "build"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def answers(port: int, path: str = "/") -> bool:
    """Whether an HTTP server replies there with a status below 300."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as probe:
            probe.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return probe.recv(100).startswith(b"HTTP/1.1 2")
    except OSError:
        return False


def client(service: str, port: int, key: str = "test", secret: str = "test") -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(proxies={}, read_timeout=120, retries={"total_max_attempts": 1}),
    )


class Server:
    def __init__(self, binary: Path, data: Path) -> None:
        self.data = data
        self.port = free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KIBAN_"))}
        command = [binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", data, "--tasks", "none"]
        self.log = (data.parent / f"{data.name}.log").open("a")
        began = time.monotonic()
        self.process = subprocess.Popen(command, env=kept, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        while not answers(self.port, "/_kiban/health"):
            if self.process.poll() is not None:
                reason = Path(self.log.name).read_text()[-300:].strip()
                raise NotMeasurable(f"the server did not start: {reason}")
            time.sleep(0.0005)
        self.ready_after = time.monotonic() - began

    def client(self, service: str = "stepfunctions") -> Any:
        key = json.loads((self.data / "credentials.json").read_text())
        return client(service, self.port, key["AccessKeyId"], key["SecretAccessKey"])

    def role(self) -> None:
        """Makes the role of the machines, for those that call other services."""
        iam = self.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
        may = {"Effect": "Allow", "Action": ["s3:*", "states:*"], "Resource": "*"}
        version = {"Version": "2012-10-17"}
        iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps({**version, "Statement": [trust]}))
        iam.put_role_policy(
            RoleName="bench", PolicyName="bench", PolicyDocument=json.dumps({**version, "Statement": [may]})
        )

    def machine(self, name: str, definition: dict) -> str:
        made = self.client().create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        return made["stateMachineArn"]

    def load(self, machine: str, inputs: list[str] | None = None, **options: object) -> dict:
        """kiban_load's report of starting executions of the machine."""
        return load(self.port, machine, inputs, credentials=self.data / "credentials.json", **options)

    def drained(self, machine: str, seconds: float = 120) -> float:
        """Waits until no execution of the machine is running; the seconds that took."""
        pages = self.client().get_paginator("list_executions")
        asked = {"stateMachineArn": machine, "statusFilter": "RUNNING", "PaginationConfig": {"PageSize": 1}}
        began = time.monotonic()
        while any(page["executions"] for page in pages.paginate(**asked)):
            if time.monotonic() - began > seconds:
                raise NotMeasurable(f"executions are still running {seconds:.0f} s after the last was started")
            time.sleep(0.002)
        return time.monotonic() - began

    def memory(self) -> float:
        """MiB that are resident, pages of the binary and its libraries included."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found.group(1)) / 1024

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)
        self.log.close()


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    with directory() as made:
        server = Server(settings.binary, made / "data")
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.kill()


def load(
    port: int,
    machine: str,
    inputs: list[str] | None = None,
    *,
    credentials: Path | None = None,
    named: int = 0,
    **options: object,
) -> dict:
    """Options are kiban_load's: seconds, count, connections, rate, until_done, self.

    `named` executions get names of their own, for servers that make none."""
    requests = [{"stateMachineArn": machine, "input": given} for given in inputs or ["{}"]]
    if named:
        requests = [{**requests[n % len(requests)], "name": f"e{n}"} for n in range(named)]
    bodies = [json.dumps(request) for request in requests]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("\n".join(bodies) + "\n")
        file.flush()
        command: list[object] = [BUILD / "kiban_load", "--bodies", file.name, "--port", port]
        if credentials:
            command += ["--credentials", credentials]
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            command += [flag] if value is True else [flag, value]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode == 2 or not done.stdout:
        raise NotMeasurable(f"kiban_load failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def clean(report: dict) -> dict:
    """The report, which must be free of errors."""
    if report["errors"]:
        raise NotMeasurable(f"{report['errors']} errors of {report['done']}, the first: {report['first_error']}")
    return report
