"""How long `provision check` and an `up` with nothing to change take, against the least that the job can cost.

Makes hosts on loopback addresses with real sshds and their own keys, brings them up with provision (a stand-in for
Ray, an environment of 170 tiny packages), measures in turn, and takes everything down again. Touches nothing of
yours; runs as root and as an ordinary user. Needs sshd and ssh. Give it an otherwise idle machine.

    python -m benchmarks                          10 and 50 hosts, 5 rounds: three to four minutes
    python -m benchmarks --hosts 50 --json speed.json --assert
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

from benchmarks.measuring import Cost, Failed, in_turn, median
from benchmarks.others import others
from benchmarks.rack import Rack
from benchmarks.ways import BOUND, BOUND_INSIDE, CHECK, COMPARED, UP, help_page, provisioned

#: What is promised: at 50 hosts, wall time of the command ÷ wall time of the bound; processor seconds of --help.
MOST = 1.5
AT = 50
HELP_MOST = 0.150


def main() -> int:
    asked = _arguments()
    results: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="provision-bench-") as folder:
        help_cpu = sorted(help_page(Path(folder)) for _ in range(11))[5]
        print(f"provision --help: {help_cpu * 1000:.0f} ms of CPU (promised: under {HELP_MOST * 1000:.0f})", flush=True)
        for count in asked.hosts:
            results[count] = _measure(Path(folder) / str(count), count, asked)
    if asked.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
        document = {"machine": machine, "help_cpu": help_cpu, "rounds": asked.rounds, "hosts": results}
        asked.json.write_text(json.dumps(document, indent=2) + "\n")
    return _judge(results, help_cpu) if asked.promise else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 50], metavar="N", help="default: 10 50")
    parser.add_argument("--rounds", type=int, default=5, help="counted ones; one more comes before (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    parser.add_argument("--no-others", action="store_true", help="leave Ansible and pyinfra out")
    parser.add_argument(
        "--assert", dest="promise", action="store_true",
        help=f"exit code 1 if at {AT} hosts `check` takes more than {MOST} times the bound",
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


def _judge(results: dict[int, dict[str, Any]], help_cpu: float) -> int:
    broken = []
    if help_cpu > HELP_MOST:
        broken.append(f"provision --help takes {help_cpu * 1000:.0f} ms of CPU, promised are {HELP_MOST * 1000:.0f}")
    if AT not in results:
        broken.append(f"nothing was measured at {AT} hosts: --hosts {AT}")
    for name in (CHECK, UP):
        ratio = results.get(AT, {}).get(name, {}).get("ratio", 0.0)
        if ratio > MOST:
            broken.append(f"{name} at {AT} hosts takes {ratio:.2f} times the lower bound, promised is {MOST}")
    for line in broken:
        print(f"broken promise: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
