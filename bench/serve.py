"""The server under load, against the budgets: start, memory, size, executions over HTTP, recovery.

    python3 bench/serve.py [--seconds 30] [--running 100000] [--binary build/release/kiban]

Everything is as a user has it: HTTP, signatures verified, every reply durable. The client signs a
request once and sends the same bytes again and again over 64 connections, so that little of the
machine goes to it. Needs boto3 (build/venv has it).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build" / "venv" / "bin" / "python"
if Path(sys.prefix) != PYTHON.parent.parent and PYTHON.exists():
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

REGION = "ap-northeast-1"
ROLE = "arn:aws:iam::000000000000:role/bench"
CONNECTIONS = 64


def chain(count: int) -> dict:
    states: dict = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(count - 1)}
    return {"StartAt": "S0", "States": {**states, f"S{count - 1}": {"Type": "Pass", "End": True}}}


WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 864000, "End": True}}}
# 2,003 transitions: a choice and an addition for each round.
LOOP = {
    "StartAt": "Begin",
    "States": {
        "Begin": {"Type": "Pass", "Result": {"i": 0}, "Next": "Enough"},
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.i", "NumericGreaterThanEquals": 1000, "Next": "End"}],
            "Default": "Add",
        },
        "Add": {"Type": "Pass", "Parameters": {"i.$": "States.MathAdd($.i, 1)"}, "Next": "Enough"},
        "End": {"Type": "Succeed"},
    },
}
MAP = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
            "End": True,
        }
    },
}


class Server:
    def __init__(self, binary: Path, data: Path) -> None:
        self.data = data
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KIBAN_"))}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        began = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", data, "--tasks", "none"],
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while not self.ready():
            if self.process.poll() is not None:
                sys.exit("bench: the server did not start")
            time.sleep(0.0005)
        self.ready_after = time.monotonic() - began
        key = json.loads((data / "credentials.json").read_text())
        self.credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        self.link = self.connect()

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as probe:
                probe.sendall(b"GET /_kiban/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return probe.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def connect(self) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def signed(self, operation: str, body: dict) -> bytes:
        """The bytes of a request, good for some minutes."""
        request = AWSRequest(
            method="POST",
            url=f"http://127.0.0.1:{self.port}/",
            data=json.dumps(body),
            headers={
                "Host": f"127.0.0.1:{self.port}",
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"AWSStepFunctions.{operation}",
            },
        )
        SigV4Auth(self.credentials, "states", REGION).add_auth(request)
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        data = json.dumps(body).encode()
        return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(data)}\r\n\r\n".encode() + data

    def ask(self, request: bytes) -> dict:
        self.link.sendall(request)
        reply = b""
        while (end := complete(reply)) is None:
            more = self.link.recv(1 << 20)
            if not more:
                sys.exit("bench: the server closed the connection")
            reply += more
        head, _, body = reply[:end].partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"bench: {reply[:end].decode()}")
        return json.loads(body)

    def machine(self, name: str, definition: dict) -> str:
        made = self.signed("CreateStateMachine", {"name": name, "definition": json.dumps(definition), "roleArn": ROLE})
        return self.ask(made)["stateMachineArn"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)

    def memory(self) -> float:
        """MiB of its own: what is resident, less the pages of files that others share."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024  # type: ignore[union-attr]


LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def complete(reply: bytes) -> int | None:
    """Where the first reply ends, if all of it is there."""
    head = reply.find(b"\r\n\r\n")
    if head < 0:
        return None
    found = LENGTH.search(reply, 0, head)
    end = head + 4 + (int(found.group(1)) if found else 0)
    return end if len(reply) >= end else None


