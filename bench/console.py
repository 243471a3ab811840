"""The web console: its sizes, time to interactive, frames and memory, each beside its budget.

    python3 bench/console.py [--binary PATH]

Ends with 1 when a budget was missed. Needs Chromium and the packages of build/venv.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ITERATIONS = 5_000  # Of an inline Map: four events each, of the 25,000 that a history may have.
ITEMS = 10_000  # Of a distributed Map.
LOADS = 7


@dataclass(frozen=True)
class Figure:
    what: str
    value: float
    budget: float
    unit: str

    @property
    def kept(self) -> bool:
        return self.value <= self.budget


def get(server, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    return connection.getresponse().read()


def sizes(server) -> list[Figure]:
    """As the server sends them, compressed by gzip: what index.html names, and all that these name in turn."""
    prefix = "/_kiban/console/assets/"
    index = get(server, "/_kiban/console/")
    first = set(re.findall(prefix + r'([^"]+)', gzip.decompress(index).decode()))
    found: dict[str, int] = {}
    wanted = set(first)
    while wanted:
        name = wanted.pop()
        body = get(server, prefix + name)
        found[name] = len(body)
        text = gzip.decompress(body).decode()
        wanted |= set(re.findall(r'\./([\w-]+\.(?:js|css))"', text)) - set(found)
    kib = 1024
    return [
        Figure("first load", (len(index) + sum(found[name] for name in first)) / kib, 100, "KiB"),
        Figure("whole", (len(index) + sum(found.values())) / kib, 350, "KiB"),
    ]


READY = "document.querySelector('.feed.live') && !document.body.innerText.includes('Loading…') && performance.now()"


def time_to_interactive(browser, url: str) -> Figure:
    """From the navigation until the overview shows its rows and follows the server; the median."""
    times = []
    for _ in range(LOADS):
        browser.open("about:blank")
        browser.send("Network.clearBrowserCache")
        watch = f"""(() => {{ const look = () => {{ const at = {READY}; if (at) window.readyAt = at;
          else requestAnimationFrame(look); }}; document.addEventListener('DOMContentLoaded', look); }})()"""
        script = browser.send("Page.addScriptToEvaluateOnNewDocument", source=watch)["identifier"]
        browser.open(url)
        times.append(browser.wait("window.readyAt"))
        browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    return Figure("time to interactive", statistics.median(times), 300, "ms")


def heap(browser) -> float:
    browser.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in browser.send("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"] / 2**20


def anonymous_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1))


def large(browser, server, states, role, world, finished) -> list[Figure]:
    """Frames and memory of the page with an execution of 20,000 events, and of 10,000 children."""
    from browsing import PREFIX
    from machines import create, start

    squares = start(
        states, create(states, role, "inline", world.inline()), "squares", {"items": list(range(ITERATIONS))}
    )
    many = create(states, role, "import", world.distributed())
    mapped = start(states, many, "all", {"items": [{"n": n % 1000} for n in range(ITEMS)]})
    finished(states, squares, 300)
    finished(states, mapped, 300)
    figures = []
    browser.send("Performance.enable")
    browser.open(f"{server.endpoint}{PREFIX}executions/{squares}?state=Each")
    browser.wait("document.querySelector('.strip .virtual') !== null", 60)
    browser.wait_text(f"{4 * ITERATIONS + 6} events", 60)
    frames = browser.evaluate(world.FRAMES_WHILE_SCROLLING)
    figures.append(Figure(f"{ITERATIONS:,} iterations: a frame, mean", frames["mean"], 1000 / 60 * 1.05, "ms"))
    figures.append(Figure(f"{ITERATIONS:,} iterations: a frame, p95", frames["p95"], 34, "ms"))
    figures.append(Figure(f"{ITERATIONS:,} iterations: JavaScript heap", heap(browser), 64, "MiB"))
    browser.open(f"{server.endpoint}{PREFIX}executions/{mapped}?state=Each%20item")
    browser.wait_text(f"{ITEMS} items", 60)
    frames = browser.evaluate(world.FRAMES_WHILE_SCROLLING)
    figures.append(Figure(f"{ITEMS:,} children: a frame, mean", frames["mean"], 1000 / 60 * 1.05, "ms"))
    figures.append(Figure(f"{ITEMS:,} children: JavaScript heap", heap(browser), 32, "MiB"))
    return figures


def idle_memory(server, browser, link: Callable[[], str]) -> Figure:
    """What the server keeps of a visit: its anonymous memory before the page was opened and after it was left."""
    before = anonymous_kib(server.process.pid)
    browser.open(link())
    browser.wait(READY)
    browser.open("about:blank")
    browser.pump(3)
    return Figure("kiban's memory after a visit", (anonymous_kib(server.process.pid) - before) / 1024, 1, "MiB")


def measure(binary: str) -> list[Figure]:
    os.environ["KIBAN_BINARY"] = binary
    sys.path[:0] = [str(ROOT / "tests/console"), str(ROOT / "tests")]
    import conftest
    import world
    from browser import Browser
    from browsing import PREFIX, link_of
    from machines import create_role
    from waiting import finished

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        server = conftest.Server("--data", data, "--clock", "virtual").use_key_of(data)
        browser = Browser(Path(folder) / "profile")
        browser.size(1440, 900)
        try:
            states = server.client("stepfunctions")
            role = create_role(server.client("iam"), "workflows")
            figures = sizes(server)
            figures.append(idle_memory(server, browser, lambda: link_of(data)))
            figures.append(time_to_interactive(browser, server.endpoint + PREFIX))
            return figures + large(browser, server, states, role, world, finished)
        finally:
            browser.close()
            server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=str(ROOT / "build/release/kiban"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.binary)
    if options.json:
        print(json.dumps([vars(each) for each in figures]))
    else:
        print("| what | measured | budget |\n| --- | ---: | ---: |")
        for each in figures:
            mark = "" if each.kept else " (missed)"
            print(f"| {each.what} | {each.value:.1f} {each.unit}{mark} | {each.budget:.0f} {each.unit} |")
    return 0 if all(each.kept for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
