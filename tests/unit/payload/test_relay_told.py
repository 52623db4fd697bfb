"""What a host in a relay, or in a download that hosts share, says of how far it is."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from loopback import wait_until

from provision.payload.relay import host
from provision.payload.relay.fetching import RelayPeer, Sent
from provision.payload.relay.host import RelayProgram
from provision.payload.relay.parts import FilePart, Parts
from provision.payload.relay.wire import BLOCK
from provision.payload.weights import spread
from provision.payload.weights.spread import SpreadProgram
from provision.transport.run_authority import RunAuthority

ZEROS = FilePart.digest(bytes(BLOCK))


def asked() -> dict[str, Any]:
    authority = RunAuthority()
    certificate, key = authority.issue("host-0")
    return {
        "authority": authority.certificate,
        "certificate": certificate,
        "key": key.reveal(),
        "address": "127.0.0.1",
        "ports": [0],
        "rate": 0,
    }


def there(folder: Path, size: int = 2 * BLOCK) -> FilePart:
    """A file of zeros."""
    (folder / "a").write_bytes(bytes(size))
    return FilePart(os.open(folder / "a", os.O_RDONLY), size, lambda: None)


class Share:
    names = ("a",)

    def __init__(self, part: FilePart, compared: bool) -> None:
        self.part, self.compared = part, compared

    def whole(self, _: str) -> bool:
        return self.compared

    def opened(self, _: str) -> FilePart:
        return self.part


def spread_of(part: FilePart, *, compared: bool = False) -> SpreadProgram:
    share: Any = Share(part, compared)
    return SpreadProgram(asked(), share)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    lines: list[tuple[object, ...]] = []
    for module in (host, spread):
        monkeypatch.setattr(module, "say", lambda *words: lines.append(words))
        monkeypatch.setattr(module, "end", lambda why: lines.append(("end", why)))
    return lines


def assert_told_while_it_waits(said: list[tuple[object, ...]], program: RelayProgram, work: threading.Thread) -> None:
    program._parts.told(0, 0, ZEROS)
    work.start()
    try:
        assert wait_until(lambda: (host.AT, BLOCK) in said)
        assert (host.WHOLE,) not in said
    finally:
        program._parts.told(0, 1, ZEROS)
        work.join()
    assert {(host.AT, 2 * BLOCK), (host.WHOLE,)} <= {*said}


def test_a_host_that_waits_for_more_of_a_share_has_told_of_all_that_it_has(
    tmp_path: Path, said: list[tuple[object, ...]]
) -> None:
    program = spread_of(there(tmp_path))
    plan = {"fetch": [], "take": [{"files": [0], "peers": [["host-1", "127.0.0.1", 1]]}]}
    work = threading.Thread(target=program._work, args=(plan,), daemon=True)
    assert_told_while_it_waits(said, program, work)


def test_a_host_that_waits_for_more_of_a_relay_has_told_of_all_that_it_has(
    tmp_path: Path, said: list[tuple[object, ...]]
) -> None:
    program = RelayProgram(asked(), Parts([there(tmp_path)]))
    program._sources.put(Sent())
    assert_told_while_it_waits(said, program, threading.Thread(target=program._fill, daemon=True))


def test_a_file_that_is_whole_here_stays_whatever_another_host_says_of_it(
    tmp_path: Path, said: list[tuple[object, ...]]
) -> None:
    program = spread_of(there(tmp_path), compared=True)
    program._parts.told(0, 0, bytes(32))
    program._take([0], [RelayPeer("host-1", "127.0.0.1", 1)])
    assert program._parts.bytes == 2 * BLOCK and not said
    assert (tmp_path / "a").read_bytes() == bytes(2 * BLOCK)
