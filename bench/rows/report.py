"""The figures as a Markdown table, JSON and SVG."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

from . import plot
from .base import ROOT, Budget, Line, number

BEGIN, END = "<!-- table of bench/run -->", "<!-- end of the table -->"
DOCUMENT = ROOT / "docs" / "performance.md"
LOAD_MAX = 1.5  # Of the machine before a row begins: above it figures are provisional.


def cut(value: object) -> object:
    """Six digits are enough for any figure here."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: cut(each) for key, each in value.items()}
    if isinstance(value, list):
        return [cut(each) for each in value]
    return value


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


class Results:
    """Figures of this run beside those of earlier ones, in FOLDER/figures.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "figures.json"
        self.generator = 0.0  # Requests per second that the load generator manages alone.
        self.rows: dict[str, dict] = {}
        self.read()

    def read(self) -> None:
        if self.file.exists():
            self.rows = json.loads(self.file.read_text())["rows"]

    def keep(self, key: str, lines: list[Line], raw: list[dict], peers_raw: dict[str, object]) -> None:
        self.read()  # Another run may have measured other rows meanwhile.
        self.folder.mkdir(parents=True, exist_ok=True)
        for each in raw:
            if picture := each.pop("plot", None):
                (self.folder / f"{key}.svg").write_text(picture)
        self.rows[key] = {
            "taken": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "lines": [
                {
                    "key": line.budget.key,
                    "values": line.values,
                    "load": line.load,
                    "peers": line.peers,
                    "error": line.error,
                }
                for line in lines
            ],
            "raw": raw,
            "peers_raw": peers_raw,
        }

    def lines(self, budgets: dict[str, list[Budget]]) -> list[Line]:
        found = []
        for row, each in budgets.items():
            kept = {line["key"]: line for line in self.rows.get(row, {}).get("lines", [])}
            for budget in each:
                known = kept.get(budget.key, {"values": [], "load": 0, "peers": {}, "error": "not run"})
                found.append(Line(row, budget, known["values"], known["load"], known["peers"], known["error"]))
        return found

    def write(self, budgets: dict[str, list[Budget]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = self.lines(budgets)
        self.file.write_text(
            json.dumps(cut({"machine": machine(), "generator_per_s": self.generator, "rows": self.rows})) + "\n"
        )
        (self.folder / "table.svg").write_text(plot.budgets(lines))
        (self.folder / "table.md").write_text(self.table(lines))

    def table(self, lines: list[Line]) -> str:
        taken = sorted(row["taken"] for row in self.rows.values())
        out = [f"{machine()}; taken {taken[0]} to {taken[-1]}; the load generator alone: {self.generator:,.0f}/s.", ""]
        out += ["| row | what | budget | measured | | peers in the same run | load |"]
        out += ["| --- | --- | ---: | ---: | --- | --- | ---: |"]
        for line in lines:
            measured = f"{number(line.median)} {line.budget.unit}" if line.values else f"not measured: {line.error}"
            verdict = "met" if line.kept else "**missed**" if line.values else ""
            provisional = " (provisional)" if line.load > LOAD_MAX else ""
            peers = "; ".join(
                f"{name} {number(value) if isinstance(value, int | float) else value}"
                for name, value in line.peers.items()
            )
            out.append(
                f"| `{line.row}` | {line.budget.what} | {line.budget.words()} | {measured} | {verdict} "
                f"| {peers} | {line.load:.1f}{provisional} |"
            )
        return "\n".join(out) + "\n"

    def fill_document(self, budgets: dict[str, list[Budget]]) -> None:
        """Puts the table between the marks of docs/performance.md."""
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        table = self.table(self.lines(budgets))
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table}{END}{after}")
