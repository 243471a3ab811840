"""What an execution takes on disk once the store has compacted its files."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

from . import machines
from .base import BUILD, Budget, Measured, Row, Settings
from .server import CONNECTIONS, Server, clean, directory


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def kilobytes_each(settings: Settings, count: int, inputs: list[str]) -> tuple[float, dict]:
    """Of ten Pass states; the directory without an execution is taken off."""
    with directory() as made:
        data = made / "data"
        server = Server(settings.binary, data)
        try:
            machine = server.machine("ten", machines.chain(10))
            server.stop()
            subprocess.run([BUILD / "kiban_compact", data / "rows"], check=True)
            empty = bytes_of(data)
            server = Server(settings.binary, data)
            clean(server.load(machine, inputs, connections=CONNECTIONS, count=count, seconds=300))
            server.drained(machine)
            server.stop()
        finally:
            if server.process.poll() is None:
                server.kill()
        before = bytes_of(data)
        subprocess.run([BUILD / "kiban_compact", data / "rows"], check=True)
        after = bytes_of(data)
        raw = {"executions": count, "empty_bytes": empty, "before_compaction": before, "after_compaction": after}
        return (after - empty) / count / 1000, raw


def disk(settings: Settings) -> Measured:
    small, small_raw = kilobytes_each(settings, settings.count(100_000, 20_000), ["{}"])
    # Random text: base64 compresses to three quarters, and no two executions share it.
    texts = [json.dumps({"data": base64.b64encode(os.urandom(7_500)).decode()}) for _ in range(5_000)]
    large, large_raw = kilobytes_each(settings, len(texts), texts)
    return Measured({"disk": small, "disk_payload": large}, {"small": small_raw, "payload": large_raw})


ROWS = [
    Row(
        "disk",
        (
            Budget("disk", "disk per execution of ten Pass states, compacted", 1.5, "KB"),
            Budget("disk_payload", "the same with a payload of 10 KB", 12, "KB"),
        ),
        disk,
    ),
]
