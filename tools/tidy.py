"""Checks what no compiler checks: layers against includes, calls that only the shell may make, code
without a test beside it, files that have outgrown a reader.

Prints one line for each offence, then 'N passed, N failed', counting files.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 900

# What a folder below engine/ may include; its own files always. The order is that of engine/CMakeLists.txt:
# pure <- store <- services <- kernel <- runtime <- console, containers <- lambda, postgres <- cli.
PURE = {
    "core": set(),
    "jsonpath": {"core"},
    "jsonata": {"core"},
    "schedule": {"core"},
    "patterns": {"core"},
    "logfilter": {"core"},
    "iam": {"core"},
    "asl": {"core", "jsonpath", "jsonata"},
    "cfn": {"core"},
    "api": {"core"},
}
LAYERS = PURE | {
    "store": {"core"},
    "services": {*PURE, "store"},
    "kernel": {*PURE, "store", "services"},
    "simulate": {*PURE, "store", "services", "kernel"},
    "runtime": {*PURE, "store", "services", "kernel"},
    "console": {*PURE, "store", "services", "kernel", "runtime"},
    "containers": {*PURE, "store", "services", "kernel", "runtime"},
    "postgres": {*PURE, "store", "services", "kernel", "runtime"},
    "lambda": {*PURE, "store", "services", "kernel", "runtime", "containers"},
    "cli": {*PURE, "store", "services", "kernel", "simulate", "runtime", "console", "containers", "lambda", "postgres"},
    "testing": {*PURE, "store", "services", "kernel"},
}
# The only folders that may touch clock, chance, environment.
SHELL = {"runtime", "containers", "lambda", "postgres", "cli"}
BANNED = re.compile(r"\b(system_clock::now|steady_clock::now|sleep_for|random_device|getenv|std::rand)\b")
# Secrets come from Context::secrets(): a line that draws one from the visible stream.
PLAIN_SECRET = re.compile(
    r"(?<!clientrequest)(secret|password|token|credential|receipt)\w*[\"\]]*\s*[=,]\s*"
    r"(\"[^\"]*\"\s*\+\s*)?(context\.random\(\)|random_->)",
    re.IGNORECASE,
)
ASIO = re.compile(r"#include <boost/(asio|beast)")
INCLUDE = re.compile(r'^#include "([^"/]+)/', re.MULTILINE)
IS_TEST = re.compile(r"(_(test|fuzz|bench|main)\.cc|fixture\.h)$")


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True)
    return [ROOT / name for name in names.stdout.splitlines() if (ROOT / name).is_file()]


def offences(path: Path) -> list[str]:
    relative = path.relative_to(ROOT)
    text = path.read_text(errors="replace")
    found = []
    if (lines := text.count("\n")) > LINES_MAX:
        found.append(f"{lines} lines, at most {LINES_MAX}: is there a second responsibility to move out?")
    if relative.parts[0] != "engine" or path.suffix not in {".cc", ".h"}:
        return found
    layer = relative.parts[1]
    if layer not in LAYERS:
        return [*found, f"engine/{layer} is in no layer: say in tools/tidy.py what it may include"]
    if not IS_TEST.search(path.name):
        allowed = LAYERS[layer] | {layer}
        for include in set(INCLUDE.findall(text)) - allowed:
            if include in LAYERS:
                found.append(f"{layer} may not include {include}")
        if layer not in SHELL and (banned := BANNED.search(text)):
            found.append(f"{banned.group()} belongs to runtime/ and cli/: take it as an argument")
        for number, line in enumerate(text.splitlines(), 1):
            if PLAIN_SECRET.search(line):
                found.append(f"line {number} draws a secret from random(): take secrets()")
    if layer != "runtime" and ASIO.search(text):
        found.append("Asio and Beast stay in runtime/")
    return found


def folders_without_tests(paths: list[Path]) -> list[str]:
    code: dict[Path, bool] = {}
    for path in paths:
        if path.suffix == ".cc" and path.is_relative_to(ROOT / "engine"):
            code[path.parent] = code.get(path.parent, False) or path.name.endswith("_test.cc")
    exempt = {ROOT / "engine/runtime", ROOT / "engine/cli"}  # tests/e2e holds theirs.
    return [
        f"{folder.relative_to(ROOT)}: code without a test"
        for folder, tested in code.items()
        if not tested and folder not in exempt
    ]


def main() -> int:
    paths = [p for p in tracked() if p.suffix in {".cc", ".h", ".py", ".ts", ".tsx"}]
    passed = failed = 0
    for path in paths:
        found = offences(path)
        passed, failed = passed + (not found), failed + bool(found)
        for offence in found:
            print(f"{path.relative_to(ROOT)}: {offence}")
    untested = folders_without_tests(paths)
    print("\n".join(untested))
    print(f"{passed} passed, {failed + len(untested)} failed")
    return int(bool(failed or untested))


if __name__ == "__main__":
    sys.exit(main())
