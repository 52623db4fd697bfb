"""The packages of a real model server, once: what a second environment costs that differs in one of them, and that the
set for GPUs is locked alike when it is locked again, and the same on two hosts."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from venv_machine import Machine, run_in, site

from provision.environment.lockfile import Lock, make_lock
from provision.inventory.models import Host, Python
from provision.lab.cpu_vllm import python_settings, write_wheels
from provision.resources.venv import Venv
from provision.transport import Transport

pytestmark = [pytest.mark.hosts, pytest.mark.long]


def kib(*places: Path) -> int:
    """On the disk, a shared file once."""
    said = subprocess.run(["du", "-sck", *places], capture_output=True, text=True, check=True).stdout
    return int(said.splitlines()[-1].split()[0])


def test_one_changed_package_of_the_real_set_moves_alone(make_host: Callable[..., Host], tmp_path: Path) -> None:
    write_wheels(tmp_path / "wheels")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = Python.model_validate(python_settings(tmp_path / "wheels", version=version))
    path = tmp_path / "real.lock"
    first = make_lock(python, path)
    assert len(first.packages) > 100
    host = make_host()
    with Transport([host]) as transport:
        machine = Machine(transport.connect(host), tmp_path / "root")
        before = build(machine, python, first)
        other = python.model_copy(update={"constraints": (f"idna!={first.packages['idna']}",)})
        second = make_lock(other, path)
        assert {n for n in second.packages if second.packages[n] != first.packages.get(n)} == {"idna"}
        one = kib(Path(before.path))
        after = build(machine, other, second, only="idna")
        both = kib(Path(before.path), Path(after.path))
        print(f"on the disk: {one >> 10} MiB, with the second environment {both >> 10} MiB")
        # Text, folders and what is written at installation are its own, where the file system has no clones.
        assert both - one < one // 4
        assert run_in(after, "import vllm, torch, ray; print(ray.__version__)") == first.packages["ray"]
        machine.remove(after)


def build(machine: Machine, python: Python, lock: Lock, only: str = "", cache: Path | None = None) -> Venv:
    venv = Venv(lock, python, machine.root, "llama", "host-1", deep=True, cache=cache)
    venv.prepare(lambda text: None)
    uploads = venv.fix(machine.see(venv), venv.want()).uploads
    size = sum(upload.source.stat().st_size for upload in uploads)
    began = time.monotonic()
    machine.apply(venv)  # and every file of it is as it was installed
    print(
        f"{len(uploads)} files of {size / 1e6:.2f} MB sent, {time.monotonic() - began:.0f} s with a look at every file"
    )
    assert machine.resent == []
    if only:
        assert [upload.source.name.partition("-")[0] for upload in uploads] == [only]
    return venv


def test_the_set_for_gpus_is_locked_alike_when_it_is_locked_again(tmp_path: Path) -> None:
    first, again = (make_lock(for_gpus("3.12"), tmp_path / f"{name}.lock") for name in ("first", "again"))
    assert first.packages["vllm"] == "0.33.0" and any(name.startswith("nvidia-nccl") for name in first.packages)
    assert again.digest == first.digest


def for_gpus(version: str, **settings: object) -> Python:
    packages = ("vllm==0.33.0", "ray[default]==2.60.0")
    return Python.model_validate({"version": version, "packages": packages, **settings})


@pytest.mark.timeout(5400)
def test_the_set_for_gpus_is_the_same_on_two_hosts(make_host: Callable[..., Host], tmp_path: Path) -> None:
    """One after the other, in a folder of its own each: that takes 19 GB at a time."""
    if (free := shutil.disk_usage(tmp_path).free) < 22 << 30:
        pytest.skip(f"needs 22 GiB in the temporary folder, where {free >> 30} are free")
    python = for_gpus(f"{sys.version_info.major}.{sys.version_info.minor}", wheels="controller")
    lock = make_lock(python, tmp_path / "gpus.lock")
    found = []
    try:
        for name in ("host-1", "host-2"):
            host = make_host()
            with Transport([host]) as transport:
                machine = Machine(transport.connect(host), tmp_path / name)
                venv = build(machine, python, lock, cache=tmp_path / "wheels")
                print(f"on the disk: {kib(Path(venv.path)) >> 10} MiB")
                assert run_in(venv, "import torch; print(torch.version.cuda)").startswith("13.")
                found.append(installed(venv))
                machine.remove(venv)
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)
    assert len(found[0]) > 50_000 and found[0] == found[1]


def installed(venv: Venv) -> dict[str, str]:
    """Path → hash of each file that a package brought, as it was just seen to be. A program names its environment, and
    uv notes when it found a wheel."""
    rows = [row for record in site(venv).glob("*.dist-info/RECORD") for row in csv.reader(record.open(newline=""))]
    own = ("../../../bin/", "uv_cache.json")
    return {path: digest for path, digest, _ in rows if not any(name in path for name in own)}
