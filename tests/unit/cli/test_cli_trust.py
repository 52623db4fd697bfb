"""`trust` against keys that a scan might find. Scanning itself is tested with real servers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from provision.core.errors import HostKeyChanged
from provision.core.exits import Exit
from provision.transport import trust as transport_trust
from provision.transport.trust import ScannedKey

Call = Callable[..., Result]
TEXT = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch, inventory: Path) -> Callable[..., Path]:
    def show(*statuses: str) -> Path:
        file = inventory.parent / "known_hosts"
        keys = [
            ScannedKey(
                f"gpu-0{n}",
                f"192.0.2.{n}",
                22,
                "ssh-ed25519",
                f"SHA256:key{n}",
                status,  # type: ignore[arg-type]
                HostKeyChanged(f"gpu-0{n}", "its host key has changed") if status == "changed" else None,
                record=f"192.0.2.{n}",
                text=TEXT,
                known_hosts=file,
            )
            for n, status in enumerate(statuses, 1)
        ]
        monkeypatch.setattr(transport_trust, "scan", lambda hosts: keys)
        return file

    return show


def test_all_fingerprints_are_in_one_table(call: Call, scanned: Callable[..., Path]) -> None:
    file = scanned("new", "known")
    assert call("trust", "--yes").stdout.splitlines() == [
        "host    address       status  type         fingerprint",
        "gpu-01  192.0.2.1:22  new     ssh-ed25519  SHA256:key1",
        "gpu-02  192.0.2.2:22  known   ssh-ed25519  SHA256:key2",
        f"recorded 1 key in {file}",
    ]


def test_without_a_terminal_nothing_is_recorded_unless_told(call: Call, scanned: Callable[..., Path]) -> None:
    file = scanned("new", "new")
    result = call("trust", input="y\n")
    assert result.exit_code == 2
    assert "error: 2 keys not on record yet, and no terminal to ask at" in result.stderr
    assert not file.exists()
    assert call("trust", "--yes").exit_code == 0
    assert file.read_text() == f"192.0.2.1 ssh-ed25519 {TEXT}\n192.0.2.2 ssh-ed25519 {TEXT}\n"


def test_keys_on_record_are_nothing_to_change(call: Call, scanned: Callable[..., Path]) -> None:
    scanned("known", "known")
    result = call("trust")
    assert result.exit_code == 0
    assert result.stdout.endswith("all keys are on record: nothing to change\n")


def test_a_changed_key_is_never_recorded(call: Call, scanned: Callable[..., Path]) -> None:
    file = scanned("changed", "new")
    result = call("trust", "--yes")
    assert result.exit_code == 4
    assert "error: gpu-01: its host key has changed" in result.stderr
    assert file.read_text() == f"192.0.2.2 ssh-ed25519 {TEXT}\n"


def test_keys_as_json(call: Call, scanned: Callable[..., Path]) -> None:
    scanned("known", "changed")
    values = [json.loads(line) for line in call("trust", "--json").stdout.splitlines()]
    assert [v["event"] for v in values] == ["host-key", "host-key", "trust"]
    assert values[1]["error"]["kind"] == "HostKeyChanged"


def test_who_says_no_is_answered_by_an_exit_code_of_its_own(
    call: Call, scanned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned("new")
    monkeypatch.setattr("provision.cli.trust._confirmed", lambda *_, **__: None)
    result = call("trust")
    assert (result.exit_code, result.stdout) == (Exit.DECLINED, "nothing was recorded\n")
