"""Runs the test suites of the whole repository and adds up what they counted.

Each suite is one function that yields Counts. A suite whose command fails without naming a failed
test counts as one failure: nothing can fail silently. Output goes to build/test-logs/SUITE.log and
is shown when the suite fails.

Suites run in lanes, one after the other within a lane: the end-to-end tests wait most of their time,
which leaves the processors to the sanitizer build, the fuzzers and clang-tidy. These run at a lower
priority, so that no test misses a deadline because of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
VENV = BUILD / "venv"
CONFORMANCE = Path(os.environ.get("KIBAN_CONFORMANCE", ROOT.parent / "shared" / "conformance"))
FUZZ_SECONDS = int(os.environ.get("KIBAN_FUZZ_SECONDS", "10"))
SIMULATE_SECONDS = 90
SHOWN_LINES_MAX = 60
STATUS_SECONDS = 60.0  # Between two lines that say what is running.
BUILD_NICE, TIDY_NICE = 10, 19


@dataclass(frozen=True)
class Count:
    what: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    why: str = ""


class Log:
    """The log of one suite."""

    def __init__(self, suite: str) -> None:
        self.path = LOGS / f"{suite}.log"
        self.path.write_text("")
        self.last_line = ""

    def run(
        self, *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, nice: int = 0
    ) -> tuple[int, str]:
        """Exit code and output."""
        lines = []
        if nice:
            command = ("nice", "-n", str(nice), *command)
        with self.path.open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            with subprocess.Popen(
                list(map(str, command)),
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as running:
                for line in running.stdout or ():
                    lines.append(line)
                    log.write(line)
                    self.last_line = line.strip()
        return running.returncode, "".join(lines)


def whole(what: str, code: int) -> Count:
    return Count(what, passed=int(code == 0), failed=int(code != 0))


def number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


PACKAGES = threading.Lock()


def cmake(log: Log, preset: str, *targets: str, nice: int = 0) -> int:
    with PACKAGES:  # Without them the build has no console, which the suite `console` reports.
        log.run(ROOT / "tools/console-packages")
    code, _ = log.run("cmake", "--preset", preset)
    if code == 0:
        wanted = ["--target", *targets] if targets else []
        code, _ = log.run("cmake", "--build", "--preset", preset, *wanted, nice=nice)
    return code


def layout(log: Log) -> Iterator[Count]:
    """Layers against includes, banned calls, code without a test, files too long; the tools' own tests."""
    code, out = log.run(sys.executable, "tools/tidy.py")
    yield Count("layout", number(r"(\d+) passed", out), number(r"(\d+) failed", out) or int(code != 0))
    code, _ = log.run(VENV / "bin/ruff", "check")
    yield whole("ruff check", code)
    yield from pytest(log, VENV, ROOT / "tests/tools", "tools")


def tracked(*suffixes: str) -> list[str]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    return [name for name in names.splitlines() if name.endswith(suffixes) and (ROOT / name).exists()]


def formatting(log: Log) -> Iterator[Count]:
    code, _ = log.run("clang-format-19", "--dry-run", "--Werror", *tracked(".cc", ".h"))
    yield whole("clang-format", code)
    code, _ = log.run(VENV / "bin/ruff", "format", "--check")
    yield whole("ruff format", code)


def engine(log: Log) -> Iterator[Count]:
    """Unit tests under address and undefined sanitizers."""
    if cmake(log, "debug", nice=BUILD_NICE) != 0:
        yield Count("debug build", failed=1)
        return
    passed = failed = skipped = 0
    listing, _ = log.run("ctest", "--test-dir", BUILD / "debug", "-N")
    programs = sorted((BUILD / "debug").glob("*_test"))
    env = {"KIBAN_CONFORMANCE": str(CONFORMANCE), "UBSAN_OPTIONS": "print_stacktrace=1"}
    for program in programs:
        code, out = log.run(program, "--gtest_brief=1", env=env)
        ok, bad = number(r"\[  PASSED  \] (\d+) test", out), number(r"\[  FAILED  \] (\d+) test", out)
        passed += ok
        failed += bad or int(code != 0)
        skipped += number(r"\[  SKIPPED \] (\d+) test", out)
    yield Count("unit tests", passed, failed or int(listing != 0 or not programs), skipped, "the tests say why")


def tidy(log: Log) -> Iterator[Count]:
    """clang-tidy on every file of the engine that changed since its last clean run."""
    code, out = log.run(sys.executable, "tools/clang_tidy.py", nice=TIDY_NICE)
    yield Count("clang-tidy", number(r"(\d+) passed", out), number(r"(\d+) failed", out) or int(code != 0))


