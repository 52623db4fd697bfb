"""An entry of `models`: a served model with its place."""

from __future__ import annotations

from pydantic import Field

from provision.inventory.models import Serve
from provision.inventory.section import Section


class Placement(Section):
    """Where a model is served."""

    hosts: tuple[str, ...] = Field((), description="hosts, ranges or groups; so far all of them, the default")


class ServedModel(Serve):
    """An entry of `models`: what `serve` holds, and where it is served."""

    placement: Placement = Field(Placement(), description="the hosts that serve it")
