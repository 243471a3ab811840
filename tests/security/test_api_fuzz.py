"""Random inputs to all operations: tools/api_fuzz says what fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_random_requests_neither_kill_nor_stall_the_server() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "api_fuzz", "--seconds", "30", "--seed", "1"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
