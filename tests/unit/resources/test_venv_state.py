"""What an environment's probe printed is judged without a host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.finding import Known
from provision.core.resource import Difference
from provision.core.script import Fragment
from provision.environment.lockfile import parse_lock
from provision.inventory.models import Python
from provision.resources.venv import Venv

NAMES = ("alpha", "beta-two", "gamma", "delta")
LOCK = parse_lock(
    "# python: 3.11\n# platform: x86_64-manylinux_2_34\n"
    + "".join(f"{name}==1.0 --hash=sha256:{'ab' * 32}\n" for name in NAMES),
    Path("llama.lock"),
)
VENV = Venv(LOCK, Python(version="3.11"), "/opt/provision", "llama", uv="/usr/bin/uv")
GOOD = [
    f"current={LOCK.short}",
    f"finished={LOCK.digest}",
    "python=3.11.2",
    *(f"dist={name}-1.0.dist-info" for name in ("alpha", "Beta.Two", "gamma", "delta")),
    "dist=*.egg-info",
]


def differences(*lines: str) -> tuple[str, ...]:
    return tuple(str(d) for d in VENV.diff(VENV.read(Fragment(0, "\n".join(lines), "")), VENV.want()))


def without(word: str) -> list[str]:
    return [line for line in GOOD if word not in line]


def test_what_the_lock_says_is_in_sync():
    assert differences(*GOOD) == ()


def test_nothing_is_absent():
    assert VENV.read(Fragment(0, "", "")) is None
    assert VENV.diff(None, VENV.want()) == (Difference("", "present", None),)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([*without("alpha"), "dist=alpha-0.9.dist-info"], "alpha 0.9 → 1.0"),
        ([*GOOD, "dist=alpha-0.9.dist-info"], "alpha 1.0 and 0.9 → 1.0"),
        (without("gamma"), "gamma absent → 1.0"),
        ([*GOOD, "dist=foreign-3.0.dist-info"], "foreign 3.0 → absent"),
        ([*GOOD, "dist=old_style-3.0-py3.11.egg-info"], "old-style 3.0 → absent"),
        ([*without("python="), "python=3.12.1"], "python 3.12.1 → 3.11"),
        ([*without("python="), "python=3.1.11"], "python 3.1.11 → 3.11"),
        ([*without("current="), "current=000000000000"], f"environment in use 000000000000 → {LOCK.short}"),
        ([*without("finished="), "finished=no"], f"unfinished → {LOCK.short}"),
        (["current=000000000000"], f"000000000000 → {LOCK.short}"),
    ],
)
def test_each_drift_is_told_in_one_line(lines, said):
    assert differences(*lines) == (said,)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["files=Beta.Two-1.0.dist-info/edited: b/a.py, b/c.py"], ["beta-two edited: b/a.py, b/c.py → as installed"]),
        (["files=gamma-1.0.dist-info/missing: gamma.py"], ["gamma missing: gamma.py → as installed"]),
        (["stray=sitecustomize.py"], ["stray code sitecustomize.py → absent"]),
        (["barred=gamma/bin/gamma"], ["gamma not executable: bin/gamma → as installed"]),
        (["lost=gamma/gamma/__init__.py"], ["gamma missing: gamma/__init__.py → as installed"]),
        (["frame=bin/python is missing"], ["its own files bin/python is missing → as built"]),
        (["frame=edited: pyvenv.cfg", "unread=its Python is missing"], ["its Python is missing → as installed"]),
        (["broken=`gamma` cannot be imported: no"], ["`gamma` cannot be imported: no → as built"]),
        (["broken=`gamma` cannot be imported: no", "lost=beta-two/b.py"], ["beta-two missing: b.py → as installed"]),
        (["unread=its Python is missing"], ["its Python is missing → as installed"]),
        # Of a package that has to go, or is of another version, no more needs to be said.
        (["dist=foreign-3.0.dist-info", "files=foreign-3.0.dist-info/edited: f.py"], ["foreign 3.0 → absent"]),
    ],
)
def test_what_a_deep_look_found_is_told_by_package(lines, said):
    assert list(differences(*GOOD, *lines)) == said


def test_what_a_plain_up_does_not_see_is_not_left_to_it():
    lines = [*GOOD, "files=gamma-1.0.dist-info/edited: gamma.py", "stray=sitecustomize.py"]
    hints = [d.hint for d in VENV.diff(VENV.read(Fragment(0, "\n".join(lines), "")), VENV.want())]
    assert len(hints) == 2 and all("provision up --deep" in hint for hint in hints)


def test_work_is_no_more_than_the_drift_asks_for():
    def mode(*lines: str) -> object:
        return VENV.fix(VENV.read(Fragment(0, "\n".join(lines), "")), VENV.want()).vars["mode"]

    assert mode() == "build"
    assert mode(*without("finished=")) == "build"
    assert mode(*without("gamma")) == "repair"
    assert mode(*without("current=")) == "link"
    assert mode(*GOOD, *(f"dist=foreign{n}-1.dist-info" for n in range(9))) == "rebuild"
    assert mode(*GOOD, "files=gamma-1.0.dist-info/edited: gamma.py") == "repair"
    assert mode(*GOOD, "stray=sitecustomize.py") == "repair"
    assert mode(*GOOD, "unread=exit code 127") == "rebuild"
    assert mode(*GOOD, "frame=pyvenv.cfg names no Python") == "repair"
    assert mode(*without("python="), "frame=pyvenv.cfg names no Python") == "repair"
    assert mode(*GOOD, "broken=`gamma` cannot be imported: no") == "rebuild"
    assert mode(*GOOD, "broken=`gamma` cannot be imported: no", "lost=gamma/g.py") == "repair"


def test_an_edited_package_is_installed_again_and_no_other():
    have = VENV.read(Fragment(0, "\n".join([*GOOD, "files=gamma-1.0.dist-info/edited: gamma.py"]), ""))
    script = VENV.fix(have, VENV.want())
    assert str(script.vars["mend"]).startswith("gamma==1.0 ") and "beta" not in str(script.vars["mend"])
    assert not script.vars["sweep"] and not script.vars["extra"]


def test_files_are_read_only_where_that_was_asked_for():
    deep = replace(VENV, deep=True)
    assert deep.id == VENV.id and deep.want() == VENV.want()
    assert "RECORD" in str(deep.probe().vars["program"]) and "program" not in VENV.probe().vars
    assert deep.probe().timeout > 600 > VENV.probe().timeout


def test_the_environment_its_python_and_every_package_are_known():
    known = VENV.known(VENV.read(Fragment(0, "\n".join([*GOOD, "dist=foreign-3.0.dist-info"]), "")))
    assert {k.area for k in known} == {"packages"} and all(k.lasting for k in known)
    assert {k.fact: k.value for k in known} == {
        "environment": LOCK.short,
        "python": "3.11.2",
        "alpha": "1.0",
        "beta-two": "1.0",
        "gamma": "1.0",
        "delta": "1.0",
        "foreign": "3.0",
    }
    assert VENV.known(None) == ()


def test_the_patch_version_of_what_was_just_built_is_not_made_up():
    assert "python" not in {k.fact for k in VENV.known(VENV.want())}
    exact = replace(VENV, lock=replace(LOCK, python="3.11.9"))
    assert Known("packages", "python", "3.11.9") in exact.known(exact.want())


def test_a_difference_is_filed_under_the_column_of_its_fact():
    assert [VENV.fact(aspect) for aspect in ("torch", "python", "")] == ["torch", "python", "environment"]


def test_an_environment_that_another_cluster_uses_is_not_ours_to_remove():
    ours = VENV.read(Fragment(0, "\n".join(GOOD), ""))
    shared = VENV.read(Fragment(0, "\n".join([*without("current="), "shared=yes"]), ""))
    assert VENV.diff(ours, None) and VENV.diff(shared, None) == ()


def test_paths_follow_the_lock():
    assert str(VENV.path) == f"/opt/provision/envs/{LOCK.short}"
    assert str(VENV.bin("ray")) == f"/opt/provision/envs/{LOCK.short}/bin/ray"
