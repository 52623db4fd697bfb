"""The connections of one pytest session: one per host, opened when first needed, all of them at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from provision.errors import Unreachable
from provision.inventory.models import Host
from provision.secret import Secret
from provision.transport import Session, Transport

#: Connections that are opened at the same time.
AT_ONCE = 32


class Connections:
    """A host that cannot be reached is tried once, however many tests it has."""

    def __init__(self, hosts: Sequence[Host], sudo_password: Secret | None) -> None:
        self._cancel = threading.Event()
        self._transport = Transport(hosts, sudo_password=sudo_password, cancel=self._cancel)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="connect")
        self._opening: dict[str, Future[Session]] = {}
        self._needed: tuple[Host, ...] = ()
        #: What was in the way of each host that could not be reached.
        self.unreachable: dict[str, Unreachable] = {}

    def expect(self, hosts: Iterable[Host]) -> None:
        """These will be needed: they are opened together with the first of them."""
        self._needed = tuple(hosts)

    def session(self, host: Host) -> Session:
        """Raises Unreachable's subclasses, again and again the same."""
        for each in (host, *self._needed):
            if each.name not in self._opening:
                self._opening[each.name] = self._pool.submit(self._transport.connect, each)
        try:
            self._opening[host.name].result()
        except Unreachable as error:
            self.unreachable[host.name] = error
            raise
        return self._transport.connect(host)  # another one, if the first broke meanwhile

    def close(self) -> None:
        self._cancel.set()
        self._pool.shutdown(cancel_futures=True)
        self._transport.close()
