"""The parts of bench/rows that need no server: the table, the plots, the stacks of perf."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.dom.minidom import parseString

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from rows import flame, plot, report
from rows.base import Budget, Line
from rows.soak import growth

FAST = Budget("fast", "replies <many>", 20_000, "/s", True)
SMALL = Budget("small", "memory", 15, "MiB")


def test_a_budget_is_met_or_missed_by_the_median() -> None:
    assert Line("r", FAST, [19_000, 20_000, 30_000], 0.5).kept
    assert not Line("r", FAST, [19_000, 19_999, 30_000], 0.5).kept
    assert Line("r", SMALL, [15], 0.5).kept
    assert not Line("r", SMALL, [], 0.5).kept


def test_the_table_tells_what_was_missed_and_what_is_provisional(tmp_path: Path) -> None:
    results = report.Results(tmp_path)
    results.keep("row", [Line("row", FAST, [1_234.5], 0.5, {"peer": 7.0, "other": "not installed"})], [{}], {})
    results.keep("big", [Line("big", SMALL, [14], 9)], [{"plot": "<svg/>"}], {})
    results.write({"row": [FAST], "big": [SMALL], "later": [SMALL]})
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert (
        "| `row` | replies <many> | ≥ 20,000 /s | 1,234 /s | **missed** | peer 7; other not installed | 0.5 |" in lines
    )
    assert "| `big` | memory | ≤ 15 MiB | 14 MiB | met |  | 9.0 (provisional) |" in lines
    assert any("not measured: not run" in line for line in lines)
    assert (tmp_path / "big.svg").read_text() == "<svg/>"
    parseString((tmp_path / "table.svg").read_text())
    assert report.Results(tmp_path).rows == results.rows  # A later run keeps the rows of this one.


def test_the_plot_of_a_soak_is_well_formed() -> None:
    samples = [{"second": n, "memory_mib": 20 + n, "disk_mb": n} for n in range(5)]
    parseString(plot.soak(samples, [{"p50_ms": 1, "p99_ms": 2}] * 5, 1_667))


def test_growth_compares_the_second_fifth_with_the_last() -> None:
    assert round(growth([90, 10, 11, 11, 12])) == 20
    assert abs(growth([5] * 50)) < 1e-9


def test_stacks_are_collapsed_outermost_first() -> None:
    script = [
        "kiban 1:",
        "        1000 kiban::kernel::Kernel::run_batch(int, std::vector<int>)",
        "        2000 main",
        "",
        "kiban 1:",
        "        2000 main",
        "        3000 [unknown]",
        "",
    ]
    root = flame.collapse(flame.stacks(script))
    main = root.below["kiban"].below["main"]
    assert (root.samples, main.samples) == (2, 2)
    assert main.below["kernel::Kernel::run_batch"].samples == 1
    parseString(flame.draw(root, "a <title>"))
