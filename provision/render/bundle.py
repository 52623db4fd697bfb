"""What a ticket needs, as files: name → text, without a secret."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from provision.core.errors import ProvisionError
from provision.core.report import Report
from provision.core.urls import masked
from provision.core.version import __version__
from provision.render import recap
from provision.render.encode import encode
from provision.render.errors import error_lines
from provision.render.jsonl import report_line, result_line
from provision.render.plan import plan_lines
from provision.render.status import status_json, status_lines
from provision.render.text import clean
from provision.render.unsaid import unsaid

if TYPE_CHECKING:
    from provision.inventory.models import Inventory
    from provision.operate.logs import Logs
    from provision.operate.status import ClusterStatus

#: Raised when a file of a bundle changes its meaning.
VERSION = 1


def bundle_files(
    inventory: Inventory,
    *,
    made: str,
    at: float,
    lock: str,
    report: Report | None,
    facts: str,
    seen: ClusterStatus | None,
    logs: Logs | None,
    errors: Sequence[ProvisionError],
) -> dict[str, str]:
    """`made`: when, in words; `lock` and `facts`: as the files have them, empty for none; `errors`: what could not be
    asked. All that is None could not be."""
    files = {"inventory.json": _json(inventory.model_dump(mode="json"))}
    if lock:
        files["inventory.lock"] = lock
    if report is not None:
        files["check.txt"] = _text([*recap.failure_lines(report), *recap.check_lines(report, now=at, everything=True)])
        files["report.json"] = report_line(report, at) + "\n"
        if report.plan is not None:
            files["plan.txt"] = _text(plan_lines(report.plan))
    if facts:
        files["facts.json"] = facts
    if seen is not None:
        files["status.txt"] = _text(status_lines(seen))
        files["status.json"] = result_line("status", status_json(seen), at) + "\n"
    files |= _logs(logs) if logs is not None else {}
    if errors:
        # What was asked for the report is asked for the logs as well.
        said = dict.fromkeys("\n".join(error_lines(error)) for error in errors)
        files["not-asked.txt"] = _text(list(said))
    files = {name: _unsaid(text) for name, text in files.items()}
    manifest = {
        **{"v": VERSION, "cluster": inventory.cluster, "made": made, "provision": __version__},
        **{"python": sys.version.split()[0], "platform": platform.platform()},
        "files": {name: len(text.encode("utf-8", "replace")) for name, text in files.items()},
    }
    return {"manifest.json": _json(manifest), **files}


def listing_lines(sizes: Mapping[str, int]) -> list[str]:
    """What is about to be written, before it is."""
    width = max(map(len, sizes))
    return [f"  {name:<{width}}  {_size(size):>9}" for name, size in sizes.items()]


def _logs(logs: Logs) -> dict[str, str]:
    """One file for each log, below its host."""
    found: dict[str, list[str]] = {}
    for line in logs.lines:
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in line.log).strip(".")
        found.setdefault(f"logs/{line.host}/{name or 'log'}.log", []).append(clean(line.text))
    return {name: _text(lines) for name, lines in sorted(found.items())}


def _unsaid(text: str) -> str:
    return "\n".join(unsaid(masked(text).split("\n")))


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _json(value: object) -> str:
    return json.dumps(encode(value), indent=1) + "\n"


def _size(number: int) -> str:
    return (
        f"{number} B"
        if number < 1024
        else f"{number / 1024:.1f} KiB"
        if number < 2**20
        else f"{number / 2**20:.1f} MiB"
    )
