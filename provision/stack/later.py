"""A playbook that is loaded when it is first needed, with all that stands around it: a quarter of what a run loads, and
not needed before the hosts have been asked for their facts, while which there is nothing else to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from provision.cluster.cluster import Cluster
from provision.core.playbook import Playbook
from provision.core.values import dataclass

PlaybookFunction = Callable[[Cluster], Playbook]


@dataclass(frozen=True)
class Later:
    """`load`: raises PlaybookError. `removes`: as of `guarded`."""

    load: Callable[[], PlaybookFunction]
    removes: bool

    def __call__(self, cluster: Cluster) -> Playbook:
        return self._whole(cluster)

    def ready(self) -> None:
        """Raises what `load` does."""
        self._whole  # noqa: B018

    @cached_property
    def _whole(self) -> PlaybookFunction:
        from provision.stack.exposed import guarded

        return guarded(self.load(), removes=self.removes)
