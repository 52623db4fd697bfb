"""The Python of a host's own that runs what we send, before there is any environment."""

from __future__ import annotations

from provision.cluster.cluster import Node
from provision.payload.bundle import HOST_PYTHON


def own_python(node: Node) -> str:
    """The path of one that will do; empty for none. Root does not run one that the user who logged in could change. One
    that has said its patch version is no shim, which may name a Python that is switched off (pyenv)."""
    if node.facts is None:
        return ""
    sure_first = sorted(node.facts.pythons, key=lambda p: not p.patch)
    new = (p.path for p in sure_first if tuple(int(part) for part in p.version.split(".")[:2]) >= HOST_PYTHON)
    theirs = f"{node.facts.login_home}/" if node.host.sudo and node.facts.login_home else "\0"
    return next((path for path in new if not path.startswith(theirs)), "")
