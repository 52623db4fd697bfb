"""`check --from`: what a bundle's check has found, shown again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from provision.cli.run import existing, show
from provision.core.errors import UsageError
from provision.core.report import Report
from provision.diagnosis.archive import read_bundle
from provision.operate.replay import replayed
from provision.render.screen import Screen


def replayed_check(
    path: Path, screen: Screen, others: Sequence[str], finish: Callable[[Report, str], Report], *, everything: bool
) -> int:
    """The exit code that the check had. `others`: what else was asked for, all of which would need a host."""
    if others:
        named = ", ".join(f"`{name}`" for name in others)
        raise UsageError(f"--from shows what a bundle has, without any host: {named} cannot be asked for")
    report, cluster, made = replayed(read_bundle(path), str(path))
    report = finish(report, cluster)
    screen.say(f"as {existing(path)} has it, made {made} of cluster {cluster}; no host was contacted", "")
    show(report, screen, "provision up", everything=everything)
    return report.exit_code
