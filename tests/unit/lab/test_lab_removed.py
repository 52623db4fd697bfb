"""Removing a lab, of which nothing runs any more: what it says meanwhile, and what it leaves alone."""

from pathlib import Path

from provision.lab.lab import Lab
from provision.lab.state import HostState, LabState


def a_lab(root: Path) -> Path:
    folder = root / "mine"
    hosts = tuple(HostState(name, "127.0.0.1", str(folder / "hosts" / name)) for name in ("lab-1", "lab-2"))
    for host in hosts:
        Path(host.directory, "provision/envs/abc").mkdir(parents=True)
    LabState("mine", "loopback", hosts, 0, 22, "ann").save(folder)
    return folder


def test_it_says_which_host_it_is_at(tmp_path: Path) -> None:
    folder, said = a_lab(tmp_path), list[str]()
    assert Lab(tmp_path, "mine", say=said.append).down().changed
    assert said == ["stopping lab-1, lab-2", "lab-1: removing its files", "lab-2: removing its files"]
    assert not folder.exists()


def test_no_link_leads_out_of_it(tmp_path: Path) -> None:
    folder, other = a_lab(tmp_path / "labs"), tmp_path / "other"
    (other / "lab-9").mkdir(parents=True)
    (folder / "hosts/lab-3").symlink_to(other)
    Lab(tmp_path / "labs", "mine").down()
    again = a_lab(tmp_path / "labs")
    (again / "hosts").rename(again / "moved")
    (again / "hosts").symlink_to(other)
    Lab(tmp_path / "labs", "mine").down()
    assert (other / "lab-9").is_dir() and not folder.exists()
