"""The connecting side of the network proof: every port of every other host, then one payload. Runs on the hosts."""

from __future__ import annotations

import errno
import selectors
import socket
from collections.abc import Callable, Iterable

from provision.payload.network.wire import (
    ALL,
    END,
    PAYLOAD,
    PAYLOAD_SIZE,
    TAG_SIZE,
    Tags,
    family,
    taken_ports,
    tcp_info,
)

#: Seconds. SYNs are sent at 0, 1 and 3 s (RFC 6298), and a neighbour that no ARP finds is given up after 3 s.
ANSWER = 4.0
#: So many connections are begun at a time: the next ones once these are answered, or have waited for a moment. With 200
#: hosts that is half a million in all, which no network should see at once.
ROUND, MOMENT = 256, 0.2
#: For a greeting on a port that is open; for a payload to pass.
GREETING, PASSING = 6.0, 2.0
#: Bytes. Packets of such segments pass every path (RFC 8200: 1280, less 60 of IPv6 and TCP, and some for options).
SMALL = 1200
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES, errno.EPERM)


class Peer:
    """Another host, and what is found out about it.

    `up`: it was heard of. `left`: it asks no more of us; `done`: nor we of it. `verdicts`: port → `ok`, `taken` (a
    stranger answers), `other` (another host of the cluster does), `silent`, `refused`, `dropped`, `unreachable` or
    `cut`, and a detail. `payload`: `passed`, `lost` (small packets alone pass), `slow`, `stalled`, or `none` (could not
    be tried).
    """

    def __init__(self, name: str, address: str, ports: list[int], listens: bool) -> None:
        self.name, self.address, self.ports, self.listens = name, address, ports, listens
        self.up = self.left = self.done = False
        self.taken: set[int] = set()
        self.refused: list[int] = []
        self.verdicts: dict[int, tuple[str, str]] = {}
        self.payload = ""
        self.rtt_us = self.mtu = self.mss = self.acked = 0

    @property
    def reached(self) -> list[int]:
        return [port for port, (verdict, _) in self.verdicts.items() if verdict == "ok"]


class Try:
    """One connection. `sent`: when the greeting was answered."""

    def __init__(self, peer: Peer, port: int, what: bytes, small: bool, now: float) -> None:
        self.peer, self.port, self.what, self.small = peer, port, what, small
        self.began = self.sent = now
        self.socket = socket.socket(family(peer.address), socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if small:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL)
        self.registered = self.connected = self.greeted = False
        self.heard = b""
        self.rest = memoryview(b"")


