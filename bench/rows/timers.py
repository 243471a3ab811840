"""Waiting executions as timers: memory of a million, lateness beside them, 100,000 due in one second."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from . import machines
from .base import Budget, Measured, NotMeasurable, Row, Settings
from .server import CONNECTIONS, Server, clean, serving

LATE_SECONDS = 20
LATE_RATE = 500


def ended(server: Server, machine: str) -> list[dict[str, Any]]:
    """The machine's executions that have succeeded."""
    pages = server.client().get_paginator("list_executions")
    wanted = {"stateMachineArn": machine, "statusFilter": "SUCCEEDED", "PaginationConfig": {"PageSize": 1000}}
    return [each for page in pages.paginate(**wanted) for each in page["executions"]]


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def lateness_ms(server: Server, settings: Settings) -> list[float]:
    """Of one-second waits that start at a steady rate: the end, less the start, less the second."""
    machine = server.machine("second", machines.one({"Type": "Wait", "Seconds": 1}))
    seconds = settings.pick(LATE_SECONDS, 5)
    clean(server.load(machine, connections=CONNECTIONS, rate=LATE_RATE, seconds=seconds))
    time.sleep(3)
    late = [(each["stopDate"] - each["startDate"]).total_seconds() * 1000 - 1000 for each in ended(server, machine)]
    assert len(late) >= LATE_RATE * seconds * 0.99, f"only {len(late)} executions have ended"
    return late


def burst(server: Server, count: int, due_in: float) -> dict[str, Any]:
    """`count` executions whose Wait ends within one second, a thousandth of them in each millisecond."""
    machine = server.machine("burst", machines.one({"Type": "Wait", "TimestampPath": "$.at"}))
    due = (datetime.now(UTC) + timedelta(seconds=due_in)).replace(microsecond=0)
    instants = [due + timedelta(milliseconds=n) for n in range(1000)]
    inputs = [json.dumps({"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}) for at in instants]
    clean(server.load(machine, inputs, connections=CONNECTIONS, count=count, seconds=due_in - 1))
    started = (due - datetime.now(UTC)).total_seconds()
    time.sleep(max(0.0, started) + 1)
    server.drained(machine, 120)
    ends = sorted((each["stopDate"] - due).total_seconds() for each in ended(server, machine))
    if len(ends) < count:
        raise NotMeasurable(f"only {len(ends):,} executions were started before the second began")
    return {
        "count": len(ends),
        "started_ahead_s": started,
        "within_the_second": sum(end < 1.005 for end in ends),
        "last_s": ends[-1] if ends else float("nan"),
    }


def timers(settings: Settings) -> Measured:
    # AWS's limit is 1,000,000 open executions, those of the burst included.
    pending, due = settings.count(880_000, 50_000), settings.count(100_000, 5_000)
    with serving(settings) as server:
        forever = server.machine("forever", machines.FOREVER)
        server.load(forever, connections=CONNECTIONS, count=1000, seconds=30)
        before = server.memory()
        started = clean(server.load(forever, connections=CONNECTIONS, count=pending, seconds=900))["done"]
        if started < pending:
            raise NotMeasurable(f"only {started:,} executions were started in 15 minutes")
        time.sleep(2)
        grown = server.memory() - before
        late = lateness_ms(server, settings)
        # Started at 2,500/s or faster, they are all waiting when the second begins.
        fired = burst(server, due, settings.pick(45, 8))
        return Measured(
            {
                "timers_memory": grown * 1.048576 * 1_000_000 / pending,
                "timers_late": percentile(late, 0.99),
                "timers_burst": 100 * fired["within_the_second"] / due,
            },
            {
                "pending": pending,
                "memory_mib": [before, before + grown],
                "late_ms": {str(part): percentile(late, part) for part in (0.5, 0.9, 0.99, 0.999)},
                "burst": fired,
            },
        )


ROWS = [
    Row(
        "timers",
        (
            Budget("timers_memory", "memory of a million pending timers", 150, "MB"),
            Budget("timers_late", "lateness beside them, p99", 5, "ms"),
            Budget("timers_burst", "of 100,000 due in one second, ended within it", 100, "%", True),
        ),
        timers,
        once=True,
    ),
]
