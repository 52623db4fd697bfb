"""A picture of what `python -m benchmarks` has measured: for each number of hosts, each way's time as a multiple of the
bound's. Pure: from the document of `--json`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

#: Pixels: the names of the ways, the bars, what stands behind these, and a line of text.
NAMES, BARS, FIGURES, LINE = 230, 330, 120, 22
WIDTH = NAMES + BARS + FIGURES

OURS, THEIRS = "#2f6f9f", "#9aa5b1"


def chart(hosts: Mapping[str, Mapping[str, Any]]) -> str:
    """An SVG image. `hosts`: number of hosts → way → its figures, of which `ratio` and `wall` are read. Bars grow with
    the logarithm, for some ways take thirty times as long as others: each step of the grid is twice the one before."""
    ratios = [way["ratio"] for ways in hosts.values() for way in ways.values()]
    steps = max(1, math.ceil(math.log2(max(ratios, default=1.0)) + 1))
    rows = list(_rows(hosts, steps))
    height = LINE * (len(rows) + 2)
    grid = "".join(_grid(steps, height))
    lines = "".join(f'<g transform="translate(0 {LINE * (number + 1)})">{row}</g>' for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{grid}{lines}</svg>\n'
    )


def _rows(hosts: Mapping[str, Mapping[str, Any]], steps: int) -> Iterator[str]:
    for count, ways in hosts.items():
        yield f'<text x="8" y="15" font-weight="bold">{escape(str(count))} hosts</text>'
        for name, figures in ways.items():
            ratio, wall = float(figures["ratio"]), float(figures["wall"])
            colour = OURS if name.startswith("provision") else THEIRS
            length = max(2.0, _place(ratio, steps))
            yield (
                f'<text x="{NAMES - 8}" y="15" text-anchor="end">{escape(name)}</text>'
                f'<rect x="{NAMES}" y="4" width="{length:.1f}" height="14" fill="{colour}"/>'
                f'<text x="{NAMES + length + 6:.1f}" y="15">{ratio:.2f} × ({wall:.2f} s)</text>'
            )


def _grid(steps: int, height: int) -> Iterator[str]:
    for step in range(steps + 1):
        x = NAMES + _place(2.0 ** (step - 1), steps)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{LINE}" y2="{height - LINE}" stroke="#e3e7eb"/>'
        yield (
            f'<text x="{x:.1f}" y="{height - 7}" text-anchor="middle" fill="#5b6670" font-size="11">'
            f"{2.0 ** (step - 1):g} ×</text>"
        )


def _place(ratio: float, steps: int) -> float:
    """Pixels from the left edge of the bars, which is half of the bound's time."""
    return BARS * min(1.0, max(0.0, (math.log2(ratio) + 1) / steps)) if ratio > 0 else 0.0
