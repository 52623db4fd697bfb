"""Proofs that are gone through while one that measures makes itself ready."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from proof_samples import Shows

from provision.core.finding import blocker
from provision.core.proof import Proof, Shown
from provision.core.stopwatch import Stopwatch
from provision.engine.prover import Beside, Prover
from provision.engine.rollout import Carrier


@dataclass(frozen=True)
class Measures(Shows):
    accompanied: bool = False

    def with_company(self, company: Mapping[str, tuple[int, ...]], seconds: float) -> Measures:
        return replace(self, accompanied=bool(company))


@dataclass(frozen=True)
class Asks(Shows):
    """As a person may write one: it has no hash."""

    alongside: ClassVar[bool] = True

    wanted: dict[str, str]


class Proves:
    """Each as soon as it is asked; what it refuses is named."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.proved: list[Proof] = []

    def prove(self, proof: Proof, beside: Beside | None = None) -> Shown:
        self.proved.append(proof)
        if beside is not None:
            beside.pids["a"] = 7
        return Shown((blocker("a", "no"),)) if proof.name == self.refuses else Shown()


def carried(prover: Proves, *proofs: Proof) -> list[Shown]:
    carrier = Carrier(cast(Prover, prover), lambda _: None, threading.Event(), (), Stopwatch())
    return carrier.prove(proofs)


def test_what_has_no_hash_may_be_under_way_beside_another() -> None:
    prover, asks = Proves("asks"), Asks("asks", {"a": "b"})
    measured, asked = carried(prover, Measures("measures"), asks)
    assert prover.proved == [asks, Measures("measures", accompanied=True)]
    assert not measured.findings and [finding.message for finding in asked.findings] == ["no"]


def test_one_that_is_named_twice_is_gone_through_once() -> None:
    prover, asks = Proves(), Asks("asks", {})
    assert len(carried(prover, Measures("measures"), asks, asks)) == 2
    assert prover.proved == [asks, Measures("measures", accompanied=True)]


def test_two_of_one_name_are_both_gone_through() -> None:
    prover, asks, others = Proves(), Asks("asks", {}), Asks("asks", {"others": "too"})
    assert len(carried(prover, Shows("weights"), Shows("weights"))) == len(prover.proved) == 2
    assert len(carried(prover, Measures("measures"), asks, others)) == 3
    assert asks in prover.proved and others in prover.proved
