"""A first inventory that was written: what the hosts said, what was chosen for them, and which did not answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.begin.text import what
from provision.render.errors import all_error_lines
from provision.render.text import Paint, Style, clean, count, table

if TYPE_CHECKING:
    from provision.begin.begin import Proposal


def begun_lines(made: Proposal, path: Path) -> list[str]:
    surveyed, pins = made.surveyed, made.pins
    rows: list[tuple[str, ...]] = [
        (clean(host.name), clean(what(surveyed.facts[host.name])) if host.name in surveyed.facts else "did not answer")
        for host in surveyed.hosts
    ]
    chosen = [(pin.value, pin.why) for pin in (pins.vllm, pins.ray)]
    chosen.append((f"Python {pins.python.value}", pins.python.why))
    answered = f"{len(surveyed.facts)} of {count(len(surveyed.hosts), 'host')} answered"
    return [
        *("  ".join(cells) for cells in table(rows)),
        "",
        *(clean(f"{value}: {why}") for value, why in chosen),
        "",
        f"wrote {clean(str(path))}: {answered}, the head is {clean(surveyed.head)}",
    ]


def begun_errors(made: Proposal, paint: Paint) -> list[str]:
    """Why hosts did not answer."""
    lines = all_error_lines(made.errors.values(), paint)
    if lines:
        hint = "remove the file and run the same command again once they answer, or keep it as it is"
        lines += ["", f"{paint(Style.HINT, 'hint:')} {hint}"]
    return lines


def begun_json(made: Proposal, path: Path) -> dict[str, object]:
    surveyed, pins = made.surveyed, made.pins
    return {
        "path": str(path),
        "head": surveyed.head,
        "hosts": [
            {
                "host": host.name,
                "address": host.address or host.name,
                "answered": host.name in surveyed.facts,
                "gpus": len(surveyed.facts[host.name].gpus) if host.name in surveyed.facts else None,
                "error": surveyed.errors.get(host.name),
            }
            for host in surveyed.hosts
        ],
        "pins": [
            {"pin": name, "value": pin.value, "why": pin.why}
            for name, pin in (
                ("python.version", pins.python),
                ("vllm", pins.vllm),
                ("ray", pins.ray),
                ("python.platform", pins.platform),
                ("expect.driver", pins.driver),
            )
            if pin.value
        ],
    }
