"""A playbook that is loaded when it is made ready, or first needed, with all that stands around it: a quarter of what a
run loads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from provision.cluster.cluster import Cluster
from provision.core.playbook import Playbook

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
