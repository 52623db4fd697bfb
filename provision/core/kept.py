"""A secret that lives with the cluster, on its hosts: whoever may log in to them need not have it as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from provision.core.script import Fragment, Script
from provision.core.secret import Secret


class KeptOnHosts(ABC):
    """Asked together with the facts, in the same round trip. What is settled then is a secret as the inventory's."""

    @abstractmethod
    def question(self, host: str, root: str) -> Script:
        """Prints what the host `host` has, whose folder of ours is `root`. Should be `private`."""

    def unsettled(self, answers: Mapping[str, Fragment]) -> bool:
        """Whether the hosts are to be asked once more, by `whole_question`, now that all have been heard."""
        return False

    def whole_question(self, host: str, root: str) -> Script:
        """`question`, where what it leaves out matters."""
        return self.question(host, root)

    @abstractmethod
    def settle(self, answers: Mapping[str, Fragment]) -> Mapping[str, Secret]:
        """The secrets by name, from the answers of the hosts that were reached. Raises ProvisionError."""
