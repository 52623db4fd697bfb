"""The signatures, read once from the data files beside this one."""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import Any

import yaml

from provision.core.finding import Severity
from provision.diagnosis.signature import Kind, Signature
from provision.diagnosis.xids import KINDS

#: The files, in the order in which they are asked about a line that several know.
AREAS = ("containers", "gpus", "memory", "network", "hub", "model", "packages", "ray", "system")

#: As an alternative of a pattern: the Xids that tell of a broken GPU, and not of a program.
_HARDWARE = "|".join(str(code) for code, kind in KINDS.items() if kind.severity is Severity.WARNING)


@functools.cache
def signatures() -> tuple[Signature, ...]:
    """Read when first something has failed: a run that ends well never does."""
    return tuple(_signature(entry) for area in AREAS for entry in _read(area))


def _read(area: str) -> list[dict[str, Any]]:
    text = files("provision.diagnosis").joinpath(f"signatures/{area}.yaml").read_text(encoding="utf-8")
    loaded: list[dict[str, Any]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded


def _signature(entry: dict[str, Any]) -> Signature:
    fields = dict(entry)
    fields["pattern"] = re.compile(fields["pattern"].replace("@HARDWARE_XIDS@", _HARDWARE))
    if "beside" in fields:
        fields["beside"] = re.compile(fields["beside"])
    fields["kind"] = Kind(fields.get("kind", "cause"))
    fields["examples"] = tuple(fields["examples"])
    return Signature(**fields)
