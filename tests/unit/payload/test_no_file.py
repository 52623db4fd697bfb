"""A named pipe in the place of a file that a host's scripts read or write is waited for by none of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell
from provision.resources.service import LIBRARY

#: Far more than any of them takes, and far less than for ever.
_PATIENCE = 60


def run(body: str, *, code: int = 0, **variables: object) -> str:
    environment = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in variables.items()}}
    done = subprocess.run(
        ["sh", "-c", body], env=environment, capture_output=True, text=True, check=False, timeout=_PATIENCE
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def piped(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.mkfifo(path, 0o600)
    return path


def test_of_a_lease(tmp_path: Path) -> None:
    """Also of whoever logs in, whom root asks."""
    for name in ("note", "beat", "lock"):
        piped(tmp_path / name)
    library = shell("files/trust.sh", "files/rights.sh", "lease/library.sh", "lease/take.sh")
    assert run(f'{library}\nas=; under_way "$here" || silence "$here"; echo "$silent"', here=tmp_path) == "0\n"
    taken = 'uid=$(id -u) place=$here; try; echo "$state$why"; ls "$place"'
    said = run(f"{library}\nfind_other() {{ return 1; }}\n{taken}", here=tmp_path, h_lease="mine", HOME=tmp_path)
    assert said.split() == ["held", "beat", "lock", "note"]
    assert all((tmp_path / name).is_file() for name in ("note", "beat", "lock"))


def test_of_a_service(tmp_path: Path) -> None:
    folder = tmp_path / "ray"
    for name in ("stamp", "secrets", "log", "began", "tries", "unit"):
        piped(folder / name)
    library = shell(*LIBRARY, "service/secrets.sh", "service/unit_kept.sh")
    look = 'read_stamp; read_sealed; this_start; read_tries; unit_ours "$dir/unit"; echo "$stamped$sealed"'
    given = {"dir": folder, "runtimes": "", "mark": "m", "user": "", "unit": "u"}
    assert run(f"{library}\n{look}", HOME=tmp_path, **given) == "\n"


def test_of_environments(tmp_path: Path) -> None:
    """What other clusters run is looked at before anything is removed."""
    piped(tmp_path / "clusters/other/gpu-01/ray/run")
    piped(tmp_path / "clusters/other/gpu-01/vllm/last-good.json")
    (tmp_path / "clusters/other/gpu-02/ray").mkdir(parents=True)
    (tmp_path / "clusters/other/gpu-02/ray/run").write_text("exec /x/envs/abc/bin/ray\n")
    piped(tmp_path / "envs/.lock")
    library = shell("files/trust.sh", "files/rights.sh", "venv/shared.sh", "venv/left.sh")
    needed = 'exclusive; for name in abc def; do ! needed "$name" mine || echo "$name"; done'
    given = {"root": tmp_path, "short": "s", "cluster": "c", "tag": "t"}
    assert run(f"{library}\n{needed}", **given) == "abc\n"
    assert (tmp_path / "envs/.lock").is_file()


def test_of_an_environment_that_is_there_already(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    for place in (tmp_path / "pyvenv.cfg", site / "a.pth", site / "b.dist-info/direct_url.json"):
        piped(place)
    library = shell("files/trust.sh", "files/rights.sh", "existing/look.sh")
    assert run(f'{library}\nled_to "$existing/lib"', existing=tmp_path) == ""


def test_of_a_model(tmp_path: Path) -> None:
    models = tmp_path / "models"
    folder = models / "m"
    folder.mkdir(parents=True)
    for place in (models / "m.manifest", models / "m.used-c", folder / ".provision-written", folder / "a"):
        piped(place)
    given = {"models": models, "folder": folder, "manifest": models / "m.manifest", "mark": models / "m.used-c"}
    more = {"ours": "yes", "brings": "yes", "cluster": "c", "host": "h"}
    said = run(shell("weights/uses.sh", "weights/remove.sh"), **given, **more)
    assert said == f"::note left, since it is not as provision wrote it: {folder}/a\n"
    assert not (models / "m.manifest").exists()


@pytest.mark.parametrize("name", ["secrets", "members", "stamp"])
def test_a_folder_in_the_place_of_a_services_file_is_cleared_by_its_next_start(name: str, tmp_path: Path) -> None:
    (tmp_path / "ray" / name / "of somebody").mkdir(mode=0o700, parents=True)
    begins = shell("service/start.sh").partition('[ ! -f "$dir/log" ]')[0]
    run(f"own_folder() {{ :; }}; own_scratch() {{ :; }}\n{begins}", dir=tmp_path / "ray")
    assert not (tmp_path / "ray" / name).exists()
