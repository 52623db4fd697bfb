"""Large files that hosts lack, before each of them is sent what it lacks: from a host that has them, and from one to
the other, where that can be. What has not come that way is sent as ever."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from provision.cluster.relaying import RelayHost
from provision.core import events
from provision.core.errors import ProvisionError
from provision.core.events import Listener
from provision.core.playbook import Step
from provision.core.spread import Offer
from provision.core.stopwatch import Stopwatch
from provision.engine.schedule import Stretch
from provision.engine.spreading import Spreading, progress
from provision.inventory.models import Host
from provision.transport import Transport
from provision.transport.resume import line_of
from provision.transport.upload import UploadPlace, is_large

if TYPE_CHECKING:
    from provision.engine.offers import Offers

#: Seconds for which one host waits at most for others that are still at what comes before.
TOGETHER = 20.0

#: The same files, for the hosts that lack exactly these, with where they are to lie there.
Group = tuple[tuple[Path, ...], dict[str, UploadPlace]]


class Relaying:
    """For one run. `carriers`: the hosts that may take part; none: there is no relay."""

    def __init__(
        self,
        transport: Transport,
        hosts: Mapping[str, Host],
        carriers: Mapping[str, RelayHost],
        emit: Listener,
        cancel: threading.Event,
        watch: Stopwatch,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_begin`: returns once it is known."""
        self._transport, self._hosts, self._watch, self._may_begin = transport, hosts, watch, may_begin
        self._carriers, self._emit, self._cancel = carriers, emit, cancel
        self._offers: Offers | None = None
        self._spreading = Spreading(transport, hosts, carriers, emit, cancel, watch)

    def know(self, steps: Sequence[Step]) -> None:
        """These are as wanted."""
        if self._carriers:
            from provision.engine.offers import Offers  # what few runs need

            self._offers = self._spreading.offers = Offers(steps, self._carriers)

    def beside(
        self, emit: Listener, watch: Stopwatch, may_begin: Callable[[], bool], cancel: threading.Event
    ) -> Relaying:
        """The same, for what is made while proofs are under way."""
        return Relaying(self._transport, self._hosts, self._carriers, emit, cancel, watch, may_begin)

    def concerns(self, stretch: Stretch) -> bool:
        """Whether it begins with large files that may come from other hosts."""
        return stretch.host in self._carriers and bool(self._lacks(stretch) or self._spreading.of(stretch))

    def served(self, stretch: Stretch) -> bool:
        """Whether another host has what it begins with."""
        spread = self._spreading.of(stretch)
        if self._offers is None:
            return False
        if spread is not None and self._offers.of(spread.key):
            return True
        return any(self._offers.holding(sources) for sources in self._lacks(stretch).values())

    def ahead(self, stretches: Sequence[Stretch]) -> None:
        """Whatever goes wrong is said, and no more than that."""
        if not self._may_begin():
            return
        self._spreading.ahead(stretches)
        for sources, places in grouped({s.host: self._lacks(s) for s in stretches}):
            holders = self._offers.holding(sources, places) if self._offers is not None else []
            if len(places) < 2 and not holders:
                continue
            able = {host: place for host, place in places.items() if self._carriers[host].python}
            for host in places.keys() - able.keys():
                self._emit(events.Note(host, "large files are sent from here: there is no Python to take them with"))
            try:
                self._all_of(sources, able, holders)
            except OSError as error:  # of a file here
                self._emit(events.Note("", f"large files are sent from here to each host: {error}"))

    def _all_of(
        self, sources: Sequence[Path], places: Mapping[str, UploadPlace], holders: Sequence[tuple[str, Offer]]
    ) -> None:
        """`holders`: hosts that have them, of which the first serves the others; what fails goes on from the next, and
        without one from the first of those that lack them."""
        from provision.transport.relay_heard import ALONE
        from provision.transport.relay_part import FIRST_FAILED, UNREACHED  # certificates, which few runs need

        able = dict(places)
        while (len(able) > 1 or (able and holders)) and not self._cancel.is_set():
            failed = dict(self._relay(sources, able, holders[:1]))
            again = {host for host, why in failed.items() if why == FIRST_FAILED}
            for holder, _ in holders[:1]:
                why = failed.pop(holder, "")
                if why and why != ALONE and not self._cancel.is_set():
                    self._emit(events.Note(holder, f"others have no large files from it any more: {why}"))
                again |= {host for host, why in failed.items() if why.startswith(UNREACHED) or why == ALONE}
                holders = holders[1:] if why or again else holders
            # They go on from one that has all, if there is one, or from the first of them.
            able = {host: place for host, place in able.items() if host not in failed} if again else {}
            able |= {host: places[host] for host in places if host in again}
            goes_on = len(able) > 1 or bool(able and holders)
            for host, why in failed.items():
                if not (host in again and goes_on) and not self._cancel.is_set():
                    said = f"large files are sent from here, not from host to host: {why}"
                    self._emit(events.Note(host, said))

    def _relay(
        self, sources: Sequence[Path], places: Mapping[str, UploadPlace], holders: Sequence[tuple[str, Offer]]
    ) -> Mapping[str, str]:
        """Why hosts have not got all, or served no more."""
        from provision.transport.relay import Relay, RelayStop

        stops = [
            RelayStop(
                host,
                *self._carriers[host],
                UploadPlace(offer.folder, offer.user, ""),
                tuple(offer.files[source] for source in sources),
            )
            for host, offer in holders
        ]
        stops += [RelayStop(host, *self._carriers[host], place) for host, place in places.items()]
        about = [source.stat() for source in sources]
        files = [(source, s.st_size, int(s.st_mtime)) for source, s in zip(sources, about, strict=True)]
        for host in places:
            self._emit(events.Doing(host, "receiving files"))
        moved = progress(self._emit, "relayed")
        relay = Relay(
            stops,
            files,
            lambda host: self._transport.connect(self._hosts[host]),
            lambda host, done, total: moved(host, done, total) if host in places else None,
            lambda host, text: self._emit(events.Note(host, text)),
            self._cancel,
            self._transport.pace,
        )
        began, behind = time.monotonic(), self._watch.behind
        relay.carry_out()
        for host in places:
            done = host not in relay.failed
            self._watch.write(
                "files", "files from host to host", host, began, time.monotonic(), behind=behind, done=done
            )
        return relay.failed

    def _lacks(self, stretch: Stretch) -> Mapping[UploadPlace, tuple[Path, ...]]:
        """The large files that it begins with, by where they are to lie. What cannot be prepared, its own try says."""
        found: dict[UploadPlace, list[Path]] = {}
        with contextlib.suppress(ProvisionError, OSError):
            for change in stretch.changes:
                if change.want is None:
                    continue
                resource = change.step.resource
                resource.prepare(lambda text: self._emit(events.Progress(stretch.host, text)))
                for upload in resource.fix(change.have, change.want).uploads:
                    if is_large(upload.source) and line_of(upload.source):
                        found.setdefault(UploadPlace(upload.into, upload.user, upload.made), []).append(upload.source)
        return {place: tuple(sources) for place, sources in found.items()}


