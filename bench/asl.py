"""The interpreter beside aws-local-stepfunctions, in the same run: python3 bench/asl.py"""

from __future__ import annotations

import sys
from pathlib import Path

from peers import Line, ours, peer, show

PEER = "aws-local-stepfunctions@3.0.0"
WANTED = {"pass_chain": 2_000_000, "counting_loop": 1_000_000}  # Transitions a second.


def main() -> int:
    theirs = peer(PEER, Path(__file__).with_name("asl_peer.js"))
    mine = ours("interpreter_bench", 0.5)
    lines = []
    for name, row in mine.items():
        rate = row["items_per_second"]
        wanted = WANTED.get(name, 0)
        lines.append(Line(name, rate, theirs.get(name, 0), f"{wanted:,}/s" if wanted else "", rate >= wanted))
    return show(lines)


if __name__ == "__main__":
    sys.exit(main())
