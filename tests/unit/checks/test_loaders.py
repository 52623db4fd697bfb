"""A loader of weights that the environment does not have."""

from collections.abc import Iterator, Mapping

import pytest
from judge_samples import LOCK, MODEL, PACKAGES, cluster

from provision.checks.judge import findings
from provision.checks.loaders import LOADERS, of_loaders
from provision.core.finding import Finding
from provision.environment.lockfile import UNLOCKED
from provision.inventory.models import Serve


def found(args: Mapping[str, str], packages: Mapping[str, str] = PACKAGES, digest: str = LOCK.digest) -> list[Finding]:
    made = cluster(2, serve=Serve(model=MODEL, tensor_parallel=1, args=dict(args)), packages=packages)
    object.__setattr__(made.lock, "digest", digest)
    return list(of_loaders(made))


def loaders() -> Iterator[tuple[str, str]]:
    return ((name, loader.package) for name, loader in LOADERS.items())


@pytest.mark.parametrize(("name", "package"), loaders())
@pytest.mark.parametrize("flag", ["load-format", "load_format"])
def test_it_is_named_with_its_package_before_anything_is_changed(flag: str, name: str, package: str) -> None:
    (finding,) = found({flag: name})
    assert finding.blocks
    assert finding.message == f"`load-format: {name}` needs the package {package}"
    assert f"put `{LOADERS[name].asked}` into `python.packages`" in finding.hint


@pytest.mark.parametrize(("name", "package"), loaders())
def test_where_the_package_is_there_nothing_is_said(name: str, package: str) -> None:
    assert found({"load-format": name}, {**PACKAGES, package: "1.0"}) == []


@pytest.mark.parametrize("name", ["auto", "safetensors", "dummy", "one-of-tomorrow"])
def test_vllms_own_and_unknown_ones_are_left_to_vllm(name: str) -> None:
    assert found({"load-format": name}) == []


def test_of_an_environment_that_nobody_knows_nothing_is_said() -> None:
    assert found({"load-format": "tensorizer"}, digest=UNLOCKED) == []


def test_it_is_one_of_the_judges() -> None:
    made = cluster(2, serve=Serve(model=MODEL, tensor_parallel=1, args={"load-format": "tensorizer"}))
    assert [finding.fact for finding in findings(made) if finding.blocks] == ["loader"]
