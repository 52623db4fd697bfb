"""What a thousand hosts cost the controller by itself: no host is connected to, each answers from memory.

All of `provision check` is gone through: the inventory, facts read and compared, the playbook, probes, the plan, every
finding, the report, and what is shown of it. Each host has eight GPUs, and nothing of the cluster is there yet, so that
every step is a difference: the largest plan that there is.

    python -m benchmarks.many                      1000 hosts
    python -m benchmarks.many --profile            where the time goes
    python -m benchmarks.many --assert             exit code 1 if a promise below is broken
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

#: Processor seconds from the first answer to the report, and bytes in memory in the end, with `AT` hosts.
AT, MOST, MEMORY_MOST = 1000, 2.0, 300e6

#: MADE UP, to the shape that is documented for such machines; serial numbers and addresses belong to nobody.
FACTS = (Path(__file__).parent / "facts.txt").read_text()

GPU = (
    "{index}, NVIDIA H100 80GB HBM3, GPU-{host:08x}-0000-0000-0000-{index:012x}, 00000000:{bus:02X}:00.0, 590.48.01,"
    " 81559 MiB, 81079 MiB, 9.0, Enabled, Disabled, Completed, Success"
)

NOBODY = "state=free\n"


class Host:
    """In the place of a session: says what a host would that has nothing of the cluster yet."""

    lease = None
    connections = commands = 0

    def __init__(self, number: int) -> None:
        self._number = number

    def run(self, scripts: Sequence[Any], **_: object) -> list[Any]:
        from provision.core.script import Fragment

        first = not self.commands
        self.commands += 1
        said = [Fragment(0, "", "") for _ in scripts]
        if first:
            said[0] = Fragment(0, facts(self._number), "")
            asked = range(scripts[1].body.count("\036"))
            said[1] = Fragment(0, "".join(f"\036{number} 0\n" for number in asked), "")  # none of them has an answer
        said[-1] = Fragment(0, NOBODY, "")
        return said

    def close(self) -> None:
        pass


def facts(number: int) -> str:
    gpus = "\n".join(GPU.format(index=index, host=number, bus=0x18 + 8 * index) for index in range(8))
    address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
    return FACTS.format(number=number, address=address, clock=time.time(), gpus=gpus)


def inventory(folder: Path, count: int) -> Path:
    path = folder / "inventory.yaml"
    hosts = "".join(
        f"  gpu-{number:04d}: {{address: 10.{number // 65536}.{number // 256 % 256}.{number % 256}"
        f"{', role: head' if number == 1 else ''}}}\n"
        for number in range(1, count + 1)
    )
    path.write_text(f'cluster: many\npython: {{packages: ["ray[default]"]}}\nhosts:\n{hosts}')
    return path


def run(count: int, folder: Path) -> dict[str, float]:
    """Processor seconds of each part."""
    import provision
    from provision.render import recap
    from provision.transport.connect import Transport

    numbers: dict[str, Host] = {}

    def connect(_: Transport, host: Any) -> Host:
        return numbers.setdefault(host.name, Host(int(host.name.rpartition("-")[2])))

    path = inventory(folder, count)
    spent = [time.process_time()]
    loaded = provision.load(path)
    spent.append(time.process_time())
    original, Transport.connect = Transport.connect, connect  # type: ignore[method-assign]
    try:
        report = provision.check(loaded)
    finally:
        Transport.connect = original  # type: ignore[method-assign]
    spent.append(time.process_time())
    now = time.time()
    lines = [*recap.recap_lines(report), *recap.check_lines(report, now=now), recap.last_line(report)]
    spent.append(time.process_time())
    schedule(report.plan)
    spent.append(time.process_time())
    complain(report, count, lines)
    parts = ("inventory", "gather, plan, findings and report", "shown", "the order of all changes")
    return dict(zip(parts, (after - before for before, after in pairwise(spent)), strict=True))


def schedule(plan: Any) -> None:
    """What `up` would hand out, host by host, each told when it is done."""
    from provision.engine.schedule import Schedule

    order = Schedule(plan)
    running = order.ready()
    while running:
        order.done(running.pop())
        running += order.ready()
    if not order.finished:
        sys.exit("not all changes were handed out")


def complain(report: Any, count: int, lines: Sequence[str]) -> None:
    """What did not do its work means nothing."""
    changed = {host.name for host in report.hosts if host.changes}
    if len(changed) != count or report.errors or not report.plan.changes:
        sys.exit("\n".join([f"{len(changed)} of {count} hosts have changes", *map(str, report.errors[:3]), *lines]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=AT, metavar="N", help=f"default: {AT}")
    parser.add_argument("--profile", action="store_true", help="also what took how long")
    parser.add_argument("--assert", dest="promise", action="store_true", help=f"exit code 1 above {MOST:g} s, 300 MB")
    asked = parser.parse_args()
    profile = cProfile.Profile(time.process_time) if asked.profile else None
    with tempfile.TemporaryDirectory(prefix="provision-many-") as folder:
        if profile is not None:
            profile.enable()
        parts = run(asked.hosts, Path(folder))
        if profile is not None:
            profile.disable()
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for name, seconds in parts.items():
        print(f"{name:<36} {seconds:>6.2f} s")
    print(f"{'memory':<36} {held / 1e6:>6.0f} MB")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    took = parts["gather, plan, findings and report"]
    if asked.promise and (took > MOST or held > MEMORY_MOST):
        print(f"broken promise: {took:.2f} s, {held / 1e6:.0f} MB; promised: {MOST:g} s, 300 MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
