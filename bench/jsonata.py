"""JSONata beside jsonata-js, in the same run: python3 bench/jsonata.py (bench/README.md)"""

from __future__ import annotations

import sys
from pathlib import Path

from peers import Line, ours, peer, show

PEER = "jsonata@2.2.2"
ARRAYS = {"filter_and_sum", "objects", "map", "sort", "reduce"}
PARSE_SECONDS_MAX = 10e-6


def main() -> int:
    theirs = peer(PEER, Path(__file__).with_name("jsonata_peer.js"))
    mine = ours("jsonata_bench", 0.5)
    lines = []
    for name, row in mine.items():
        kind, what = name.split("/")
        rate = 1e9 / row["cpu_time"]  # The unit is ns.
        if kind == "parse":
            lines.append(Line(name, rate, theirs[name], "under 10 us", row["cpu_time"] * 1e-9 < PARSE_SECONDS_MAX))
            continue
        least = 30 if what in ARRAYS else 10
        lines.append(Line(name, rate, theirs[name], f"{least}x", rate >= least * theirs[name]))
    return show(lines)


if __name__ == "__main__":
    sys.exit(main())
