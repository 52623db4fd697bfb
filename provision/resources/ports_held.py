"""In which container somebody listens at a port that we need, as payload/container/whose.sh tells it: most often what
is left of a cluster that was made by hand, as with vLLM's `run_cluster.sh` or Docker Compose."""

from __future__ import annotations

import shlex

from provision.core.regex import regex
from provision.core.values import dataclass

_HELD = regex(
    r"taken(?: by \"(?P<program>[^\"]*)\",pid=(?P<pid>\d+)\S*)?.*?, container (?P<perhaps>perhaps )?"
    r"(?P<engine>[a-z-]+) (?P<name>[a-zA-Z0-9][a-zA-Z0-9_.-]*) (?P<image>\S+) (?P<since>\S+) (?P<project>\S+)\Z"
)


@dataclass(frozen=True)
class HeldPort:
    """`engine`: what runs it. `name`: its name, or the beginning of its id. `image`, `since`, `project` (of Compose):
    empty where they are not told. `perhaps`: its command line names the port, whose the socket is is hidden."""

    engine: str
    name: str
    image: str = ""
    since: str = ""
    project: str = ""
    perhaps: bool = False

    def __str__(self) -> str:
        of = f" of {self.image}" if self.image else ""
        since = f", up since {self.since.replace('T', ' ')} UTC" if self.since else ""
        return f"the container {self.name}{of}{since}"

    def hint(self, host: str, move: str) -> str:
        """`move`: how to do without the port."""
        if self.engine == "kubernetes":
            return f"it is a pod's: have it moved to another node, {move}"
        engine = self.engine.removeprefix("rootless-")
        command = f"{engine} rm -f {self.name}"
        if self.project:
            # Of a label, which an image may have brought.
            command = f"{engine} compose -p {shlex.quote(self.project)} down"
        whose = ", as the user whose it is" if engine != self.engine else ""
        return f"if nobody needs it, `{command}` on {host}{whose}; {move}"


def held_by(found: str) -> tuple[str, HeldPort] | None:
    """Whom `found`, what ports.sh says of a port, is about, and that in words."""
    said = _HELD.match(found)
    if said is None:
        return None
    told = {key: "" if said[key] == "-" else said[key] for key in ("image", "since", "project")}
    held = HeldPort(said["engine"], said["name"], perhaps=bool(said["perhaps"]), **told)
    who = f"{said['program']}, pid {said['pid']}, in " if said["program"] else ""
    return f"{'perhaps ' if held.perhaps else ''}taken by {who}{held}", held
