"""The connections of one pytest session: one per host, opened when first needed, all of them at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from provision.core.errors import HostError
from provision.core.script import Script
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.transport import Session, Transport

#: Connections that are opened at the same time.
AT_ONCE = 32


class Connections:
    """A host that cannot be reached, or does not let us work, is tried once, however many tests it has."""

    def __init__(self, hosts: Sequence[Host], sudo_password: Secret | None) -> None:
        self._cancel = threading.Event()
        self._transport = Transport(hosts, sudo_password=sudo_password, cancel=self._cancel)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="connect")
        self._opening: dict[str, Future[None]] = {}
        self._needed: tuple[Host, ...] = ()
        #: What is in the way of each host where no test can run.
        self.closed: dict[str, HostError] = {}

    def expect(self, hosts: Iterable[Host]) -> None:
        """These will be needed: they are opened together with the first of them."""
        self._needed = tuple(hosts)

    def session(self, host: Host) -> Session:
        """Raises HostError's subclasses: Unreachable, SudoRefused …; again and again the same."""
        for each in (host, *self._needed):
            if each.name not in self._opening:
                self._opening[each.name] = self._pool.submit(self._open, each)
        try:
            self._opening[host.name].result()
        except HostError as error:
            self.closed[host.name] = error
            raise
        return self._transport.connect(host)  # another one, if the first broke meanwhile

    def close(self) -> None:
        self._cancel.set()
        self._pool.shutdown(cancel_futures=True)
        self._transport.close()

    def _open(self, host: Host) -> None:
        # A first command, so that what sudo or the login shell have to say is said once, not by every test.
        self._transport.connect(host).run([Script(":")])
