"""Lambda functions in sandboxes: cold start, warm invocations one by one, and the rate with eight callers.

A cold start is timed from Invoke to its answer; beside it a function whose bootstrap runs `python3 -c pass` in the same
sandbox and answers. Needs root, runc, conmon, umoci and iproute2, and build/release/kiban (or $KIBAN_BINARY) with
build/lambda-python. It works in a network namespace of its own. With --tasks process the functions are processes of
this host. Ends with 1 when something that is promised was missed."""

from __future__ import annotations

import argparse
import ctypes
import io
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("KIBAN_BINARY", ROOT / "build/release/kiban"))
CLONE_NEWNET = 0x40000000
COLD_RUNS = 15
WARM_RUNS = 2000
CALLERS = 8
LOAD_SECONDS = 8.0
COLD_RATIO_MAX = 2.5
WARM_P50_MS_MAX = 1.5
RATE_MIN = 2000.0

HANDLER = "def handler(event, context):\n    return event\n"
# The Runtime API without a runtime: what it costs is the interpreter's start and end.
BASELINE = r"""#!/bin/bash
/usr/bin/python3 -c pass
exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\n\r\n' >&3
while IFS= read -r line <&3; do
  line=${line%$'\r'}
  [ -n "$line" ] || break
  case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
done
exec 4<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
answer='Host: api\r\nContent-Length: 4\r\n\r\nnull'
printf "POST /2018-06-01/runtime/invocation/$id/response HTTP/1.1\r\n$answer" >&4
sleep 1000
"""


def zipped(name: str, content: str, mode: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.create_system = 3
        entry.external_attr = (0o100000 | mode) << 16
        archive.writestr(entry, content)
    return packed.getvalue()


class Engine:
    def __init__(self, work: Path, tasks: str) -> None:
        serving = ["--listen", "127.0.0.1:0", "--auth", "any", "--data", work / "data", "--tasks", tasks]
        if tasks == "process":
            serving += ["--source", work]
        self.process = subprocess.Popen([BINARY, "serve", *serving], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found, "the server did not start"
        self.port = int(found[1])
        self.lambda_client = self.client("lambda")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        role = self.client("iam").create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust))
        self.role = role["Role"]["Arn"]

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="ap-northeast-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(proxies={}, retries={"max_attempts": 1}),
        )

    def create(self, name: str, runtime: str, code: bytes) -> None:
        self.lambda_client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler="app.handler",
            Role=self.role,
            Code={"ZipFile": code},
            Timeout=30,
            MemorySize=256,
        )
        self.lambda_client.get_waiter("function_active_v2").wait(FunctionName=name)

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


class Caller:
    """One connection that sends the same Invoke again and again."""

    def __init__(self, port: int, function: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        now = datetime.now(UTC)
        scope = f"{now:%Y%m%d}/ap-northeast-1/lambda/aws4_request"
        self.request = (
            f"POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"X-Amz-Date: {now:%Y%m%dT%H%M%SZ}\r\nContent-Type: application/json\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential=any/{scope}, SignedHeaders=host, Signature=00\r\n"
            "Content-Length: 2\r\n\r\n{}"
        ).encode()

    def invoke(self) -> None:
        self.socket.sendall(self.request)
        reply = self.socket.recv(65536)
        while not (reply.endswith(b"\r\n\r\n{}")):
            more = self.socket.recv(65536)
            if not more or b" 200 OK" not in reply[:20]:
                sys.exit(f"bench: Invoke was answered with {reply!r}")
            reply += more


def cold_ms(engine: Engine, runtime: str, code: bytes, name: str) -> float:
    engine.create(name, runtime, code)
    begun = time.perf_counter()
    reply = engine.lambda_client.invoke(FunctionName=name, Payload=b"{}")
    taken = (time.perf_counter() - begun) * 1000
    assert "FunctionError" not in reply, reply["Payload"].read()
    engine.lambda_client.delete_function(FunctionName=name)
    return taken


def measure_cold(engine: Engine) -> tuple[list[float], list[float]]:
    python = zipped("app.py", HANDLER, 0o644)
    baseline = zipped("bootstrap", BASELINE, 0o755)
    function: list[float] = []
    bare: list[float] = []
    for run in range(COLD_RUNS + 1):
        bare.append(cold_ms(engine, "provided.al2023", baseline, f"bare{run}"))
        function.append(cold_ms(engine, "python3.11", python, f"cold{run}"))
    return function[1:], bare[1:]  # The first asks the host for its interpreters.


def measure_warm(engine: Engine) -> list[float]:
    caller = Caller(engine.port, "warm")
    for _ in range(100):
        caller.invoke()
    taken = []
    for _ in range(WARM_RUNS):
        begun = time.perf_counter()
        caller.invoke()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def measure_rate(engine: Engine) -> float:
    counts = [0] * CALLERS
    begun = time.perf_counter()

    def work(number: int) -> None:
        caller = Caller(engine.port, "warm")
        while time.perf_counter() - begun < LOAD_SECONDS:
            caller.invoke()
            # What comes while the environments start is not counted.
            counts[number] += time.perf_counter() - begun > LOAD_SECONDS / 2

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (LOAD_SECONDS / 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", choices=["containers", "process"], default="containers")
    tasks = parser.parse_args().tasks
    if os.geteuid() != 0:
        sys.exit("bench: sandboxes need root")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        sys.exit("bench: a network namespace can't be made")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    work = Path(tempfile.mkdtemp(prefix="kiban-bench-"))
    engine = Engine(work, tasks)
    try:
        function, bare = measure_cold(engine)
        engine.create("warm", "python3.11", zipped("app.py", HANDLER, 0o644))
        warm = measure_warm(engine)
        rate = measure_rate(engine)
    finally:
        engine.end()
        shutil.rmtree(work, ignore_errors=True)
    ratio = statistics.median(function) / statistics.median(bare)
    p50 = statistics.median(warm)
    print(f"load {os.getloadavg()[0]:.1f}, --tasks {tasks}")
    print(f"cold start, median of {COLD_RUNS}: {statistics.median(function):.1f} ms ({min(function):.1f} fastest)")
    print(f"`python3 -c pass` in the same sandbox: {statistics.median(bare):.1f} ms ({min(bare):.1f} fastest)")
    print(f"ratio: {ratio:.2f}; promised: {COLD_RATIO_MAX}")
    print(
        f"warm, one caller: p50 {p50:.2f} ms, p99 {sorted(warm)[-len(warm) // 100]:.2f} ms; promised: {WARM_P50_MS_MAX}"
    )
    print(f"{CALLERS} callers: {rate:.0f}/s; promised: {RATE_MIN:.0f}")
    return 0 if ratio <= COLD_RATIO_MAX and p50 <= WARM_P50_MS_MAX and rate >= RATE_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
