"""Event patterns at 1,000 rules of one kind, on one thread, beside event-ruler (Java) on the same rules and events."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from peers import PEERS

from .base import BUILD, ROOT, Budget, Measured, NotMeasurable, Row, Settings, say

SOURCES = ROOT / "bench" / "patterns"
RULES = 1_000
EVENTS = 1_000

# Of rule n. Where one operator alone would match nearly every event, an exact value stands beside it.
KINDS: dict[str, Callable[[int], dict]] = {
    "exact": lambda n: {"id": [f"item-{n}"]},
    "prefix": lambda n: {"file": [{"prefix": f"in/{n}/"}]},
    "suffix": lambda n: {"file": [{"suffix": f"-{n}.json"}]},
    "anything-but": lambda n: {"id": [f"item-{n}"], "state": [{"anything-but": ["done", f"failed-{n}"]}]},
    "numeric": lambda n: {"price": [{"numeric": [">=", n, "<", n + 1]}]},
    "exists": lambda n: {"id": [f"item-{n}"], "extra": [{"exists": False}]},
    "wildcard": lambda n: {"file": [{"wildcard": f"in/{n}/*.json"}]},
    "cidr": lambda n: {"address": [{"cidr": f"10.{n // 250}.{n % 250}.0/24"}]},
    "equals-ignore-case": lambda n: {"id": [{"equals-ignore-case": f"ITEM-{n}"}]},
    "$or": lambda n: {"$or": [{"id": [f"item-{n}"]}, {"code": [f"c-{n}"]}]},
}


def event(n: int) -> dict:
    return {
        "version": "0",
        "id": f"17793124-05d4-b198-2fde-{n:012d}",
        "detail-type": "Order State Change",
        "source": "shop.orders",
        "account": "000000000000",
        "time": "2026-11-30T12:00:00Z",
        "region": "ap-northeast-1",
        "resources": [f"arn:aws:s3:::shop/{n}"],
        "detail": {
            "id": f"item-{n}",
            "file": f"in/{n}/part-{n}.json",
            "state": ["running", "done", f"failed-{n}"][n % 3],
            "price": n + 0.5,
            "address": f"10.{n // 250}.{n % 250}.{n % 256}",
            "code": f"d-{n}",
            "customer": {"name": "A. Smith", "city": "Tokyo", "since": 2019},
            "lines": [{"sku": f"s-{n % 7}", "amount": 2}, {"sku": f"s-{n % 11}", "amount": 1}],
        },
    }


def data() -> dict:
    # Every seventh event's numbers are beyond those of the rules: it matches none.
    events = [json.dumps(event(n if n % 7 else n + 5 * RULES)) for n in range(EVENTS)]
    return {
        kind: {
            "rules": [json.dumps({"source": ["shop.orders"], "detail": detail(n)}) for n in range(RULES)],
            "events": events,
        }
        for kind, detail in KINDS.items()
    }


@functools.cache
def ruler_libraries() -> Path:
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise NotMeasurable(f"event-ruler: there is no {tool}")
    libraries = PEERS / "ruler"
    if not list(libraries.glob("event-ruler-*.jar")):
        say("fetching event-ruler")
        command = ["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
        done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotMeasurable(f"event-ruler: not fetched: {done.stdout.strip()[:150]}")
    return libraries


def output(command: list[object]) -> dict:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotMeasurable(f"{command[0]} failed: {done.stderr.strip()[-200:]}")
    return json.loads(done.stdout)


def patterns(settings: Settings) -> Measured:
    seconds = settings.pick(3, 0.5)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(data(), file)
        file.flush()
        ours = output([BUILD / "kiban_pattern_rates", file.name, seconds])
        ruler = output(["java", "-cp", ruler_libraries() / "*", SOURCES / "Ruler.java", file.name, seconds])
    for kind in KINDS:
        if ours[kind]["matches"] != ruler[kind]["matches"]:
            raise NotMeasurable(f"{kind}: {ours[kind]['matches']} matches, event-ruler {ruler[kind]['matches']}")
    figures = {f"patterns_{kind}": ours[kind]["rate"] / ruler[kind]["rate"] for kind in KINDS}
    return Measured(figures, {"ours": ours, "event_ruler": ruler})


ROWS = [
    Row(
        "patterns",
        tuple(
            Budget(f"patterns_{kind}", f"events/s at {RULES:,} rules with {kind}", 2, "x event-ruler", True)
            for kind in KINDS
        ),
        patterns,
    ),
]
