"""Emulators from PyPI that speak Step Functions' API, under the same load as kiban."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers import PEERS

from . import machines
from .base import Measured, NotMeasurable, Settings, say
from .server import CONNECTIONS, ROLE, answers, client, directory, free_port, load

LOADED_SECONDS = 10
NAMED = 40_000  # Executions: more than an emulator starts in the time. moto wants a name for each.


@functools.cache
def python_with(package: str) -> Path:
    """A Python that has the PyPI package, in a virtual environment of its own."""
    venv = PEERS / f"venv-{package.partition('=')[0].partition('[')[0]}"
    python = venv / "bin" / "python"
    if (venv / "installed").exists():
        return python
    say(f"installing {package}")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", package], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or "pip failed").splitlines()[-1]
        raise NotMeasurable(f"not installed: {reason[:120]}")
    (venv / "installed").touch()
    return python


@contextlib.contextmanager
def process(command: list[Any], ready: Callable[[], bool], cwd: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Runs it until the block ends; NotMeasurable when it is not ready within a minute."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KIBAN_"))}
    with (cwd / "peer.log").open("w") as log:
        started = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env={**kept, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 60
            while not ready():
                if started.poll() is not None or time.monotonic() > deadline:
                    tail = (cwd / "peer.log").read_text()[-200:].replace("\n", " ")
                    raise NotMeasurable(f"does not start: {tail}")
                time.sleep(0.05)
            yield started
        finally:
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


@dataclass(frozen=True)
class Emulator:
    package: str
    command: Callable[[Path, int], list[Any]]
    environment: Callable[[int], dict[str, str]]
    ready_path: str
    configure: Callable[[int], None] = lambda port: None

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        python = python_with(self.package)
        port = free_port()
        with (
            directory() as folder,
            process(
                self.command(python, port),
                lambda: answers(port, self.ready_path),
                folder,
                **self.environment(port),
            ),
        ):
            self.configure(port)
            yield port


def execute_in_moto(port: int) -> None:
    """Without this setting moto's executions do not run."""
    settings = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/config", settings, method="POST"), timeout=30
    )


EMULATORS = {
    "moto": Emulator(
        "moto[server,stepfunctions]==5.2.5",
        lambda python, port: [python, "-m", "moto.server", "-p", port],
        lambda _: {},
        "/moto-api/",
        execute_in_moto,
    ),
    "ministack": Emulator(
        "ministack==1.5.33",
        lambda python, _: [python, "-m", "ministack"],
        lambda port: {"GATEWAY_PORT": str(port), "EDGE_PORT": str(port)},
        "/_ministack/health",
    ),
}
INPUTS = {"map": json.dumps({"items": [{"n": n} for n in range(1000)]})}
DEFINITIONS = {
    "start": machines.PASS,
    "ten": machines.chain(10),
    "single": machines.chain(10),
    "loop": machines.LOOP,
    "map": machines.MAP,
}


def wait_until_done(steps: Any, machine: str, seconds: float) -> float:
    began = time.monotonic()
    while steps.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        if time.monotonic() - began > seconds:
            raise NotMeasurable(f"executions still run {seconds:.0f} s after the last was started")
        time.sleep(0.01)
    return time.monotonic() - began


def on_emulator(name: str, key: str) -> Callable[[Settings], Measured]:
    def measure(settings: Settings) -> Measured:
        seconds = settings.pick(LOADED_SECONDS, 4)
        with EMULATORS[name].serving() as port:
            steps = client("stepfunctions", port)
            machine = steps.create_state_machine(name="m", definition=json.dumps(DEFINITIONS[key]), roleArn=ROLE)
            arn, given = machine["stateMachineArn"], [INPUTS.get(key, "{}")]
            if key in ("start", "ten"):
                report = load(port, arn, given, connections=CONNECTIONS, seconds=seconds, named=NAMED)
                if report["errors"] or not report["done"]:
                    raise NotMeasurable(f"{report['errors']} starts failed: {report['first_error'][:100]}")
                rest = wait_until_done(steps, arn, 90) if key == "ten" else 0
                rate = report["median_rate"] if key == "start" else report["done"] / (report["seconds"] + rest)
                return Measured({key: rate}, {"load": report})
            report = load(port, arn, given, connections=1, seconds=seconds, until_done=True, named=NAMED // 10)
            if not report["done"]:
                raise NotMeasurable(f"no execution succeeded: {report['first_error'][:100]}")
            return Measured({key: report["p50_ms"]}, {"load": report})

    return measure


def emulators(key: str) -> dict[str, Callable[[Settings], Measured]]:
    return {name: on_emulator(name, key) for name in EMULATORS}