class Connecting:
    """`late()`: whether a host that was not heard of yet has missed its time. `room`: connections at once."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        tags: Tags,
        me: str,
        clock: Callable[[], float],
        late: Callable[[], bool],
        room: int,
    ) -> None:
        self._selector, self._tags, self._me = selector, tags, me
        self._clock, self._late, self._room = clock, late, room
        self._waiting: list[tuple[Peer, int]] = []
        self._tries: dict[Try, None] = {}
        self._round: dict[Try, None] = {}

    def begin(self, peers: Iterable[Peer]) -> None:
        """A port of each host in turn, so that nobody is asked for all of its ports at once by everybody."""
        pairs = [(peer, port) for peer in peers for port in peer.ports]
        self._waiting = sorted(pairs, key=lambda pair: pair[0].ports.index(pair[1]), reverse=True)

    def go_on(self) -> None:
        while self._waiting and len(self._tries) < self._room and len(self._round) < ROUND:
            self._start(*self._waiting.pop(), ALL)

    def is_up(self, peer: Peer) -> None:
        """It listens wherever it can, so that what is refused from now on is refused for good."""
        peer.up = True
        self._waiting += [(peer, port) for port in peer.refused]
        peer.refused = []

    def look(self, peers: Iterable[Peer]) -> None:
        """What time alone decides."""
        for one in [one for one in self._round if self._clock() - one.began > MOMENT]:
            del self._round[one]
        for one in list(self._tries):
            if one not in self._tries:
                continue
            waited = self._clock() - one.began
            if not one.connected:
                if waited > ANSWER:
                    self._ended(one, "dropped", f"no answer within {ANSWER:g} s")
            elif not one.greeted:
                if one.port in one.peer.taken:
                    self._ended(one, "taken")
                elif waited > GREETING:
                    self._ended(one, "silent")
            elif one.what == PAYLOAD:
                self._wait_for_payload(one)
            elif waited > GREETING:
                self._ended(one, "cut")
        for peer in peers:
            # One of its ports at a time: whether it has begun, they all say.
            for _ in peer.refused if self._late() else peer.refused[:1]:
                self._waiting.append((peer, peer.refused.pop(0)))

    def _start(self, peer: Peer, port: int, what: bytes, small: bool = False) -> None:
        one = Try(peer, port, what, small, self._clock())
        self._tries[one] = self._round[one] = None
        code = one.socket.connect_ex((peer.address, port))
        if code not in (0, errno.EINPROGRESS):
            self._failed(one, code)
            return
        one.registered = True
        self._selector.register(one.socket, selectors.EVENT_WRITE, lambda _: self._event(one))

    def _event(self, one: Try) -> None:
        if one not in self._tries:
            return
        if one.connected:
            self._read(one)
            if one in self._tries and one.rest:
                self._write(one)
            return
        code = one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._failed(one, code)
            return
        one.connected = True
        self._measure(one)
        self._expect(one, selectors.EVENT_READ)

    def _expect(self, one: Try, events: int) -> None:
        self._selector.modify(one.socket, events, lambda _: self._event(one))

    def _measure(self, one: Try) -> None:
        """The kernel's own round trip, of SYN and answer: it does not wait for a busy processor as we do."""
        info, peer = tcp_info(one.socket), one.peer
        if info and not one.small:
            peer.rtt_us = min(peer.rtt_us or info["rtt_us"], info["rtt_us"])
            peer.mtu, peer.mss = info["mtu"], info["mss"]

    def _read(self, one: Try) -> None:
        try:
            data = one.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if one.greeted:
            self._ended(one, "ok" if data == b"." else "cut")
            return
        one.heard += data
        if data and len(one.heard) < TAG_SIZE:
            return
        whose = self._tags.who_listens(one.heard)
        taken = taken_ports(one.heard)
        if whose != one.peer.name:
            self._ended(one, "other" if whose else "taken", whose)
        elif taken is not None:
            one.peer.taken = taken
            self._answer(one)
        elif not data:
            self._ended(one, "cut")

    def _answer(self, one: Try) -> None:
        one.greeted, one.sent = True, self._clock()
        self.is_up(one.peer)
        payload = bytes(PAYLOAD_SIZE) if one.what == PAYLOAD else b""
        one.rest = memoryview(self._tags.connects[self._me] + one.what + payload)
        self._write(one)

    def _write(self, one: Try) -> None:
        try:
            one.rest = one.rest[one.socket.send(one.rest) :]
        except BlockingIOError:
            pass
        except OSError:
            self._ended(one, "cut")
            return
        if one.rest or one.what == PAYLOAD:
            self._expect(one, selectors.EVENT_READ | (selectors.EVENT_WRITE if one.rest else 0))
        else:
            self._ended(one, "ok")

    def _failed(self, one: Try, code: int) -> None:
        peer, name = one.peer, errno.errorcode.get(code, str(code))
        took = f"{name} after {self._clock() - one.began:.1f} s"
        if code != errno.ECONNREFUSED:
            self._ended(one, "unreachable" if code in _UNREACHABLE else "dropped", took)
        elif one.what == ALL and peer.listens and not peer.up and not self._late():
            self._close(one)
            peer.refused.append(one.port)
        else:
            self._ended(one, "refused")

    def _ended(self, one: Try, verdict: str, detail: str = "") -> None:
        peer = one.peer
        self._close(one)
        if one.what == ALL:
            peer.verdicts[one.port] = (verdict, detail)
            if len(peer.verdicts) == len(peer.ports):
                self._send_payload(peer)
        elif one.what == PAYLOAD:
            passed = "lost" if one.small else "passed"
            self._payload_ended(peer, passed if verdict == "ok" else "none")
        else:
            peer.done = True

    def _close(self, one: Try) -> None:
        del self._tries[one]
        self._round.pop(one, None)
        if one.registered:
            self._selector.unregister(one.socket)
        one.socket.close()

    def _send_payload(self, peer: Peer, small: bool = False) -> None:
        if peer.reached:
            self._start(peer, peer.reached[0], PAYLOAD, small)
        else:
            peer.done = True

    def _wait_for_payload(self, one: Try) -> None:
        """While some of it arrives the path is slow, and nothing else. If nothing does, small packets may."""
        peer, waited = one.peer, self._clock() - one.sent
        if waited <= PASSING:
            return
        info = tcp_info(one.socket)
        acked = info.get("acked", 0) - TAG_SIZE - 2
        if acked > 0:
            if waited > 2 * PASSING and info["again"]:  # else it is the other host that is busy
                peer.acked = acked
                self._payload_ended(peer, "slow")
        elif one.small:
            self._payload_ended(peer, "stalled")
        elif not any(other.small for other in self._tries if other.peer is peer):
            self._send_payload(peer, small=True)

    def _payload_ended(self, peer: Peer, what: str) -> None:
        if peer.payload:
            return
        peer.payload = what
        for other in [t for t in self._tries if t.peer is peer]:
            self._close(other)
        if what in ("passed", "lost"):
            peer.done = True
        else:
            self._start(peer, peer.reached[0], END)
