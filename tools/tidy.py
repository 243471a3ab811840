"""Checks the rules of the code that no compiler checks: layers against includes, calls that only the
shell may make, code without a test beside it, folders without a README, long files, unplain comments.

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
# Phrases of comments that style.md's plain English does not have: "is no directory", "nobody", "told", "stands",
# comments that begin with "What is". Folders of UNREVISED are not checked yet.
UNPLAIN = re.compile(
    r"(?<!there )\b(?:is|are|was) no\b(?! (?:longer|more))|\b(?:nobody|somebody|told)\b|\bstands\b(?! for)"
    r"|^[ /#]*what (?:is|are|was|were|comes|came|it|a|an)\b",
    re.IGNORECASE,
)
UNREVISED = ("engine/services/", "engine/kernel/", "engine/cfn/")
COMMENT = re.compile(r"(?:^|\s)//(.*)")
INCLUDE = re.compile(r'^#include "([^"/]+)/', re.MULTILINE)
IS_TEST = re.compile(r"(_(test|fuzz|bench|main)\.cc|fixture\.h)$")


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True)
    return [ROOT / name for name in names.stdout.splitlines() if (ROOT / name).is_file()]


def unplain_comments(text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        comment = COMMENT.search(line)
        if comment and (phrase := UNPLAIN.search(re.sub(r'"[^"]*"', "", comment.group(1)))):
            found.append(f"line {number}: a comment says '{phrase.group().strip()}'; use plain terms (CONTRIBUTING.md)")
    return found


def offences(path: Path) -> list[str]:
    relative = path.relative_to(ROOT)
    text = path.read_text(errors="replace")
    found = []
    if (lines := text.count("\n")) > LINES_MAX:
        found.append(f"{lines} lines, at most {LINES_MAX}: is there a second responsibility to move out?")
    if relative.parts[0] != "engine" or path.suffix not in {".cc", ".h"}:
        return found
    if not relative.as_posix().startswith(UNREVISED):
        found.extend(unplain_comments(text))
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


def faulty_readmes(paths: list[Path]) -> list[str]:
    """Each folder of engine/ and engine/services/ has a README, which names files that exist."""
    found = []
    folders = {path.parent for path in paths if path.suffix == ".h" and path.is_relative_to(ROOT / "engine")}
    services = ROOT / "engine/services"
    for folder in [services, *sorted(f for f in folders if f.parent in {ROOT / "engine", services})]:
        readme = folder / "README.md"
        if not readme.is_file():
            found.append(f"{folder.relative_to(ROOT)}: no README.md")
            continue
        named = re.findall(r"`([\w*.]+\.(?:cc|h|txt))`", readme.read_text())
        found.extend(
            f"{readme.relative_to(ROOT)}: {name} does not exist"
            for name in named
            if folder != services and not list(folder.glob(name))
        )
    return found


def main() -> int:
    paths = [p for p in tracked() if p.suffix in {".cc", ".h", ".py", ".ts", ".tsx"}]
    passed = failed = 0
    for path in paths:
        found = offences(path)
        passed, failed = passed + (not found), failed + bool(found)
        for offence in found:
            print(f"{path.relative_to(ROOT)}: {offence}")
    of_folders = folders_without_tests(paths) + faulty_readmes(paths)
    print("\n".join(of_folders))
    print(f"{passed} passed, {failed + len(of_folders)} failed")
    return int(bool(failed or of_folders))


if __name__ == "__main__":
    sys.exit(main())
