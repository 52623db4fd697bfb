"""testinfra over provision's own transport: what reaches a host for `up` reaches it for a test."""

from __future__ import annotations

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult

from provision.core.script import Script
from provision.inventory.models import Host
from provision.testing.connections import Connections

#: For one command, if a test does not say otherwise (seconds).
COMMAND_TIMEOUT = 300.0

# The transport carries lines. The mark shows whether the last one had an end.
_END = "\037"
_RUN = """
( eval "$command" ); rc=$?
printf '\\037'; printf '\\037' >&2
exit "$rc"
"""


class ProvisionBackend(BaseBackend):  # type: ignore[misc]  # testinfra says nothing of its types
    """Commands run by sh, as the user that provision works as: root, where the inventory says `sudo`.

    Output is text: bytes that are not UTF-8 become U+FFFD, and lines end with a newline alone. The sudo password is
    masked in it.
    """

    NAME = "provision"

    def __init__(self, node: Host, connections: Connections) -> None:
        super().__init__(node.name)
        self._node = node
        self._connections = connections

    def run(self, command: str, *args: str, timeout: float = COMMAND_TIMEOUT, **kwargs: Any) -> CommandResult:
        """`timeout`: seconds. Raises HostError's subclasses; a command that fails raises nothing."""
        text = self.get_command(command, *args)
        script = Script(_RUN, {"command": text}, timeout=timeout)
        [done] = self._connections.session(self._node).run([script])
        # A shell that was killed has no exit code of its own: 255, as ssh gives it.
        rc = 255 if done.rc is None else done.rc
        return self.result(rc, self.encode(text), _unmarked(done.stdout), _unmarked(done.stderr))

    def get_encoding(self) -> str:
        """testinfra would start a Python on the host to ask."""
        return "utf-8"


def _unmarked(text: str) -> str:
    return text.removesuffix(f"{_END}\n")
