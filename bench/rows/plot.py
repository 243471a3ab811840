"""SVG of the figures: bars against budgets, and lines of the soak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .base import Line, number

FONT = 'font-family="sans-serif" font-size="12"'
GOOD, BAD, INK, FAINT = "#2a7f62", "#b3392c", "#222222", "#cccccc"


def text(x: float, y: float, words: str, anchor: str = "start", color: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {FONT} text-anchor="{anchor}" fill="{color}">{escape(words)}</text>'


def svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *parts, "</svg>\n"])


def budgets(lines: Sequence[Line]) -> str:
    """One bar for each line: how many times better than its budget, on a logarithmic scale from 0.1 to 10."""
    left, scale, row = 430, 170, 24
    middle = left + scale
    height = 50 + row * len(lines)
    parts = [
        text(left, 20, "0.1"),
        text(middle, 20, "budget", "middle"),
        text(left + 2 * scale, 20, "10x better", "end"),
    ]
    parts.append(f'<line x1="{middle}" y1="28" x2="{middle}" y2="{height - 14}" stroke="{INK}"/>')
    for index, line in enumerate(lines):
        y = 34 + row * index
        parts.append(text(left - 10, y + 13, line.budget.what, "end"))
        if not line.values:
            parts.append(text(middle + 6, y + 13, "not measured"))
            continue
        bound, measured = line.budget.bound, max(line.median, 1e-9)
        ratio = measured / bound if line.budget.at_least else bound / measured
        reach = scale * max(-1.0, min(1.0, math.log10(ratio)))
        start = min(middle, middle + reach)
        color = GOOD if line.kept else BAD
        parts.append(f'<rect x="{start:.1f}" y="{y}" width="{abs(reach):.1f}" height="16" fill="{color}"/>')
        parts.append(text(left + 2 * scale + 10, y + 13, f"{number(line.median)} {line.budget.unit}"))
    return svg(left + 2 * scale + 220, height, parts)


def panel(top: float, title: str, points: Sequence[tuple[float, float]], color: str) -> list[str]:
    left, width, height = 60, 700, 140
    highest = 1.1 * max((y for _, y in points), default=1) or 1
    longest = max((x for x, _ in points), default=1) or 1
    placed = " ".join(f"{left + width * x / longest:.1f},{top + height * (1 - y / highest):.1f}" for x, y in points)
    return [
        text(left, top - 6, title),
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="{FAINT}"/>',
        text(left - 6, top + 10, number(highest), "end"),
        text(left - 6, top + height, "0", "end"),
        text(left + width, top + height + 14, f"{longest:.0f} s", "end"),
        f'<polyline points="{placed}" fill="none" stroke="{color}" stroke-width="1.5"/>',
    ]


def soak(samples: Sequence[dict], per_second: Sequence[dict], rate: int) -> str:
    panels = (
        ("resident memory, MiB", [(each["second"], each["memory_mib"]) for each in samples]),
        ("latency p99 of each second, ms", [(n, each["p99_ms"]) for n, each in enumerate(per_second, 1)]),
        ("latency p50 of each second, ms", [(n, each["p50_ms"]) for n, each in enumerate(per_second, 1)]),
        ("disk, MB", [(each["second"], each["disk_mb"]) for each in samples]),
    )
    parts = [text(60, 22, f"StartExecution of ten Pass states at {rate:,}/s")]
    for index, (title, points) in enumerate(panels):
        parts += panel(60 + 190 * index, title, points, GOOD)
    return svg(800, 60 + 190 * len(panels), parts)