def fuzz(log: Log) -> Iterator[Count]:
    if cmake(log, "debug", nice=BUILD_NICE) != 0:
        yield Count("debug build", failed=1)
        return

    def run(program: Path) -> tuple[int, str]:
        corpora = list((ROOT / "engine").rglob(f"corpus/{program.name}"))
        work = BUILD / "debug" / "found" / program.name
        work.mkdir(parents=True, exist_ok=True)
        limits = (f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048")
        return log.run(program, *limits, f"-artifact_prefix={work}/", work, *corpora, nice=BUILD_NICE)

    programs = sorted((BUILD / "debug").glob("*_fuzz"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(run, programs))
    for program, (code, out) in zip(programs, done, strict=True):
        if code != 0:  # Again, for the log has them mixed.
            log.path.write_text(f"{log.path.read_text()}\n{program.name}\n{out}")
        yield whole(f"fuzz {program.name}", code)


def backend(log: Log) -> Iterator[Count]:
    folder = ROOT / "backend"
    venv = BUILD / "venv-backend"
    requirements = folder / "requirements-dev.txt"
    stamp = venv / ".requirements"
    wanted = requirements.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        log.run(sys.executable, "-m", "venv", venv)
        code, _ = log.run(venv / "bin/pip", "install", "-q", "--require-hashes", "-r", requirements, cwd=folder)
        if code != 0:
            yield Count("backend packages", failed=1)
            return
        stamp.write_text(wanted)
    for tool, *arguments in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "--strict", "."]):
        code, _ = log.run(venv / "bin" / tool, *arguments, cwd=folder)
        yield whole(f"{tool} {arguments[0]}", code)
    yield from pytest(log, venv, folder, "backend pytest")


def pytest(log: Log, venv: Path, folder: Path, what: str) -> Iterator[Count]:
    code, out = log.run(venv / "bin/python", "-m", "pytest", "-q", "-rs", cwd=folder)
    failed = number(r"(\d+) failed", out) + number(r"(\d+) error", out)
    yield Count(what, number(r"(\d+) passed", out), failed or int(code != 0), number(r"(\d+) skipped", out))


def cdk(log: Log) -> Iterator[Count]:
    folder = ROOT / "cdk"
    code, _ = log.run(ROOT / "tools/cdk-packages")
    if code != 0:
        yield Count("npm ci", failed=1)
        return
    code, _ = log.run("npm", "run", "lint", cwd=folder)
    yield whole("cdk lint", code)
    code, out = log.run("npm", "test", cwd=folder, env={"CI": "true"})
    tests = re.findall(r"^Tests:.*$", out, re.MULTILINE)
    line = tests[-1] if tests else ""
    yield Count("cdk jest", number(r"(\d+) passed", line), number(r"(\d+) failed", line) or int(code != 0))


def console(log: Log) -> Iterator[Count]:
    """The web console: types, pure parts, and its pages in a browser."""
    folder = ROOT / "console"
    with PACKAGES:
        code, _ = log.run(ROOT / "tools/console-packages")
    if code != 0:
        yield Count("npm ci", failed=1)
        return
    code, _ = log.run("npm", "run", "check", cwd=folder)
    yield whole("console types", code)
    code, out = log.run("npm", "test", cwd=folder)
    failed = number(r"^# fail (\d+)", out)
    yield Count("console pure parts", number(r"^# pass (\d+)", out), failed or int(code != 0))
    if cmake(log, "release") != 0:
        yield Count("release build", failed=1)
        return
    yield from pytest(log, VENV, ROOT / "tests/console", "console in a browser")


def conformance(log: Log) -> Iterator[Count]:
    """What AWS recorded, against the release binary. The floors are what is reached: they only rise."""
    referee = CONFORMANCE / "referee.py"
    if not referee.exists():
        yield Count("conformance", skipped=1, why=f"no recordings at {CONFORMANCE}; set KIBAN_CONFORMANCE")
        return
    if cmake(log, "release") != 0:
        yield Count("release build", failed=1)
        return
    yield from conformance_scores(log, referee)


def conformance_scores(log: Log, referee: Path) -> Iterator[Count]:
    code, out = log.run(
        sys.executable, "tools/conformance.py", "--referee", referee, "--kiban", BUILD / "release/kiban"
    )
    for line in re.findall(r"^\S+: \d+ passed, \d+ failed, \d+ skipped$", out, re.MULTILINE):
        print(f"    {line} (tools/conformance.py --reports tells which)")
    yield whole("conformance floors (docs/conformance.md)", code)


def golden(log: Log) -> Iterator[Count]:
    """Our own state machines, their histories and the validator's output, by kiban asl."""
    if cmake(log, "release", "kiban") != 0:
        yield Count("release build", failed=1)
        return
    kiban, folder = BUILD / "release/kiban", ROOT / "tests/conformance"
    code, out = log.run(kiban, "asl", "test", folder / "asl")
    yield Count("golden histories", number(r"(\d+) passed, ", out), number(r", (\d+) failed", out) or int(code != 0))
    bad = 0
    definitions = sorted((folder / "validate").glob("*.asl.json"))
    for definition in definitions:
        _, said = log.run(kiban, "asl", "validate", definition.name, cwd=folder / "validate")
        bad += said != definition.with_name(definition.name.replace(".asl.json", ".txt")).read_text()
    yield Count("golden diagnostics", len(definitions) - bad, bad or int(not definitions))