class Gathering:
    """Stretches wait here for each other, until those that lack the same large files can have them together. For the
    one thread that owns the schedule."""

    def __init__(self, relaying: Relaying, pool: ThreadPoolExecutor) -> None:
        self._relaying, self._pool = relaying, pool
        self._held: list[Stretch] = []
        self._since = 0.0
        self._relayed: dict[Future[None], list[Stretch]] = {}

    @property
    def running(self) -> Collection[Future[None]]:
        return self._relayed.keys()

    @property
    def patience(self) -> float | None:
        """Seconds until it should be looked at again, whatever has ended by then."""
        return max(0.1, self._since + TOGETHER - time.monotonic()) if self._held else None

    def ready(self, stretches: Sequence[Stretch], *, busy: bool) -> list[Stretch]:
        """What may begin now. `busy`: others are at work, who may want the same next."""
        free: list[Stretch] = []
        for future in [future for future in self._relayed if future.done()]:
            free += self._relayed.pop(future)
            future.result()
        for stretch in stretches:
            if not self._relaying.concerns(stretch):
                free.append(stretch)
                continue
            if not self._held:
                self._since = time.monotonic()
            self._held.append(stretch)
        if self._held and not free and (not busy or time.monotonic() - self._since >= TOGETHER):
            held, self._held = self._held, []
            if len(held) > 1 or self._relaying.served(held[0]):
                self._relayed[self._pool.submit(self._relaying.ahead, held)] = held
            else:
                free += held
        return free


def grouped(lacks: Mapping[str, Mapping[UploadPlace, tuple[Path, ...]]]) -> list[Group]:
    """Who lacks the same."""
    groups: dict[tuple[Path, ...], dict[str, UploadPlace]] = {}
    for host, places in lacks.items():
        for place, sources in places.items():
            groups.setdefault(sources, {}).setdefault(host, place)
    return list(groups.items())
