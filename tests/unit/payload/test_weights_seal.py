"""What was sent is put into its place, all or nothing; run here, in a folder of the test."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from provision.payload.bundle import shell
from provision.payload.weights import seal
from provision.payload.weights.places import UnsafePlace

FILES = {"config.json": b"{}", "1_Pooling/config.json": b"[1]"}


class Stopped(Exception):
    pass


@pytest.fixture(autouse=True)
def stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of ending the process."""

    def raised(*lines: str) -> NoReturn:
        raise Stopped("\n".join(lines))

    monkeypatch.setattr(seal, "stop", raised)


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, str]:
    models = tmp_path / "models"
    expected = "\n".join(f"{hashlib.sha256(c).hexdigest()} {len(c)} {name}" for name, c in FILES.items())
    places = {"FOLDER": f"{models}/tiny", "MANIFEST": f"{models}/tiny.manifest", "MARK": f"{models}/tiny.used-c"}
    more = {
        "MODELS": str(models),
        "CLUSTER": "c",
        "HOST": "a",
        "OURS": "yes",
        "NEW": "yes",
        "DEEP": "",
        "ABOUT": "stamp=x",
    }
    return {**places, **more, "EXPECTED": expected}


def send(spec: dict[str, str], host: str = "a", **files: bytes) -> Path:
    """As an upload leaves it; `files` by name without the suffix, others than those that are expected."""
    inbox = Path(spec["FOLDER"], seal.INCOMING, host)
    for name, content in FILES.items():
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(files.get(name.removesuffix(".json"), content))
    return inbox


def run(spec: dict[str, str]) -> None:
    records = seal.Records(spec)
    with records.alone():
        seal.seal(spec, records)


def there(spec: dict[str, str]) -> dict[str, bytes]:
    folder = Path(spec["FOLDER"])
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.startswith(".")}


def test_it_gets_its_place_and_a_manifest(spec: dict[str, str]) -> None:
    send(spec)
    run(spec)
    assert there(spec) == FILES and not Path(spec["FOLDER"], seal.INCOMING).exists()
    assert Path(spec["MANIFEST"]).read_text().startswith("provision-weights 2\n")
    before = {path: path.stat().st_ino for path in Path(spec["FOLDER"]).rglob("*.json")}
    run(spec)
    assert {path: path.stat().st_ino for path in Path(spec["FOLDER"]).rglob("*.json")} == before


def test_the_inbox_of_a_host_that_shares_the_folder_is_left(spec: dict[str, str]) -> None:
    send(spec)
    other = send(spec, "b")
    run(spec)
    assert sorted(path.name for path in other.rglob("*.json")) == ["config.json", "config.json"]
    run({**spec, "HOST": "b"})
    assert there(spec) == FILES and not other.exists()


def test_where_one_file_is_in_the_way_none_gets_its_place(spec: dict[str, str]) -> None:
    send(spec)
    Path(spec["FOLDER"], "config.json").write_bytes(b"theirs")
    with pytest.raises(Stopped, match="not ours: "):
        run(spec)
    assert there(spec) == {"config.json": b"theirs"}


def test_a_file_that_came_damaged_gets_no_place(spec: dict[str, str]) -> None:
    send(spec, config=b"[]")
    with pytest.raises(Stopped, match=r"these files have to come again:\nconfig.json: missing"):
        run(spec)
    assert there(spec) == {"1_Pooling/config.json": b"[1]"} and not Path(spec["MANIFEST"]).exists()
    send(spec)
    run(spec)
    assert there(spec) == FILES


