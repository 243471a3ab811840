"""A million executions at a steady rate: memory and latency must stay flat."""

from __future__ import annotations

import statistics
import threading
import time

from . import machines, plot
from .base import Budget, Measured, Row, Settings
from .disk import bytes_of
from .server import CONNECTIONS, Server, clean, serving

RATE = 1_667  # A million in ten minutes.


def watch(server: Server, every: float, stopped: threading.Event) -> list[dict[str, float]]:
    samples: list[dict[str, float]] = []

    def look() -> None:
        began = time.monotonic()
        while not stopped.wait(every):
            samples.append(
                {
                    "second": time.monotonic() - began,
                    "memory_mib": server.memory(),
                    "processor_s": server.processor_seconds(),
                    "disk_mb": bytes_of(server.data) / 1e6,
                }
            )

    threading.Thread(target=look, daemon=True).start()
    return samples


def growth(values: list[float]) -> float:
    """Percent from the second fifth to the last, medians of each: the first fifth warms up."""
    fifth = max(1, len(values) // 5)
    early, late = statistics.median(values[fifth : 2 * fifth]), statistics.median(values[-fifth:])
    return 100 * (late / early - 1) if early else float("inf")


def soak(settings: Settings) -> Measured:
    seconds = settings.pick(600, 30)
    stopped = threading.Event()
    with serving(settings) as server:
        machine = server.machine("ten", machines.chain(10))
        samples = watch(server, settings.pick(5, 1), stopped)
        report = server.load(machine, connections=CONNECTIONS, rate=RATE, seconds=seconds)
        stopped.set()
        clean(report)
        server.drained(machine)
    memory = [each["memory_mib"] for each in samples]
    late = [each["p99_ms"] for each in report["per_second"]]
    return Measured(
        {
            "soak_rate": report["rate"],
            "soak_memory": growth(memory),
            "soak_latency": growth(late),
        },
        {"load": report, "samples": samples, "plot": plot.soak(samples, report["per_second"], RATE)},
    )


ROWS = [
    Row(
        "soak",
        (
            Budget("soak_rate", f"rate kept over a soak of 10 minutes at {RATE:,}/s", 1_650, "/s", True),
            Budget("soak_memory", "growth of resident memory over the soak", 10, "%"),
            Budget("soak_latency", "growth of the p99 latency over the soak", 25, "%"),
        ),
        soak,
        once=True,
    ),
]
