"""A flame graph of the server under the load of a row: perf samples its stacks, this module draws them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from . import machines
from .base import ROOT, NotMeasurable, Settings
from .server import CONNECTIONS, serving

DEFINITIONS = {
    "start": (machines.PASS, {}),
    "ten": (machines.chain(10), {}),
    "loop": (machines.LOOP, {}),
    "map": (machines.MAP, {"items": [{"n": n} for n in range(1000)]}),
}
WIDTH, ROW, LEAST = 1400, 17, 1.0  # Pixels; narrower frames are left out.


@dataclass
class Frame:
    samples: int = 0
    below: dict[str, Frame] = field(default_factory=dict)

    def depth(self) -> int:
        return 1 + max((frame.depth() for frame in self.below.values()), default=0)


def short(name: str) -> str:
    """A function without its parameters, template arguments and our namespace; empty: perf knows no name."""
    name = re.sub(r"\+0x[0-9a-f]+$", "", name)
    while (shorter := re.sub(r"<[^<>]*>|\([^()]*\)", "", name)) != name:
        name = shorter
    if name == "[unknown]":
        return ""
    return name.replace("kiban::", "").replace("boost::asio::detail::", "asio::").strip() or "?"


def stacks(script: Iterable[str]) -> Iterable[list[str]]:
    """Of perf script's output: each sample's thread and functions, outermost first."""
    frames: list[str] = []
    thread = ""
    for line in script:
        if not line.strip():
            if frames:
                yield [thread, *reversed(frames)]
            frames = []
        elif not line[0].isspace():
            thread = line.split()[0]
        else:
            words = line.split(maxsplit=1)
            frames.append(short(words[1].rsplit(" (", 1)[0]) if len(words) > 1 else "?")
    if frames:
        yield [thread, *reversed(frames)]


def collapse(samples: Iterable[list[str]]) -> Frame:
    root = Frame()
    for names in samples:
        root.samples += 1
        frame = root
        for name in filter(None, names):
            frame = frame.below.setdefault(name, Frame())
            frame.samples += 1
    return root


def color(name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return f"rgb({205 + digest[0] % 50},{90 + digest[1] % 110},{60 + digest[2] % 50})"


def draw(root: Frame, title: str) -> str:
    height = ROW * (root.depth() + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" '
        f'font-size="11"><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="4" y="13">{escape(title)}, {root.samples} samples</text>'
    ]

    def place(frame: Frame, left: float, level: int) -> None:
        for name, each in sorted(frame.below.items()):
            width = WIDTH * each.samples / root.samples
            if width >= LEAST:
                y = height - ROW * (level + 1)
                label = escape(name[: int((width - 4) / 6.7)]) if width > 30 else ""
                share = f"{name}: {100 * each.samples / root.samples:.1f} %"
                parts.append(
                    f'<g><title>{escape(share)}</title><rect x="{left:.1f}" y="{y}" width="{width:.1f}" '
                    f'height="{ROW - 1}" fill="{color(name)}"/><text x="{left + 2:.1f}" y="{y + 12}">{label}</text></g>'
                )
                place(each, left, level + 1)
            left += width

    place(root, 0, 0)
    return "\n".join([*parts, "</svg>\n"])


def record(scenario: str, seconds: float) -> Frame:
    definition, given = DEFINITIONS[scenario]
    with serving(Settings()) as server, tempfile.NamedTemporaryFile() as data:
        machine = server.machine(scenario, definition)
        options = {"connections": CONNECTIONS, "seconds": seconds + 2}
        load = threading.Thread(target=server.load, args=(machine, [json.dumps(given)]), kwargs=options)
        load.start()
        time.sleep(1)
        perf = ["perf", "record", "-q", "-F", "499", "--call-graph", "fp", "-o", data.name, "-p", server.process.pid]
        taken = [str(word) for word in [*perf, "--", "sleep", seconds]]
        done = subprocess.run(taken, capture_output=True, text=True, check=False)
        load.join()
        if done.returncode != 0:
            raise NotMeasurable(f"perf record failed: {done.stderr.strip()[-300:]}")
        fields = ["perf", "script", "-i", data.name, "-F", "comm,ip,sym"]
        script = subprocess.run(fields, capture_output=True, text=True, check=False)
        return collapse(stacks(script.stdout.splitlines()))


def main() -> int:
    arguments = sys.argv[1:]
    scenario = arguments[0] if arguments else "ten"
    if scenario not in DEFINITIONS:
        print(f"bench: flame: there is no scenario {scenario}; there are {', '.join(DEFINITIONS)}", file=sys.stderr)
        return 2
    seconds = float(arguments[1]) if len(arguments) > 1 else 10
    file = Path(arguments[2]) if len(arguments) > 2 else ROOT / "build" / f"flame-{scenario}.svg"
    try:
        root = record(scenario, seconds)
    except NotMeasurable as reason:
        print(f"bench: flame: {reason}", file=sys.stderr)
        return 1
    if root.samples == 0:
        print("bench: flame: perf took no samples", file=sys.stderr)
        return 1
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(draw(root, f"kiban serve, {scenario}"))
    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