def hammer(server: Server, request: bytes, seconds: float, most: int = sys.maxsize) -> list[int]:
    """Replies in each whole second, with one request under way on every connection."""
    chosen = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        link = server.connect()
        link.setblocking(False)
        chosen.register(link, selectors.EVENT_READ)
        link.send(request)
    counts: list[int] = []
    done = sent = 0
    began = tick = time.monotonic()
    while (now := time.monotonic()) - began < seconds and done < most:
        if now - tick >= 1:
            counts.append(sent)
            sent, tick = 0, tick + 1
        for key, _events in chosen.select(1):
            link = key.fileobj
            reply = link.recv(65536)  # type: ignore[union-attr]
            if not reply.startswith(b"HTTP/1.1 200"):
                sys.exit(f"bench: {reply[:500]!r}")
            sent += 1
            done += 1
            link.send(request)  # type: ignore[union-attr]
    if not counts:
        counts.append(round(done / max(time.monotonic() - began, 1e-9)))
    for key in list(chosen.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    return counts


def run_once(server: Server, start: bytes) -> float:
    """Milliseconds from the call to the reply that says SUCCEEDED, without the client's signing."""
    began = time.monotonic()
    arn = server.ask(start)["executionArn"]
    spent = time.monotonic() - began
    describe = server.signed("DescribeExecution", {"executionArn": arn})
    began = time.monotonic()
    while (status := server.ask(describe)["status"]) == "RUNNING":
        pass
    if status != "SUCCEEDED":
        sys.exit(f"bench: the execution ended {status}")
    return (spent + time.monotonic() - began) * 1000


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="kiban-bench-", dir=ROOT / "build"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


class Report:
    def __init__(self) -> None:
        self.missed = 0
        print(f"{'what':<48}{'budget':>16}{'measured':>16}   load")

    def line(self, what: str, budget: float, measured: float, unit: str, *, at_least: bool = False) -> None:
        good = measured >= budget if at_least else measured <= budget
        self.missed += not good
        sign = ">=" if at_least else "<="
        load = os.getloadavg()[0]
        print(
            f"{what:<48}{f'{sign} {budget:,g} {unit}':>16}{f'{measured:,.4g} {unit}':>16}"
            f"   {load:.1f}{'' if good else '  missed'}",
            flush=True,
        )


def measure_start(binary: Path, report: Report) -> None:
    empty, closed, memory = [], [], []
    for _ in range(10):
        with directory() as data:
            server = Server(binary, data)
            empty.append(server.ready_after * 1000)
            memory.append(server.memory())
            server.stop()
            server = Server(binary, data)
            closed.append(server.ready_after * 1000)
            server.stop()
    report.line("start to ready, empty directory, median of 10", 25, statistics.median(empty), "ms")
    report.line("start to ready, cleanly closed, median of 10", 25, statistics.median(closed), "ms")
    report.line("memory then (resident)", 15, statistics.median(memory), "MiB")
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, binary], check=True)
        report.line("stripped binary", 40, Path(stripped.name).stat().st_size / 1e6, "MB")


def measure_load(binary: Path, report: Report, seconds: float) -> None:
    with directory() as data:
        server = Server(binary, data)
        one = server.signed("StartExecution", {"stateMachineArn": server.machine("one", chain(1))})
        rates = hammer(server, one, seconds)
        report.line(f"StartExecution, {CONNECTIONS} connections", 20000, statistics.median(rates), "/s", at_least=True)
        ten = server.signed("StartExecution", {"stateMachineArn": server.machine("ten", chain(10))})
        rates = hammer(server, ten, 2 * seconds)
        report.line("ten Pass states, sustained", 15000, statistics.median(rates), "/s", at_least=True)
        server.stop()


def measure_single(binary: Path, report: Report) -> None:
    items = [{"n": n} for n in range(1000)]
    with directory() as data:
        server = Server(binary, data)
        for what, budget, definition, given, times in (
            ("ten Pass states, one at a time, p50", 0.6, chain(10), {}, 500),
            ("loop of 1,000, p50", 20, LOOP, {}, 20),
            ("Map over 1,000, p50", 10, MAP, {"items": items}, 20),
        ):
            name = re.sub(r"\W", "", what)
            arn = server.machine(name, definition)
            start = server.signed("StartExecution", {"stateMachineArn": arn, "input": json.dumps(given)})
            report.line(what, budget, statistics.median(run_once(server, start) for _ in range(times)), "ms")
        server.stop()


def measure_recovery(binary: Path, report: Report, running: int) -> None:
    with directory() as data:
        server = Server(binary, data)
        wait = server.signed("StartExecution", {"stateMachineArn": server.machine("wait", WAIT)})
        hammer(server, wait, 600, running)
        server.kill()
        server = Server(binary, data)
        report.line(f"recovery after kill -9, {running:,} running", 1, server.ready_after, "s")
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of load; ten states get twice as long")
    parser.add_argument("--running", type=int, default=100_000, help="executions that are running when it is killed")
    parser.add_argument("--binary", type=Path, default=ROOT / "build" / "release" / "kiban")
    parser.add_argument("--only", choices=["start", "load", "single", "recovery"])
    options = parser.parse_args()
    if not options.binary.exists():
        sys.exit(f"bench: there is no {options.binary}. cmake --preset release && cmake --build --preset release")
    report = Report()
    parts = {
        "start": lambda: measure_start(options.binary, report),
        "load": lambda: measure_load(options.binary, report, options.seconds),
        "single": lambda: measure_single(options.binary, report),
        "recovery": lambda: measure_recovery(options.binary, report, options.running),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            part()
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
