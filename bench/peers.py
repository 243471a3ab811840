"""What the benchmark drivers share: our benchmarks built, peers from npm under build/, and a table of ratios.

Both sides are measured in CPU time, the peers' with their runtime's own threads."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/bench"
PEERS = ROOT / "build/bench-peers"
LOAD_MAX = 1.5


@dataclass(frozen=True)
class Line:
    what: str
    ours: float  # Per second.
    peer: float  # 0: no peer to compare with.
    wanted: str
    good: bool


def build(program: str) -> Path:
    """The release build of one benchmark program."""
    for command in (["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench", "--target", program]):
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return BUILD / program


def ours(program: str, seconds: float) -> dict[str, dict[str, float]]:
    """Google Benchmark's figures by name, the median of five."""
    command = [
        build(program),
        "--benchmark_format=json",
        f"--benchmark_min_time={seconds}",
        "--benchmark_repetitions=5",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = json.loads(done.stdout)["benchmarks"]
    return {row["run_name"]: row for row in rows if row.get("aggregate_name") == "median"}


def install(package: str) -> None:
    """From npm, unless it is there. Install scripts do not run."""
    PEERS.mkdir(parents=True, exist_ok=True)
    if not (PEERS / "node_modules" / package.rpartition("@")[0]).exists():
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(["npm", "install", *quiet, "--prefix", PEERS, package], check=True)


def peer(package: str, script: Path) -> dict[str, float]:
    """Runs of a second by name, told by a script of the npm package's."""
    install(package)
    env = {**os.environ, "NODE_PATH": str(PEERS / "node_modules")}
    done = subprocess.run(["node", script], check=True, capture_output=True, text=True, env=env)
    return json.loads(done.stdout)


def show(lines: list[Line]) -> int:
    """Prints them and fails when one missed what is wanted."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.2f}" + (": too high to be trusted" if load > LOAD_MAX else ""))
    for line in lines:
        ratio = f"{line.ours / line.peer:8.1f}x" if line.peer else " " * 9
        speeds = f"{line.ours:14,.0f}/s {line.peer:14,.0f}/s {ratio}"
        print(f"{line.what:32} {speeds}  {line.wanted:24} {'ok' if line.good else 'MISSED'}")
    return int(not all(line.good for line in lines))
