"""A kiban server for each test that wants one, and boto3 clients for it.

The binary is $KIBAN_BINARY, or what the release preset built.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("KIBAN_BINARY", ROOT / "build" / "release" / "kiban"))
REGION = "ap-northeast-1"


def environment(**extra: str) -> dict[str, str]:
    """Ours without what would lead a client elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KIBAN_"))}
    return {**kept, "NO_PROXY": "127.0.0.1", **extra}


def kiban(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Server:
    """One process, on a port of its own."""

    def __init__(
        self,
        *arguments: str | Path,
        port: int = 0,
        file_bytes_max: int | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        def limit() -> None:
            if file_bytes_max is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

        # Unless a test is about tasks, the host's network is left alone.
        tasks = () if "--tasks" in arguments else ("--tasks", "none")
        self.process = subprocess.Popen(
            [str(BINARY), "serve", "--listen", f"127.0.0.1:{port}", *map(str, arguments), *tasks],
            env=environment(**(extra or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,  # It takes no lock.  # noqa: PLW1509
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, f"it did not begin to serve: {line!r}"
        self.endpoint = found.group(0)
        self.port = int(found.group(1))
        self.key, self.secret = "test", "test"

    def use_key_of(self, data: Path) -> Server:
        credentials = json.loads((data / "credentials.json").read_text())
        self.key, self.secret = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        return self

    def client(self, service: str, **changes):  # boto3 has no types of its own
        arguments = {
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
            "region_name": REGION,
            "config": Config(retries={"total_max_attempts": 1}, proxies={}),
        }
        return boto3.client(service, endpoint_url=self.endpoint, **{**arguments, **changes})

    def get(self, path: str) -> tuple[int, bytes]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        token = hashlib.sha256(f"kiban token {self.secret}".encode()).hexdigest()  # Paths below /_kiban/ want it.
        request = urllib.request.Request(self.endpoint + path, headers={"X-Kiban-Token": token})
        try:
            with opener.open(request, timeout=10) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C, which ends its tasks and databases too; after SIGTERM they go on."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*arguments: str | Path, **options: Any) -> Server:
        servers.append(Server(*arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tasks and databases end with their server, unless a test makes them survive it, and then ends them."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    assert not [place for place in places if place.startswith(base)]


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve("--ephemeral", "--auth", "any")


def pytest_configure(config: pytest.Config) -> None:
    if not BINARY.exists():
        sys.exit(f"kiban: end-to-end tests: there is no {BINARY}. Build it, or set KIBAN_BINARY")
