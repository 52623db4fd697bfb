"""How long `provision check` and an `up` with nothing to change take, against the least that the job can cost.

Makes hosts on loopback addresses with real sshds and their own keys, brings them up with provision (a stand-in for
Ray, an environment of 170 tiny packages), measures in turn, and takes everything down again. Touches nothing of
yours; runs as root and as an ordinary user. Needs sshd and ssh. Give it an otherwise idle machine.

    python -m benchmarks                          10 and 50 hosts, 5 rounds: three to four minutes
    python -m benchmarks --hosts 50 200 --json speed.json --assert
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.chart import chart
from benchmarks.ending import signals_unwind
from benchmarks.help import measure as measure_help
from benchmarks.measuring import Cost, Failed, in_turn, median
from benchmarks.others import others
from benchmarks.promises import AT, MANY, MEMORY_MOST, MOST, broken
from benchmarks.rack import Rack
from benchmarks.ways import BOUND, BOUND_INSIDE, COMPARED, provisioned


def main() -> int:
    asked = _arguments()
    results: dict[int, dict[str, Any]] = {}
    with signals_unwind(), tempfile.TemporaryDirectory(prefix="provision-bench-") as folder:
        help_page = measure_help()
        print(help_page, flush=True)
        for count in asked.hosts:
            results[count] = _measure(Path(folder) / str(count), count, asked)
    if asked.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
        document = {"machine": machine, "help": asdict(help_page), "rounds": asked.rounds, "hosts": results}
        asked.json.write_text(json.dumps(document, indent=2) + "\n")
    if asked.plot:
        asked.plot.write_text(chart({str(count): ways for count, ways in results.items()}), "utf-8")
    missed = broken(results, help_page) if asked.promise else []
    for line in missed:
        print(f"broken promise: {line}", file=sys.stderr)
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 50], metavar="N", help="default: 10 50")
    parser.add_argument("--rounds", type=int, default=5, help="counted ones; one more comes before (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw every ratio, as SVG")
    parser.add_argument("--no-others", action="store_true", help="leave Ansible and pyinfra out")
    parser.add_argument(
        "--assert", dest="promise", action="store_true",
        help=f"exit code 1 if `check` takes more than {MOST} times the bound at {AT} hosts, or, where that was "
        f"measured, more than {MEMORY_MOST:g} times its memory at {MANY}",
    )  # fmt: skip
    return parser.parse_args()


def _measure(folder: Path, count: int, asked: argparse.Namespace) -> dict[str, Any]:
    try:
        with Rack(folder, count) as rack, provisioned(rack) as ways:
            more, skipped = ([], []) if asked.no_others else others(rack)
            costs = in_turn(ways, asked.rounds, rack.cpu)
            costs |= in_turn(more, 1, rack.cpu)
            weights = {way.name: way.memory() for way in ways if way.memory is not None}
    except Failed as error:
        sys.exit(f"error: {error}")
    medians = {name: median(found) for name, found in costs.items()}
    _table(count, medians, weights)
    for line in skipped:
        print(f"  {line}")
    return {
        name: {
            **asdict(medians[name]),
            "ratio": _ratio(name, medians),
            "memory": weights.get(name),
            "memory_ratio": weights[name] / weights[BOUND] if name in weights else None,
            "all": [asdict(cost) for cost in found],
        }
        for name, found in costs.items()
    }


def _ratio(name: str, medians: dict[str, Cost]) -> float:
    return medians[name].wall / medians[COMPARED.get(name, BOUND_INSIDE if name == BOUND_INSIDE else BOUND)].wall


def _table(count: int, medians: dict[str, Cost], weights: dict[str, int]) -> None:
    print(f"\n{f'{count} hosts':<34} wall s   ÷ bound   controller CPU s   hosts' CPU s   memory MB   ÷ bound")
    for name, cost in medians.items():
        line = f"  {name:<32} {cost.wall:>6.2f} {_ratio(name, medians):>9.2f} {cost.controller:>18.2f}"
        line += f" {cost.hosts:>14.2f}"
        if name in weights:
            line += f" {weights[name] / 1e6:>11.1f} {weights[name] / weights[BOUND]:>9.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
