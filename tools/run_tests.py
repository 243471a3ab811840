"""Runs the test suites of the whole repository and adds up what they counted.

Each suite is one function that yields Counts. A suite whose command fails without naming a failed
test counts as one failure: nothing can fail silently. Output goes to build/test-logs/SUITE.log and
is shown when the suite fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
VENV = BUILD / "venv"
CONFORMANCE = Path(os.environ.get("KIBAN_CONFORMANCE", ROOT.parent / "shared" / "conformance"))
FUZZ_SECONDS = int(os.environ.get("KIBAN_FUZZ_SECONDS", "10"))
SHOWN_LINES_MAX = 60


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

    def run(
        self, *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, shown: bool = False
    ) -> tuple[int, str]:
        """Exit code and output. `shown`: on the screen too, as it comes."""
        lines = []
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
                    if shown:
                        print(f"    {line}", end="", flush=True)
        return running.returncode, "".join(lines)


def whole(what: str, code: int) -> Count:
    return Count(what, passed=int(code == 0), failed=int(code != 0))


def number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def cmake(log: Log, preset: str, *targets: str) -> int:
    code, _ = log.run("cmake", "--preset", preset)
    if code == 0:
        code, _ = log.run("cmake", "--build", "--preset", preset, *(["--target", *targets] if targets else []))
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
    if cmake(log, "debug") != 0:
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
    code, out = log.run(sys.executable, "tools/clang_tidy.py", shown=True)
    yield Count("clang-tidy", number(r"(\d+) passed", out), number(r"(\d+) failed", out) or int(code != 0))


def fuzz(log: Log) -> Iterator[Count]:
    if cmake(log, "debug") != 0:
        yield Count("debug build", failed=1)
        return

    def run(program: Path) -> tuple[int, str]:
        corpora = list((ROOT / "engine").rglob(f"corpus/{program.name}"))
        work = BUILD / "debug" / "found" / program.name
        work.mkdir(parents=True, exist_ok=True)
        limits = (f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048")
        return log.run(program, *limits, f"-artifact_prefix={work}/", work, *corpora)

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
    wanted = requirements.read_text() + (folder / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        log.run(sys.executable, "-m", "venv", venv)
        code, _ = log.run(venv / "bin/pip", "install", "-q", "-r", requirements, cwd=folder)
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
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        code, _ = log.run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
        if code != 0:
            yield Count("npm ci", failed=1)
            return
        stamp.touch()
    code, _ = log.run("npm", "run", "lint", cwd=folder)
    yield whole("cdk lint", code)
    code, out = log.run("npm", "test", cwd=folder, env={"CI": "true"})
    tests = re.findall(r"^Tests:.*$", out, re.MULTILINE)
    line = tests[-1] if tests else ""
    yield Count("cdk jest", number(r"(\d+) passed", line), number(r"(\d+) failed", line) or int(code != 0))


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


def e2e(log: Log) -> Iterator[Count]:
    """Real clients against the release binary."""
    if cmake(log, "release") != 0:
        yield Count("release build", failed=1)
        return
    yield from pytest(log, VENV, ROOT / "tests/e2e", "end to end")


SUITES: dict[str, Callable[[Log], Iterator[Count]]] = {
    "layout": layout,
    "format": formatting,
    "backend": backend,
    "cdk": cdk,
    "engine": engine,
    "conformance": conformance,
    "golden": golden,
    "e2e": e2e,
    "fuzz": fuzz,
    "tidy": tidy,
}


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
    total = Count("")
    for name in names or SUITES:
        started = time.monotonic()
        print(f"{name} ...", flush=True)
        log = Log(name)
        counts = list(SUITES[name](log)) or [Count(name, failed=1, why="ran nothing")]
        for count in counts:
            note = f" ({count.why})" if count.why and count.skipped else ""
            print(f"  {count.what}: {count.passed} passed, {count.failed} failed, {count.skipped} skipped{note}")
        total = Count(
            "",
            total.passed + sum(c.passed for c in counts),
            total.failed + sum(c.failed for c in counts),
            total.skipped + sum(c.skipped for c in counts),
        )
        print(f"  {time.monotonic() - started:.0f} s", flush=True)
        if any(c.failed for c in counts):
            tail = log.path.read_text().splitlines()[-SHOWN_LINES_MAX:]
            print("\n".join(f"  | {line}" for line in tail))
            print(f"  the whole log: {log.path.relative_to(ROOT)}", flush=True)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return int(total.failed > 0 or total.passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
