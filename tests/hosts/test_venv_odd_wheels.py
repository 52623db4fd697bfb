"""Wheels whose own RECORD is wrong, or says little: what was installed is known all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from package_index import Index
from small_packages import publish, two_packages
from venv_machine import Machine, run_in, site

from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host
from provision.resources.venv import Venv
from provision.transport import Transport

pytestmark = pytest.mark.hosts

#: A package → what its wheel's RECORD is like.
ODD: dict[str, Callable[[str], str]] = {
    "wrong_hash": lambda rows: re.sub(r"(wrong_hash\.py,sha256=)..", r"\1AA", rows),
    "wrong_size": lambda rows: re.sub(r"(wrong_size\.py,sha256=.*,)\d+", r"\g<1>9999", rows),
    "no_hashes": lambda rows: re.sub(r",.*", ",,", rows),
    "two_rows": lambda rows: rows + "two_rows.py,sha256=AAAA,1\n",
    # uv writes these itself, and lists both.
    "uvs_own": str,
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = publish(tmp_path_factory.mktemp("index"))
    for name, record in ODD.items():
        own = {"INSTALLER": "pip\n", "REQUESTED": "yes", "uv_cache.json": "{}"} if name == "uvs_own" else {}
        index.add(name, "1.0", record=record, **own)
    return index


@pytest.fixture
def machine(make_host: Callable[..., Host], tmp_path: Path) -> Iterator[Machine]:
    host = make_host()
    with Transport([host]) as transport:
        yield Machine(transport.connect(host), tmp_path / "root")


def test_what_a_record_is_wrong_about_is_as_installed_until_somebody_edits_it(machine: Machine, index: Index) -> None:
    def make(tiny: str) -> Venv:
        python = two_packages(index).model_copy(update={"packages": (f"tiny=={tiny}", *ODD)})
        lock = ensure_lock(python, machine.root.parent / "cluster.lock")
        return Venv(lock, python, machine.root, "llama", "host-1", cache=index.folder / "wheels", deep=True)

    old = make("1.0")
    machine.apply(old)
    for name in ODD:
        module = site(old) / f"{name}.py"
        # Of the same size.
        module.write_text(module.read_text().replace("1.0", "6.6"))
    assert machine.told(old) == [f"{name.replace('_', '-')} edited: {name}.py → as installed" for name in sorted(ODD)]
    machine.apply(old)
    assert run_in(old, f"import {', '.join(ODD)}; print(no_hashes.version, wrong_hash.version)") == "1.0 1.0"
    # A new environment takes them over, and knows as much of them.
    new = make("2.0")
    assert [up.source.name for up in new.fix(machine.see(new), new.want()).uploads] == ["tiny-2.0-py3-none-any.whl"]
    machine.apply(new)
    assert machine.resent == []
    (site(new) / "no_hashes.py").unlink()
    (site(new) / "no_hashes.py").write_text('version = "6.6"\n')
    assert machine.told(new) == ["no-hashes edited: no_hashes.py → as installed"]
    machine.apply(new)
    assert machine.differences(replace(new, deep=False)) == ()
