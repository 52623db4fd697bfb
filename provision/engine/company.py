"""Proofs at the same time: those that measure nothing, while one that measures makes itself ready."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from provision.core.proof import Proof, Shown
from provision.core.stopwatch import Stopwatch
from provision.engine.prover import Beside, Prover


def company_of(proof: Proof, others: Sequence[Proof]) -> tuple[Proof, ...]:
    """Those of `others` that may be under way while `proof` makes itself ready."""
    if proof.alongside or proof.with_company({}, 0) is None:
        return ()
    return tuple(other for other in others if other.alongside and not other.stands_on)


class Company:
    """`proofs` under way, each in a thread, once it runs on every host. `running`: by the proof's id()."""

    def __init__(self, running: Mapping[int, Future[Shown]], besides: Collection[Beside], seconds: float) -> None:
        self._running, self._besides, self._seconds = running, besides, seconds

    def what_came_of(self, proof: Proof) -> Shown:
        """Once it is through. Raises Cancelled."""
        return self._running[id(proof)].result()

    def of(self, proof: Proof) -> Proof:
        """`proof`, which knows of them."""
        pids: dict[str, tuple[int, ...]] = {}
        for beside in self._besides:
            for host, pid in beside.pids.items():
                pids[host] = (*pids.get(host, ()), pid)
        return (proof.with_company(pids, self._seconds) if pids else None) or proof


@contextmanager
def under_way(proofs: Sequence[Proof], prover: Prover, watch: Stopwatch) -> Iterator[Company]:
    """Raises nothing of theirs: that is with what came of each."""
    besides = [Beside(behind=watch.behind, proves=True) for _ in proofs]

    def prove(proof: Proof, beside: Beside) -> Shown:
        try:
            return prover.prove(proof, beside)
        finally:
            beside.begun.set()

    with ThreadPoolExecutor(max(len(proofs), 1)) as pool:
        running = {id(proof): pool.submit(prove, proof, beside) for proof, beside in zip(proofs, besides, strict=True)}
        for beside in besides:
            beside.begun.wait()
        longest = max((script.timeout for proof in proofs for script in proof.scripts().values()), default=0.0)
        yield Company(running, besides, longest)
