"""A service that does nothing, for as long as it is let."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from provision.core.script import Script
from provision.resources.service import Service


@dataclass(frozen=True)
class Sleeper(Service):
    @property
    def name(self) -> str:
        return "sleeper"

    def command(self) -> tuple[str, ...]:
        return ("/bin/sh", "-c", "while :; do sleep 0.1; done")

    def environment(self) -> Mapping[str, str]:
        return {"PATH": os.defpath}

    def aspects(self) -> Mapping[str, str]:
        return {"size": "1"}

    def ready(self) -> Script:
        return Script("alive")
