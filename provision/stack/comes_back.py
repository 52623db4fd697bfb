"""What the end of `up` says of hosts where nothing starts a service again but `up` itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provision.core.outcome import Ended, Endpoint
from provision.core.values import dataclass

#: So many hosts are named in the line.
_FEW = 3


@dataclass(frozen=True)
class OnlyByUp:
    """One line, if there are such `hosts`. `because`: what it would take, or why it cannot be."""

    hosts: tuple[str, ...]
    because: str

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return ()

    def lines(self, ended: Ended) -> Iterator[str]:
        hosts = [host for host in self.hosts if host in ended.known]
        if hosts:
            where = ", ".join(hosts) if len(hosts) <= _FEW else f"{len(hosts)} hosts"
            yield f"after a crash or a reboot: only `up` starts them again on {where}: {self.because}"
