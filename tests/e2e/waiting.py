"""For what comes about by and by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], otherwise: Any, seconds: float = 30) -> Any:
    """The first true answer of `condition`. `otherwise` is what to say when none comes, or is asked for it."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.05)
    return answer


def finished(states, execution: str, seconds: float = 30) -> dict:
    """The description of an execution that runs no more."""

    def described():
        found = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    return until(described, "the execution is still running", seconds)
