"""What every row shares: its budgets, the settings of a run, and the medians of several runs."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "bench" / "results"
BUILD = ROOT / "build" / "release"


@dataclass(frozen=True)
class Settings:
    quick: bool = False
    runs: int = 3
    peers: bool = True
    binary: Path = BUILD / "kiban"

    def pick(self, whole: float, quick: float) -> float:
        return quick if self.quick else whole

    def count(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole


@dataclass(frozen=True)
class Budget:
    """One line of the table."""

    key: str
    what: str
    bound: float
    unit: str
    at_least: bool = False

    def kept(self, measured: float) -> bool:
        return measured >= self.bound if self.at_least else measured <= self.bound

    def words(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:,g} {self.unit}"


@dataclass
class Measured:
    """Of one run: a figure for each budget's key, and whatever else is worth keeping."""

    figures: dict[str, float]
    raw: dict[str, object] = field(default_factory=dict)


class NotMeasurable(Exception):
    """The scenario, or a peer, can't be run here; the text says why."""


@dataclass(frozen=True)
class Row:
    key: str
    budgets: tuple[Budget, ...]
    measure: Callable[[Settings], Measured]
    once: bool = False  # A long run whose figures are medians already.
    # Name of the peer: what measures it, with the same keys.
    peers: dict[str, Callable[[Settings], Measured]] = field(default_factory=dict)
    compared: bool = True  # False: a peer's figures are part of the row's own.


@dataclass
class Line:
    """A budget and what was measured for it."""

    row: str
    budget: Budget
    values: list[float]
    load: float
    peers: dict[str, float | str] = field(default_factory=dict)  # A figure, or why there is none.
    error: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def kept(self) -> bool:
        return bool(self.values) and self.budget.kept(self.median)


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def load_average() -> float:
    return os.getloadavg()[0]


def number(value: float) -> str:
    """Three digits that count: 1,234,567; 12.3; 0.412."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
