"""Executions over HTTP: many at once, one at a time, beside 100,000 that wait."""

from __future__ import annotations

import json
import time

from . import durable, machines, peers
from .base import Budget, Measured, Row, Settings
from .server import CONNECTIONS, REGION, clean, serving


def start(settings: Settings) -> Measured:
    with serving(settings) as server:
        machine = server.machine("one", machines.PASS)
        report = clean(server.load(machine, connections=CONNECTIONS, seconds=settings.pick(30, 5)))
        return Measured({"start": report["median_rate"]}, {"load": report})


def sustained(server, machine: str, seconds: float) -> tuple[float, dict]:
    """Executions per second from the first start to the end of the last execution."""
    report = clean(server.load(machine, connections=CONNECTIONS, seconds=seconds))
    return report["done"] / (report["seconds"] + server.drained(machine)), report


def ten(settings: Settings) -> Measured:
    with serving(settings) as server:
        machine = server.machine("ten", machines.chain(10))
        before = server.processor_seconds()
        rate, report = sustained(server, machine, settings.pick(60, 8))
        spent = server.processor_seconds() - before
        return Measured({"ten": rate}, {"load": report, "processor_us_per_execution": 1e6 * spent / report["done"]})


def single(key: str, definition: dict, given: dict, times: int):
    def measure(settings: Settings) -> Measured:
        with serving(settings) as server:
            machine = server.machine("single", definition)
            options = {"connections": 1, "seconds": 120, "until_done": True}
            server.load(machine, [json.dumps(given)], count=max(1, times // 10), **options)
            report = clean(
                server.load(machine, [json.dumps(given)], count=settings.count(times, max(20, times // 5)), **options)
            )
            return Measured({key: report["p50_ms"]}, {"load": report})

    return measure


def distributed(settings: Settings) -> Measured:
    items = 10_000
    with serving(settings) as server:
        server.client("s3").create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": REGION})
        server.role()
        machine = server.machine("distributed", machines.distributed_map("results"))
        given = [json.dumps({"items": list(range(items))})]
        report = clean(server.load(machine, given, count=1, connections=1, seconds=300, until_done=True))
        objects = server.client("s3").list_objects_v2(Bucket="results")["KeyCount"]
        return Measured(
            {"distributed": items / (report["p50_ms"] / 1000)}, {"load": report, "objects_written": objects}
        )


def waiting(settings: Settings) -> Measured:
    seconds, count = settings.pick(20, 5), settings.count(100_000, 20_000)
    with serving(settings) as server:
        machine = server.machine("ten", machines.chain(10))
        server.load(machine, connections=CONNECTIONS, seconds=2)
        without, _ = sustained(server, machine, seconds)
        forever = server.machine("forever", machines.FOREVER)
        clean(server.load(forever, connections=CONNECTIONS, count=count, seconds=300))
        time.sleep(1)
        beside, _ = sustained(server, machine, seconds)
        return Measured(
            {"waiting": 100 * beside / without}, {"without_per_s": without, "beside_per_s": beside, "waiting": count}
        )


ROWS = [
    Row(
        "start",
        (Budget("start", f"StartExecution, durable, signed, {CONNECTIONS} connections", 20_000, "/s", True),),
        start,
        peers=peers.emulators("start"),
    ),
    Row(
        "ten",
        (Budget("ten", "ten Pass states to SUCCEEDED, durable, sustained 60 s", 15_000, "/s", True),),
        ten,
        peers={**peers.emulators("ten"), **durable.peers("ten")},
    ),
    Row(
        "single",
        (Budget("single", "ten Pass states, one at a time, p50", 0.6, "ms"),),
        single("single", machines.chain(10), {}, 2000),
        peers={**peers.emulators("single"), **durable.peers("single")},
    ),
    Row(
        "loop",
        (Budget("loop", "loop of 1,000 (2,003 transitions), p50", 10, "ms"),),
        single("loop", machines.LOOP, {}, 100),
        peers=peers.emulators("loop"),
    ),
    Row(
        "map",
        (Budget("map", "inline Map over 1,000, p50", 8, "ms"),),
        single("map", machines.MAP, {"items": [{"n": n} for n in range(1000)]}, 100),
        peers=peers.emulators("map"),
    ),
    Row(
        "distributed",
        (Budget("distributed", "distributed Map over 10,000, ResultWriter", 5_000, "children/s", True),),
        distributed,
    ),
    Row(
        "waiting",
        (Budget("waiting", "rate beside 100,000 waiting executions", 90, "% of the rate without", True),),
        waiting,
    ),
]