def simulate(log: Log) -> Iterator[Count]:
    """Runs of the simulator with fixed seeds: random requests, crashes and faults."""
    if cmake(log, "release", "kiban") != 0:
        yield Count("release build", failed=1)
        return
    limit = ("timeout", str(SIMULATE_SECONDS + 60))  # A run that does not end is a fault too.
    options = ("--seed", "1", "--steps", "100", "--runs", "1500", "--seconds", str(SIMULATE_SECONDS))
    code, out = log.run(*limit, BUILD / "release/kiban", "simulate", *options)
    runs = number(r"(\d+) runs, ", out)
    yield Count("simulated runs", max(0, runs - int(code != 0)), int(code != 0 or runs == 0))


def e2e(log: Log) -> Iterator[Count]:
    """Real clients against the release binary."""
    if cmake(log, "release") != 0:
        yield Count("release build", failed=1)
        return
    yield from pytest(log, VENV, ROOT / "tests/e2e", "end to end")


def security(log: Log) -> Iterator[Count]:
    """What attackers try: web pages, forged signatures, malformed HTTP, against the release binary."""
    if cmake(log, "release") != 0:
        yield Count("release build", failed=1)
        return
    yield from pytest(log, VENV, ROOT / "tests/security", "security")


# The lanes run side by side.
LANES: tuple[dict[str, Callable[[Log], Iterator[Count]]], ...] = (
    {
        "layout": layout,
        "format": formatting,
        "backend": backend,
        "cdk": cdk,
        "console": console,
        "golden": golden,
        "simulate": simulate,
        "conformance": conformance,
        "e2e": e2e,
        "security": security,
    },
    {"engine": engine, "fuzz": fuzz},
    {"tidy": tidy},
)
SUITES = {name: suite for lane in LANES for name, suite in lane.items()}


@dataclass
class Result:
    suite: str
    counts: list[Count]
    seconds: float

    def total(self, what: str) -> int:
        return sum(getattr(count, what) for count in self.counts)


@dataclass
class Running:
    """What the lanes are doing, for the status line; each lane writes its own suite only."""

    logs: dict[str, Log] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def elapsed(self) -> str:
        return f"[{time.monotonic() - self.began:4.0f} s]"

    def status(self) -> str:
        return "; ".join(f"{name}: {log.last_line[:60]}" for name, log in list(self.logs.items()))


def run_suite(name: str, running: Running) -> Result:
    started = time.monotonic()
    log = running.logs[name] = Log(name)
    print(f"{running.elapsed()} {name} begins", flush=True)
    counts = list(SUITES[name](log)) or [Count(name, failed=1, why="ran nothing")]
    del running.logs[name]
    result = Result(name, counts, time.monotonic() - started)
    lines = [f"{running.elapsed()} {name} ended after {result.seconds:.0f} s"]
    for count in counts:
        note = f" ({count.why})" if count.why and count.skipped else ""
        lines.append(f"  {count.what}: {count.passed} passed, {count.failed} failed, {count.skipped} skipped{note}")
    if result.total("failed"):
        lines += [f"  | {line}" for line in log.path.read_text().splitlines()[-SHOWN_LINES_MAX:]]
        lines.append(f"  the whole log: {log.path.relative_to(ROOT)}")
    print("\n".join(lines), flush=True)
    return result


def run_lanes(names: list[str]) -> list[Result]:
    running = Running()
    lanes = [[name for name in lane if name in names] for lane in LANES]
    with ThreadPoolExecutor(len(lanes)) as pool:
        futures = [pool.submit(lambda lane: [run_suite(name, running) for name in lane], lane) for lane in lanes]
        while wait(futures, timeout=STATUS_SECONDS).not_done:
            print(f"{running.elapsed()} {running.status()}", flush=True)
        return [result for future in futures for result in future.result()]


def print_table(results: list[Result], seconds: float) -> None:
    print(f"\n{'suite':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for result in results:
        figures = (result.total("passed"), result.total("failed"), result.total("skipped"), round(result.seconds))
        print(f"{result.suite:12} {figures[0]:7} {figures[1]:7} {figures[2]:8} {figures[3]:8}")
    print(f"{'all, side by side':36} {seconds:8.0f}")


def main(names: list[str]) -> int:
    if names == ["--list"]:
        for name, suite in SUITES.items():
            print(f"{name:12} {(suite.__doc__ or name).splitlines()[0]}")
        return 0
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"kiban: test: no suite named {', '.join(unknown)}. There are: {', '.join(SUITES)}", file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    results = run_lanes(names or list(SUITES))
    print_table(results, time.monotonic() - started)
    passed, failed, skipped = (sum(r.total(what) for r in results) for what in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
