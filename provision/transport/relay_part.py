"""What every transfer from host to host has in common: a thread for each host, what a host is told at first, and what
ends its part."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import paramiko

from provision.core.errors import ProvisionError
from provision.core.values import dataclass
from provision.payload.relay.wire import FRAME, NO_SOURCE
from provision.transport.relay_heard import OutOfRelay, RelayHeard
from provision.transport.relay_run import RelayMember, Together
from provision.transport.run_authority import RunAuthority
from provision.transport.upload import STALLED, UploadPlace

#: Seconds: a host that has got next to nothing for so long, while there was something to be had, is given up.
STUCK = 120.0

#: Why hosts have not got all which can go on from another one.
FIRST_FAILED = "the host that was sent the files failed"

#: First words of why one has not which can go on from another one, if there is one that it has not tried.
UNREACHED = NO_SOURCE


@dataclass(frozen=True)
class RelayParticipant:
    """A host: its address for the others, ports of which one will be free, a Python there, and the folder that its
    program works in."""

    name: str
    address: str
    ports: tuple[int, ...]
    python: str
    place: UploadPlace


def all_take_part(stops: Sequence[RelayParticipant], run: Together[Any], part: Callable[[int], None]) -> dict[str, str]:
    """`part(place)` for each host at once. Returns when all have ended: why those failed that did, by name."""
    failed: dict[str, str] = {}

    def take(place: int) -> None:
        whole = False
        try:
            part(place)
            whole = True
        except Exception as error:
            failed[stops[place].name] = reason(error)
        finally:
            run.leaves(place, whole=whole)

    threads = [threading.Thread(target=take, args=(place,)) for place in range(len(stops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def of_another(failed: Mapping[str, str]) -> dict[str, str]:
    """The same, where a host has failed from which others had files: whether its end or what came of it was heard
    first."""
    return {host: FIRST_FAILED if why.startswith(NO_SOURCE) else why for host, why in failed.items()}


def identity(authority: RunAuthority, place: int, stop: RelayParticipant, rate: float) -> dict[str, object]:
    """What every program is told: how it shows who it is, and where it listens. `rate`: as of Pace."""
    certificate, key = authority.issue(certified(place))
    return {
        "authority": authority.certificate,
        "certificate": certificate,
        "key": key.reveal(),
        "address": stop.address,
        "ports": stop.ports,
        "rate": rate,
    }


def listening(
    place: int, stop: RelayParticipant, heard: RelayHeard, look: Callable[[], None], what: str, most: float
) -> RelayMember:
    """Where it listens, once it is ready to take part: it has `what` by then. Raises OutOfRelay, after `most` seconds
    too."""
    began = time.monotonic()
    while not heard.ready:
        look()
        if time.monotonic() - began > most:
            raise OutOfRelay(f"the host had not {what} after {most:g} s")
        heard.wait(0.2)
    if heard.port not in stop.ports:
        raise OutOfRelay(f"it listens on port {heard.port}, which it was not told to")
    return RelayMember(certified(place), stop.address, heard.port)


@contextlib.contextmanager
def last_words(heard: RelayHeard) -> Iterator[None]:
    """Of a program that has ended meanwhile: they tell more than the end of its channel."""
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException):
        heard.last_words()
        raise


def reason(error: Exception) -> str:
    """Why a host takes no further part."""
    if isinstance(error, TimeoutError):
        return f"the host read nothing for {STALLED:g} s"
    if isinstance(error, ProvisionError | OutOfRelay | OSError | EOFError | paramiko.SSHException):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"  # a fault of ours: the others are not to wait for it


def certified(place: int) -> str:
    """The name of a host in its certificate."""
    return f"host-{place}"


def named(name: str, hosts: Sequence[str]) -> str:
    """The host that is certified so."""
    place = name.rpartition("-")[2]
    known = place.isascii() and place.isdecimal() and int(place) < len(hosts)
    return hosts[int(place)] if known else "another host"


def framed(kind: bytes, data: bytes) -> bytes:
    return FRAME.pack(kind, len(data)) + data


def send(heard: RelayHeard, kind: bytes, data: bytes) -> None:
    heard.pipe.send(framed(kind, data), STALLED)
