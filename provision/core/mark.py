"""The mark: by which processes that we started are recognised, in their environment."""

from __future__ import annotations

import re

from provision.core.regex import regex
from provision.core.values import dataclass

#: What cannot be in a part: the separator, and what would end the variable's line.
_PART = regex(r"[^\s/]+\Z")

FIRST = "0"


@dataclass(frozen=True)
class Mark:
    """Whose a process is. `replica`: which one of a model's servers, `epoch`: which start of its head.

    With the first replica and no epoch it is written in three parts, as marks always were: so a running cluster keeps
    its own, and nothing is restarted. The longer form has five, and begins and ends as the short one does: what looks
    for `<cluster>/<host>/`, or takes the last part for the service, reads both.
    """

    cluster: str
    host: str
    service: str
    replica: str = FIRST
    epoch: int = 0

    def __post_init__(self) -> None:
        for part in (self.cluster, self.host, self.service, self.replica):
            if not _PART.match(part):
                raise ValueError(f"`{part}` cannot be part of a mark")
        if self.epoch < 0:
            raise ValueError(f"epoch {self.epoch} is below 0")

    def __str__(self) -> str:
        more = () if (self.replica, self.epoch) == (FIRST, 0) else (self.replica, str(self.epoch))
        return "/".join((self.cluster, self.host, *more, self.service))

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """Returns None for what is no mark of ours: any program may set the variable."""
        match text.split("/"):
            case [cluster, host, service]:
                parts, epoch = (cluster, host, service, FIRST), "0"
            case [cluster, host, replica, epoch, service]:
                parts = (cluster, host, service, replica)
            case _:
                return None
        if not all(map(_PART.match, parts)) or not re.fullmatch(r"0|[1-9][0-9]{0,8}", epoch, re.ASCII):
            return None
        return cls(*parts, int(epoch))
