"""bench/run: measures the rows, prints each figure beside its budget, and writes table, plot and raw figures."""

from __future__ import annotations

import argparse
import subprocess
import sys
import traceback
from pathlib import Path

from . import disk, patterns, rates, report, soak, starts, timers
from .base import BUILD, RESULTS, ROOT, Line, Measured, NotMeasurable, Row, Settings, load_average, number, say
from .server import load

ROWS = [row for group in (rates, starts, patterns, timers, disk, soak) for row in group.ROWS]
BUDGETS = {row.key: list(row.budgets) for row in ROWS}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these; --list names them")
    parser.add_argument("--quick", action="store_true", help="short runs, one of each, into build/bench-quick")
    parser.add_argument("--runs", type=int, default=3, help="of each row; the median counts")
    parser.add_argument("--no-peers", action="store_true", help="kiban alone")
    parser.add_argument("--document", action="store_true", help="also put the table into docs/performance.md")
    parser.add_argument("--binary", type=Path, default=BUILD / "kiban", help="another kiban")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they are in build/release")
    parser.add_argument("--list", action="store_true", help="name the rows")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(BUDGETS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; --list names them")
    if options.quick and options.document:
        parser.error("--document wants whole runs")
    return options


def build() -> None:
    """The generator and its companions beside the release build's server."""
    say("building kiban and the programs of the benchmarks (release)")
    targets = ["kiban", "kiban_load", "kiban_compact", "kiban_pattern_rates"]
    for command in (
        ["cmake", "--preset", "release"],
        ["cmake", "--build", "--preset", "release", "--target", *targets],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def attempt(what: str, measure, settings: Settings) -> Measured | str:
    """Why, when it can't be measured. One failing row leaves the others to run."""
    try:
        return measure(settings)
    except NotMeasurable as reason:
        return str(reason)
    except Exception as problem:
        traceback.print_exc()
        return f"{type(problem).__name__}: {problem}"[:200].replace("\n", " ")
    finally:
        say(f"{what}: done")


def measure_row(row: Row, settings: Settings) -> tuple[list[Line], list[dict], dict[str, object]]:
    lines = [Line(row.key, budget, [], load_average()) for budget in row.budgets]
    raw: list[dict] = []
    for turn in range(1 if row.once else settings.runs):
        found = attempt(f"{row.key}, run {turn + 1}", row.measure, settings)
        for line in lines:
            if isinstance(found, str):
                line.error = found
            elif line.budget.key in found.figures:
                line.values.append(found.figures[line.budget.key])
        if isinstance(found, Measured):
            raw.append(found.raw)
    peers_raw: dict[str, object] = {}
    for name, measure in row.peers.items() if settings.peers else ():
        found = attempt(f"{row.key}, {name}", measure, settings)
        peers_raw[name] = found.raw if isinstance(found, Measured) else found
        for line in lines:
            line.peers[name] = found if isinstance(found, str) else found.figures[line.budget.key]
    return lines, raw, peers_raw


def show(lines: list[Line]) -> None:
    for line in lines:
        measured = f"{number(line.median)} {line.budget.unit}" if line.values else f"not measured: {line.error}"
        verdict = "met" if line.kept else "MISSED"
        print(f"{line.budget.what:<68}{line.budget.words():>24}{measured:>24}  {verdict}  load {line.load:.1f}")
        for name, value in line.peers.items():
            print(f"{'':<8}{name}: {number(value) if isinstance(value, float | int) else value}")
    sys.stdout.flush()


def main() -> int:
    options = arguments()
    if options.list:
        for row in ROWS:
            print(f"{row.key:<14}{'; '.join(budget.what for budget in row.budgets)}")
        return 0
    if not options.no_build:
        build()
    settings = Settings(options.quick, 1 if options.quick else options.runs, not options.no_peers, options.binary)
    alone = load(1, "arn:aws:states:ap-northeast-1:000000000000:stateMachine:ten", self=True, seconds=3)
    say(f"the load generator alone, against its own responder: {alone['median_rate']:,.0f} requests/s")
    results = report.Results(ROOT / "build" / "bench-quick" if options.quick else RESULTS)
    results.generator = alone["median_rate"]
    missed = 0
    for row in ROWS:
        if options.rows and row.key not in options.rows:
            continue
        say(f"{row.key}: {'; '.join(budget.what for budget in row.budgets)}")
        lines, raw, peers_raw = measure_row(row, settings)
        show(lines)
        missed += sum(not line.kept for line in lines)
        results.keep(row.key, lines, raw, peers_raw)
        results.write(BUDGETS)
    if options.document:
        results.fill_document(BUDGETS)
    say(f"table, plot and figures are in {results.folder.relative_to(ROOT)}; {missed} budgets missed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