def test_a_run_that_broke_off_after_the_ledger_leaves_nothing_that_looks_like_somebody_elses(
    spec: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its place, and the manifest was never written."""
    send(spec)
    with monkeypatch.context() as patched:
        patched.setattr(seal.Model, "make_sound", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(spec)
    Path(spec["FOLDER"], "config.json").write_bytes(b"[]")
    send(spec)
    run(spec)
    assert there(spec) == FILES


def test_a_file_of_an_earlier_version_goes_and_one_of_somebody_else_does_not(spec: dict[str, str]) -> None:
    send(spec)
    run(spec)
    fewer = {**spec, "EXPECTED": spec["EXPECTED"].split("\n")[0]}
    Path(spec["FOLDER"], "mine.txt").write_bytes(b"mine")
    with pytest.raises(Stopped, match=r"not ours: .*\nmine.txt"):
        run(fewer)
    assert set(there(spec)) == {*FILES, "mine.txt"}
    Path(spec["FOLDER"], "mine.txt").unlink()
    run(fewer)
    assert set(there(spec)) == {"config.json"}


def test_what_an_earlier_version_of_provision_brought_is_ours_in_our_folder(spec: dict[str, str]) -> None:
    send(spec)
    run(spec)
    manifest = Path(spec["MANIFEST"])
    manifest.write_text(manifest.read_text().replace("provision-weights 2", "provision-weights 1"))
    Path(spec["FOLDER"], ".provision-written").unlink()
    run({**spec, "EXPECTED": spec["EXPECTED"].split("\n")[0]})
    assert set(there(spec)) == {"config.json"}


@pytest.mark.parametrize("name", ["MANIFEST", "MARK"])
def test_records_lie_beside_the_models_and_nowhere_else(spec: dict[str, str], name: str, tmp_path: Path) -> None:
    for path in (f"{tmp_path}/x", f"{spec['MODELS']}/../x", f"{spec['MODELS']}/.hidden", f"{spec['MODELS']}/a/b"):
        with pytest.raises(UnsafePlace):
            seal.Records({**spec, name: path})


def test_a_record_that_is_a_link_is_not_written_through(spec: dict[str, str], tmp_path: Path) -> None:
    send(spec)
    (tmp_path / "kept").write_text("kept")
    for name in ("MANIFEST", "MARK"):
        Path(spec[name]).symlink_to(tmp_path / "kept")
    with pytest.raises(OSError, match="symbolic links"):
        run(spec)
    Path(spec["MANIFEST"]).unlink()
    run(spec)
    assert (tmp_path / "kept").read_text() == "kept" and not Path(spec["MARK"]).is_symlink()


def purged(spec: dict[str, str], host: str) -> str:
    """What `down --purge` of one of the hosts says."""
    given = {"folder": spec["FOLDER"], "models": spec["MODELS"], "manifest": spec["MANIFEST"], "mark": spec["MARK"]}
    given |= {
        "cluster": spec["CLUSTER"],
        "host": host,
        "ours": spec["OURS"],
        "brings": "yes",
        "PATH": os.environ["PATH"],
    }
    body = shell("weights/uses.sh", "weights/remove.sh")
    return subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("written", [False, True])
def test_a_shared_folder_of_before_its_users_were_noted_is_left_and_said(
    spec: dict[str, str], tmp_path: Path, written: bool
) -> None:
    """A host that has not written to it since, or has: of the others nothing is known."""
    folder = tmp_path / "server" / "tiny"
    spec |= {"FOLDER": str(folder), "OURS": ""}
    send(spec)
    run(spec)
    ledger = folder / ".provision-written"
    ledger.write_text(ledger.read_text().replace(f"at={folder}\n", ""))
    shutil.rmtree(folder / ".provision-users")
    if written:
        Path(spec["MANIFEST"]).unlink()
        send(spec)
        run(spec)
        assert f"at={folder}\n" in ledger.read_text()
    said = purged(spec, "a")
    assert said.startswith("::note left, since who else uses it is not known") and said.endswith(f"rm -r {folder}\n")
    assert (folder / "config.json").read_bytes() == FILES["config.json"]


def test_a_shared_folder_whose_users_are_all_known_goes_with_the_last(spec: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "server" / "tiny"
    spec |= {"FOLDER": str(folder), "OURS": ""}
    for host in ("a", "b"):
        send(spec, host)
        run(spec | {"HOST": host})
    assert "::note left to c@b, who use it too" in purged(spec, "a")
    assert (folder / "config.json").exists()
    assert purged(spec, "b") == "" and not folder.exists()
