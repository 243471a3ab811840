"""The server's start, its memory then, its size, and its recovery."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path

from . import machines
from .base import Budget, Measured, Row, Settings
from .server import CONNECTIONS, Server, clean, directory


def ready(settings: Settings) -> Measured:
    empty, closed, memory = [], [], []
    for _ in range(10):
        with directory() as made:
            server = Server(settings.binary, made / "data")
            empty.append(server.ready_after * 1000)
            memory.append(server.memory())
            server.stop()
            server = Server(settings.binary, made / "data")
            closed.append(server.ready_after * 1000)
            server.stop()
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, settings.binary], check=True)
        size = Path(stripped.name).stat().st_size / 1e6
    return Measured(
        {
            "ready": statistics.median(empty),
            "reopened": statistics.median(closed),
            "memory": statistics.median(memory),
            "binary": size,
        },
        {"empty_ms": empty, "closed_ms": closed, "memory_mib": memory},
    )


def recovery(settings: Settings) -> Measured:
    running = settings.count(100_000, 20_000)
    with directory() as made:
        server = Server(settings.binary, made / "data")
        try:
            machine = server.machine("forever", machines.FOREVER)
            clean(server.load(machine, connections=CONNECTIONS, count=running, seconds=300))
            server.kill()
            server = Server(settings.binary, made / "data")
            return Measured({"recovery": server.ready_after}, {"running": running, "memory_mib": server.memory()})
        finally:
            server.kill()


ROWS = [
    Row(
        "ready",
        (
            Budget("ready", "start to ready, empty directory", 20, "ms"),
            Budget("reopened", "start to ready, cleanly closed", 20, "ms"),
            Budget("memory", "resident memory then", 15, "MiB"),
            Budget("binary", "stripped binary", 40, "MB"),
        ),
        ready,
    ),
    Row(
        "recovery",
        (Budget("recovery", "recovery after kill -9, 100,000 running, to the first reply", 0.25, "s"),),
        recovery,
    ),
]
