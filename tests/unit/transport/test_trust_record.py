"""Where host keys are recorded: no file but the one that is meant, and none that another user's link leads to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.transport.trust import ScannedKey, record

KEY = ScannedKey("gpu-01", "10.0.0.1", 22, "ssh-ed25519", "SHA256:x", "new", record="10.0.0.1", text="AAAAone")
OTHER = ScannedKey("gpu-01", "10.0.0.1", 22, "ssh-ed25519", "SHA256:y", "changed", record="10.0.0.1", text="AAAAtwo")


def test_a_link_of_ours_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    """As people keep their files in a repository."""
    (real := tmp_path / "real").touch()
    (link := tmp_path / "known_hosts").symlink_to(real)
    assert record([KEY], link) == 1
    assert record([OTHER], link, replace=True) == 1
    assert link.is_symlink() and real.read_text() == "10.0.0.1 ssh-ed25519 AAAAtwo\n"
    assert {path.name for path in tmp_path.iterdir()} == {"real", "known_hosts"}


def test_a_file_beside_it_is_left_whatever_it_is_called(tmp_path: Path) -> None:
    (beside := tmp_path / f"known_hosts.{os.getpid()}.new").write_text("somebody's")
    record([KEY], tmp_path / "known_hosts")
    record([OTHER], tmp_path / "known_hosts", replace=True)
    assert beside.read_text() == "somebody's"
    assert {path.name for path in tmp_path.iterdir()} == {beside.name, "known_hosts"}


@pytest.mark.needs("root")
@pytest.mark.parametrize("there", [True, False])
def test_another_users_link_is_not_followed(tmp_path: Path, there: bool) -> None:
    (victim := tmp_path / "authorized_keys").write_text("mine\n" if there else "")
    if not there:
        victim.unlink()
    (link := tmp_path / "known_hosts").symlink_to(victim)
    os.lchown(link, 65534, 65534)
    with pytest.raises(PermissionError, match="is a link that nobody made"):
        record([KEY], link)
    assert victim.exists() is there and (not there or victim.read_text() == "mine\n")
