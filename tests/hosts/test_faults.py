"""Every fault of the registry on lab hosts: what is seen, what is left, and that the next `up` leads out.

`-m long` goes through all of them; the quick ones always run. Failing here is what docs/faults.md says being untrue.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from faults.fault import NOTHING, Fault
from faults.meeting import met
from faults.rack import Rack
from faults.registry import FAULTS
from faults.soak import soak

from provision.lab.lab import Lab

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    lab = Lab(name=f"test-faults-{os.getpid()}")
    lab.up(3, 1, init="sshd")
    rack = Rack(lab, tmp_path_factory.mktemp("faults") / "controller")
    try:
        rack.settle()
        yield rack
    finally:
        rack.close()


@pytest.fixture
def healthy(rack: Rack) -> Iterator[Rack]:
    yield rack
    rack.repair()


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.quick], ids=lambda f: f.name)
def test_quick(healthy: Rack, fault: Fault) -> None:
    assert not (why := met(healthy, fault, short=True)), "\n".join(why)


def test_after_those_there_is_nothing_to_do(rack: Rack) -> None:
    assert rack.provision("up") == 0, rack.said
    assert NOTHING in rack.said
    rack.invariants()


def test_a_short_soak(healthy: Rack, capsys: pytest.CaptureFixture[str]) -> None:
    """The long one: `python -m benchmarks.soak`."""
    cheap = [f for f in FAULTS if f.quick and f.act is None]
    bad = soak(healthy, cheap, 3, seed=3)
    said = capsys.readouterr().out
    assert (bad, said.count("  ok   ")) == ([], 3), said


@pytest.mark.long
@pytest.mark.parametrize("fault", [f for f in FAULTS if not f.quick], ids=lambda f: f.name)
def test_all(healthy: Rack, fault: Fault) -> None:
    assert not (why := met(healthy, fault)), "\n".join(why)
    assert healthy.provision("check") == 0, healthy.said
