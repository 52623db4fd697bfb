"""What several hosts are about to download, before each of them does: a share of it by each, and the others' from host
to host. What has not come that way each host downloads as ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from provision.cluster.relaying import RelayHost
from provision.core import events
from provision.core.events import Listener
from provision.core.secret import Secret
from provision.core.spread import Spread
from provision.core.stopwatch import Stopwatch
from provision.engine.schedule import Stretch
from provision.inventory.models import Host
from provision.transport import Transport
from provision.transport.upload import UploadPlace


class Spreading:
    """For one run. `carriers`: the hosts that may take part."""

    def __init__(
        self,
        transport: Transport,
        hosts: Mapping[str, Host],
        carriers: Mapping[str, RelayHost],
        emit: Listener,
        cancel: threading.Event,
        watch: Stopwatch,
    ) -> None:
        self._transport, self._hosts, self._watch = transport, hosts, watch
        self._carriers, self._emit, self._cancel = carriers, emit, cancel

    def of(self, stretch: Stretch) -> Spread | None:
        """What it downloads that others may download, too: with what is there when it begins."""
        before: set[str] = set()
        for change in stretch.changes:
            if change.want is not None and not before & {*change.step.after}:
                found = change.step.resource.spread(change.have, change.want)
                if found is not None:
                    return found
            before.add(change.step.key)
        return None

    def ahead(self, stretches: Sequence[Stretch]) -> None:
        """Whatever goes wrong is said, and no more than that."""
        from provision.transport.relay import FIRST_FAILED  # certificates, which few runs need
        from provision.transport.spread import WAITS

        groups: dict[tuple[object, ...], dict[str, Spread]] = {}
        for stretch in stretches:
            if stretch.host in self._carriers and (found := self.of(stretch)) is not None:
                groups.setdefault(found.key, {})[stretch.host] = found
        for able in groups.values():
            while len(able) > 1 and not self._cancel.is_set():
                failed = self._spread(able)
                again = {host for host, why in failed.items() if why == FIRST_FAILED}
                # They go on with what is left of them, and with what each of them has by now.
                able = {
                    host: spread for host, spread in able.items() if again and (host in again or host not in failed)
                }
                for host, why in failed.items():
                    if not (host in again and len(able) > 1) and not self._cancel.is_set():
                        what = "it loads no share of the download" if why == WAITS else "it downloads by itself"
                        self._emit(events.Note(host, f"{what}: {why}"))

    def _spread(self, able: Mapping[str, Spread]) -> Mapping[str, str]:
        """Why hosts have not got all."""
        from provision.transport.spread import SpreadStop, SpreadTransfer

        stops = [
            SpreadStop(
                host,
                self._carriers[host].address,
                self._carriers[host].ports,
                spread.python,
                spread.program,
                UploadPlace(spread.into, spread.user, spread.made),
                spread.environment,
                spread.token if isinstance(spread.token, Secret) else None,
            )
            for host, spread in able.items()
        ]
        for host in able:
            self._emit(events.Doing(host, "downloading a share"))
        transfer = SpreadTransfer(
            stops,
            lambda host: self._transport.connect(self._hosts[host]),
            progress(self._emit, "downloaded and relayed"),
            lambda host, text: self._emit(events.Note(host, text)),
            self._cancel,
            self._transport.pace,
        )
        began, behind = time.monotonic(), self._watch.behind
        transfer.carry_out()
        for host in able:
            done = host not in transfer.failed
            self._watch.write(
                "files", "download, a share each", host, began, time.monotonic(), behind=behind, done=done
            )
        return transfer.failed


def progress(emit: Listener, what: str) -> Callable[[str, int, int], None]:
    """Tells how far each host is, some times a second."""
    said: dict[str, float] = {}

    def moved(host: str, done: int, total: int) -> None:
        if done == total or time.monotonic() - said.get(host, 0.0) > 0.2:
            said[host] = time.monotonic()
            emit(events.Progress(host, f"{what} {done >> 20}/{total >> 20} MiB"))

    return moved
