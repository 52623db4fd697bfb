"""What hosts are about to download, before each of them does: all of it from hosts that have it, or else a share of it
by each, and the others' from host to host. What has not come that way each host downloads as ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from provision.engine.offers import Offers


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
        #: What lies on which hosts as it is wanted.
        self.offers: Offers | None = None

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
        groups: dict[tuple[object, ...], dict[str, Spread]] = {}
        for stretch in stretches:
            if stretch.host in self._carriers and (found := self.of(stretch)) is not None:
                groups.setdefault(found.key, {})[stretch.host] = found
        for key, able in groups.items():
            self._all_of(able, self._holders(key, able))

    def _holders(self, key: object, able: Mapping[str, Spread]) -> Mapping[str, Spread]:
        """Hosts that have all of it."""
        found: dict[str, Spread] = {}
        for step in self.offers.of(key, able) if self.offers is not None else ():
            want = step.resource.want()
            spread = step.resource.spread(want, want)
            if spread is not None:
                found[step.host] = spread
        return found

    def _all_of(self, able: Mapping[str, Spread], holders: Mapping[str, Spread]) -> None:
        """`holders`: hosts that have it. What fails goes on with the others that are left."""
        from provision.transport.relay_heard import ALONE
        from provision.transport.relay_part import FIRST_FAILED, UNREACHED  # certificates, which few runs need
        from provision.transport.spread import WAITS

        while (len(able) > 1 or (able and holders)) and not self._cancel.is_set():
            failed = dict(self._spread(able, holders))
            ended = {host: failed.pop(host) for host in holders if host in failed}
            again = {host for host, why in failed.items() if why == FIRST_FAILED}
            holders = {
                host: spread for host, spread in holders.items() if ended.get(host, FIRST_FAILED) == FIRST_FAILED
            }
            if holders and (unreached := {host for host, why in failed.items() if why.startswith(UNREACHED)}):
                again, holders = again | unreached, {}
            if again == able.keys() and not ended:  # or the same would be tried for ever
                holders = {}
            # They go on with what is left of them, and with what each of them has by now.
            able = {host: spread for host, spread in able.items() if again and (host in again or host not in failed)}
            if self._cancel.is_set():
                break
            for host, why in ended.items():
                if why not in (FIRST_FAILED, ALONE):
                    self._emit(events.Note(host, f"others have none of its files any more: {why}"))
            goes_on = len(able) > 1 or bool(able and holders)
            for host, why in failed.items():
                if not (host in again and goes_on):
                    what = "it loads no share of the download" if why == WAITS else "it downloads by itself"
                    self._emit(events.Note(host, f"{what}: {why}"))

    def _spread(self, able: Mapping[str, Spread], holders: Mapping[str, Spread]) -> Mapping[str, str]:
        """Why hosts have not got all, or served no more."""
        from provision.transport.spread import SpreadStop, SpreadTransfer

        stops = [
            SpreadStop(
                host,
                self._carriers[host].address,
                self._carriers[host].ports,
                spread.python,
                UploadPlace(spread.into, spread.user, spread.made),
                spread.program,
                spread.environment,
                spread.token if isinstance(spread.token, Secret) else None,
            )
            for host, spread in (*holders.items(), *able.items())
        ]
        moved = progress(self._emit, "downloaded and relayed")
        for host in able:
            self._emit(events.Doing(host, "receiving files" if holders else "downloading a share"))
        transfer = SpreadTransfer(
            stops,
            lambda host: self._transport.connect(self._hosts[host]),
            lambda host, done, total: moved(host, done, total) if host in able else None,
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
