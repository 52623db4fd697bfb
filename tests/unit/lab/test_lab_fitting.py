"""Which Python and which torch the demo's hosts get, by made-up answers of uv; tests/cluster asks it for real."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from provision.core.errors import LockError
from provision.inventory.models import Python
from provision.lab import LabError, fitting

Answers = Callable[[Callable[[Python], bool]], None]


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """`resolves(when)`: what uv finds packages for."""

    def set_to(when: Callable[[Python], bool]) -> None:
        def compiled(python: Python, *_: Any) -> None:
            if not when(python):
                raise LockError("uv found no set of packages that fits", evidence=["no wheels for it"])

        monkeypatch.setattr(fitting, "compile_requirements", compiled)

    return set_to


def fitted(folder: Path, versions: Sequence[str] = ("3.13", "3.12")) -> fitting.Fitting:
    return fitting.fit(versions, "x86_64-manylinux_2_34", folder, lambda _: None)


def torch(python: Python) -> str:
    return next(line for line in python.overrides if line.startswith("torch=="))


def test_the_preferred_python_is_taken_where_everything_exists_for_it(resolves, tmp_path):
    resolves(lambda python: True)
    assert fitted(tmp_path).version == "3.13"


def test_a_build_for_cpus_for_another_python_comes_before_the_large_one(resolves, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    resolves(lambda python: python.version == "3.12" or torch(python).endswith(".0"))
    assert (fitted(tmp_path).version, fitted(tmp_path).torch_from) == ("3.12", "cpu")


def test_the_build_for_cuda_does_where_there_is_no_other(resolves, tmp_path):
    resolves(lambda python: "+cpu" not in torch(python))
    found = fitted(tmp_path)
    assert (found.version, found.torch_from) == ("3.13", "index")
    assert "torch_backend" not in found.settings


def test_a_folder_that_pip_looks_into_comes_before_the_index_of_cpu_builds(resolves, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    resolves(lambda python: True)
    found = fitted(tmp_path)
    assert found.torch_from == "links"
    assert found.settings["find_links"] == [str(tmp_path), "/wheels"]


def test_where_nothing_fits_every_try_is_told_with_its_reason(resolves, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    resolves(lambda python: False)
    with pytest.raises(
        LabError, match=r"there is no CPU build of vLLM for the hosts' Python \(3\.13, 3\.12\)"
    ) as caught:
        fitted(tmp_path)
    assert len(caught.value.evidence) == 4
    assert all(line.endswith(": no wheels for it") for line in caught.value.evidence)
