"""What `auto` stands for: the cut of a model over the GPUs that there are. docs/parallel.md states the rules.

Tensor parallelism stays inside a host, where GPUs are joined fast enough for it; stages go across hosts. Where GPUs are
not joined by NVLink, stages are better inside a host as well (vLLM's documentation, "Parallelism and Scaling").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from provision.core.values import dataclass
from provision.parallel.cut import Cut

#: Whether vLLM would take this cut.
Accepts = Callable[[Cut], bool]


@dataclass(frozen=True)
class Hosts:
    """`gpus`: of each host that has some. `joined`: whether they are joined by NVLink; None: not known."""

    gpus: tuple[int, ...]
    joined: bool | None = None

    @property
    def total(self) -> int:
        return sum(self.gpus)

    def one_of(self, replicas: int) -> Hosts:
        """The hosts of one replica, of so many that have equally many GPUs."""
        left = self.total // replicas
        mine = []
        for count in self.gpus:
            if left > 0:
                mine.append(min(count, left))
            left -= count
        return Hosts(tuple(mine), self.joined)

    @property
    def even(self) -> int:
        """GPUs that a stage may take so that no stage lies across hosts and no GPU is left over."""
        return math.gcd(*self.gpus) if self.gpus else 1


def choose(
    hosts: Hosts,
    accepts: Accepts,
    layers: int | None,
    *,
    tensor: int | None = None,
    pipeline: int | None = None,
    length: int | None = None,
) -> tuple[Cut, str]:
    """The cut, and why it is that one. `tensor`, `pipeline`: what was said, None for `auto`. `layers`: None where the
    model is not known. Of cuts that are accepted and whose stages lie inside hosts, it is the one that leaves fewest
    GPUs idle; if none is accepted that rule alone is followed, and what is wrong with it is said elsewhere."""
    cuts = [cut for cut in _cuts(hosts, tensor, pipeline, length) if layers is None or cut.pipeline <= layers]
    accepted = [cut for cut in cuts if accepts(cut)]
    few = hosts.joined is False

    def worth(cut: Cut) -> tuple[int, int]:
        return cut.gpus, -cut.tensor if few else cut.tensor

    if not accepted:
        cut = Cut(tensor or hosts.even, pipeline or max(1, hosts.total // (tensor or hosts.even)), length)
        return cut, "vLLM accepts no cut over these GPUs"
    within = [cut for cut in accepted if inside(cut, hosts.gpus)]
    # Without stages, sharing each layer across hosts is the only way to use them all.
    staged = any(cut.pipeline > 1 for cut in accepted)
    best = max(within if within and (staged or len(hosts.gpus) == 1) else accepted, key=worth)
    return best, _why(best, hosts, tensor, pipeline)


def _cuts(hosts: Hosts, tensor: int | None, pipeline: int | None, length: int | None) -> list[Cut]:
    total = hosts.total
    degrees = [tensor] if tensor else range(1, total + 1)
    # One of the two that was said may leave GPUs idle; with both open, stages that differ in their hosts do not.
    fair = [t for t in degrees if tensor or pipeline or hosts.even % t == 0 or t > max(hosts.gpus, default=1)]
    found = []
    for degree in fair:
        stages = [pipeline] if pipeline else range(1, total // degree + 1)
        found += [Cut(degree, stage, length) for stage in stages if degree * stage <= total]
    return found


def inside(cut: Cut, gpus: Sequence[int]) -> bool:
    """Whether each stage lies inside a host, filled in their order."""
    if cut.gpus == sum(gpus):
        return all(count % cut.tensor == 0 for count in gpus)
    return cut.tensor <= gpus[0] and all(count % cut.tensor == 0 for count in gpus[:-1])


def _why(cut: Cut, hosts: Hosts, tensor: int | None, pipeline: int | None) -> str:
    if tensor or pipeline:
        said = f"{'tensor' if tensor else 'pipeline'}_parallel is given, the other uses the remaining GPUs"
    elif cut.tensor > max(hosts.gpus):
        return "vLLM cannot cut this model into stages, so that each layer lies across hosts, which is slow"
    elif len(set(hosts.gpus)) > 1:
        counts = ", ".join(map(str, hosts.gpus))
        said = f"the hosts have {counts} GPUs, and every stage has as many as divide all of these"
    elif hosts.joined is False:
        said = "the GPUs of a host are not joined by NVLink: stages rather than shares of a layer"
    elif cut.tensor < hosts.even:
        said = f"vLLM cannot divide this model's layers among {hosts.even} GPUs"
    else:
        said = "layers are shared inside a host, stages go across hosts"
    idle = hosts.total - cut.gpus
    return f"{said}; {idle} of {hosts.total} GPUs stay idle" if idle else said
