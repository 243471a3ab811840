"""Holds a kiban binary against what AWS recorded, and the scores against their floors.

tools/conformance.py --referee ../shared/conformance/referee.py --kiban build/release/kiban
    [--reports DIR] [--raise-floors]

Prints 'SUITE: N passed, N failed, N skipped' for each suite of tests/conformance/floors.json and
exits 1 when one passed fewer cases than its floor. A floor only rises: --raise-floors writes what
was reached.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ROOT / "tests/conformance/floors.json"
READY_SECONDS_MAX = 20.0
SUITE_SECONDS_MAX = 900.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def serving(kiban: Path, *options: str) -> Iterator[str]:
    endpoint = f"http://127.0.0.1:{free_port()}"
    command = [
        str(kiban),
        "serve",
        "--auth",
        "any",
        "--ephemeral",
        "--listen",
        endpoint.removeprefix("http://"),
        *options,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            deadline = time.monotonic() + READY_SECONDS_MAX
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{endpoint}/_kiban/health", timeout=1):
                    break
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(
                        f"kiban: conformance: {shlex.join(command)} did not answer /_kiban/health. "
                        "Start it by hand to see why."
                    )
                time.sleep(0.05)
            yield endpoint
        finally:
            server.terminate()


def score(referee: Path, report: Path, *arguments: str) -> tuple[int, int, int]:
    command = [sys.executable, str(referee), *arguments, "--out", str(report)]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=SUITE_SECONDS_MAX)
    found = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.MULTILINE)
    if not found:
        said = done.stdout[-2000:] + done.stderr[-2000:]
        raise SystemExit(f"kiban: conformance: {shlex.join(command)} ended without a score:\n{said}")
    return int(found[1]), int(found[2]), int(found[3])


def run(name: str, referee: Path, kiban: Path, reports: Path) -> tuple[int, int, int]:
    report = reports / f"{name}.json"
    if name == "jsonata":
        return score(referee, report, "jsonata", "--command", f"{shlex.quote(str(kiban))} jsonata eval")
    if name == "asl-mocked":
        mocks = reports / "mocks.json"
        subprocess.run(
            [sys.executable, str(referee), "asl", "--write-mock-config", str(mocks)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with serving(kiban, "--mock-config", str(mocks)) as endpoint:
            return score(referee, report, "asl", "--needs", "mock", "--strict", "full", "--endpoint", endpoint)
    suite, *rest = {
        "asl-names": ["asl", "--needs", "none", "--strict", "names"],
        "asl-full": ["asl", "--needs", "none", "--strict", "full"],
        "events": ["events", "--needs", "sqs", "--strict", "full"],
    }[name]
    with serving(kiban) as endpoint:
        return score(referee, report, suite, *rest, "--endpoint", endpoint)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--referee", type=Path, required=True)
    parser.add_argument("--kiban", type=Path, required=True)
    parser.add_argument(
        "--reports", type=Path, default=None, help="where the case-by-case reports go (default: a temporary folder)"
    )
    parser.add_argument("--raise-floors", action="store_true")
    options = parser.parse_args()
    floors: dict[str, int] = json.loads(FLOORS.read_text())
    reached: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        reports = options.reports or Path(temporary)
        reports.mkdir(parents=True, exist_ok=True)
        for name in floors:
            passed, failed, skipped = run(name, options.referee.resolve(), options.kiban.resolve(), reports)
            print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
            reached[name] = passed
    if options.raise_floors:
        FLOORS.write_text(json.dumps({n: max(f, reached[n]) for n, f in floors.items()}, indent=2) + "\n")
        return 0
    fallen = [f"{n} passed {reached[n]}, its floor is {f}" for n, f in floors.items() if reached[n] < f]
    for line in fallen:
        print(f"kiban: conformance: {line}. See which cases fell: --reports DIR", file=sys.stderr)
    return int(bool(fallen))


if __name__ == "__main__":
    sys.exit(main())
