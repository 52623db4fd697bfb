"""When a service of ServerlessLLM is ready, and whether it still is: it listens, and answers what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Script, Value
from provision.payload.bundle import shell


def ready_script(well: str, asked: Mapping[str, Value], seconds: float) -> Script:
    """`well`: the file of payload that asks, and `asked`: what it takes, with `address` and `port` of the service."""
    files = shell("listener.sh", well, "serverless/ready.sh")
    return Script(files, {**asked, "seconds": int(seconds)}, timeout=seconds + 60)


def health_script(well: str, asked: Mapping[str, Value]) -> Script:
    return Script(shell("listener.sh", well, "serverless/health.sh"), dict(asked))
