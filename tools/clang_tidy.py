"""clang-tidy on every file of the engine that changed since its last clean run.

A file's verdict rests on its text, the project's headers that it includes, .clang-tidy, its compile
command and clang-tidy itself. A clean run leaves the digest of all these in build/tidy/clean; a file
whose digest still stands there is not looked at again.

clang_tidy.py [FILE|FOLDER...]   only these, such as engine/core
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tidy"
TIDY = ROOT / "build" / "venv" / "bin" / "clang-tidy"
SCAN = "clang-scan-deps-19"
FINDING = re.compile(r"^\S+:\d+:\d+: (?:error|warning): .*", re.MULTILINE)


def output(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), text=True, capture_output=True, check=True).stdout


def compile_commands(root: Path, build: Path) -> dict[Path, str]:
    """Of the engine's own files: what is generated is nobody's style."""
    entries = json.loads((build / "compile_commands.json").read_text())
    return {path: e["command"] for e in entries if (path := Path(e["file"])).is_relative_to(root / "engine")}


def dependencies(root: Path, build: Path) -> dict[Path, list[Path]]:
    """Each compiled file's files below root, itself included, as the preprocessor finds them."""
    entries = json.loads((build / "compile_commands.json").read_text())
    own = build / "scanned_commands.json"
    own.write_text(json.dumps([e for e in entries if Path(e["file"]).is_relative_to(root / "engine")]))
    found: dict[Path, list[Path]] = {}
    for rule in output(SCAN, "-compilation-database", own, "-format=make").replace("\\\n", " ").splitlines():
        paths = [Path(word) for word in rule.partition(": ")[2].split()]
        if paths:
            found[paths[0]] = sorted({p for p in paths if p.is_relative_to(root)})
    return found


def digest(files: list[Path], *settings: str) -> str:
    total = hashlib.sha256()
    for part in (*settings, *(f"{path}\n{path.read_text()}" for path in files)):
        total.update(f"{len(part)}\n{part}".encode())
    return total.hexdigest()


def main(arguments: list[str], root: Path = ROOT, build: Path = BUILD) -> int:
    settings = [(root / ".clang-tidy").read_text(), output(TIDY, "--version")]
    commands, depends = compile_commands(root, build), dependencies(root, build)
    wanted = [root / name for name in arguments] or [root / "engine"]
    sources = sorted(p for p in (root / "engine").rglob("*.cc") if any(p.is_relative_to(w) for w in wanted))

    def digest_now(source: Path) -> str:
        return digest(depends[source], commands[source], *settings)

    def mark(source: Path) -> Path:
        return build / "clean" / source.relative_to(root).with_suffix(".digest")

    def check(source: Path, before: str) -> str:
        command = [TIDY, "--quiet", "-p", build, source]
        # In root: the header filter is that of the folder it runs in.
        done = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            return done.stdout or done.stderr
        if digest_now(source) == before:  # Else it was edited under our hands: next time.
            mark(source).parent.mkdir(parents=True, exist_ok=True)
            mark(source).write_text(before)
        return ""

    unknown = [p for p in sources if p not in commands or p not in depends]
    for source in unknown:
        print(f"{source.relative_to(root)}: no target of the preset 'tidy' compiles it")
    known = [p for p in sources if p not in unknown]
    digests = {p: digest_now(p) for p in known}
    todo = [p for p in known if not mark(p).exists() or mark(p).read_text() != digests[p]]
    print(f"{len(todo)} of {len(sources)} files changed since they were clean", flush=True)
    bad, told = len(unknown), set[str]()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(check, p, digests[p]): p for p in todo}
        for number, done in enumerate(as_completed(running), 1):
            said = done.result()
            bad += bool(said)
            name = running[done].relative_to(root)
            print(f"[{number} of {len(todo)}] {name}{': NOT CLEAN' if said else ''}", flush=True)
            findings = set(FINDING.findall(said))
            if said and (not findings or findings - told):  # A header's once, not for each file with it.
                print(said.strip(), flush=True)
            told |= findings
    print(f"{len(sources) - bad} passed, {bad} failed")
    return int(bad > 0 or not sources)


if __name__ == "__main__":
    output("cmake", "-S", ROOT, "--preset", "tidy")
    sys.exit(main(sys.argv[1:]))
