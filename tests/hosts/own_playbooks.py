"""Playbook files of a user's own, and an inventory of real sshds to run them on."""

from collections.abc import Sequence
from pathlib import Path

from provision.core.events import Event
from provision.inventory.models import Host, Inventory

#: A playbook with a resource of its own: a marker file below the host's folder, made by `FIX`.
MINE = """
from dataclasses import dataclass

from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.core.script import Script

FIX = {fix!r}


@dataclass(frozen=True)
class Marker(Resource):
    path: str
    host: str

    @property
    def id(self):
        return "marker"

    def want(self):
        return {{"text": "here"}}

    def probe(self):
        return Script('[ ! -f "$path" ] || echo "text=$(cat "$path")"', {{"path": self.path}})

    def fix(self, have, want):
        body = 'rm -f "$path"' if want is None else FIX
        return Script(body, {{"path": self.path, "host": self.host}})


def playbook(cluster):
    book = Playbook()
    {body}
    for node in cluster.nodes:
        book.add(Marker(f"{{node.root}}/marker-{{node.name}}", node.name), on=node.name{edges})
    return book
"""
WORKS = 'mkdir -p "${path%/*}"; printf here > "$path"'
SECOND_FAILS = f'[ "$host" != host-2 ] || {{ echo "host-2 has no luck" >&2; exit 7; }}; {WORKS}'


class Here:
    """An inventory of real sshds, all below one folder, and playbook files beside it."""

    def __init__(self, folder: Path, hosts: Sequence[Host], cluster: str = "here") -> None:
        self.folder = folder
        self.kept = folder / "kept"
        self.kept.mkdir()
        head, *others = (host.model_copy(update={"root": str(self.kept)}) for host in hosts)
        hosts = (head.model_copy(update={"role": "head"}), *others)
        self.inventory = Inventory(path=folder / "inventory.yaml", cluster=cluster, hosts=hosts)
        self.events: list[Event] = []

    def playbook(self, fix: str = WORKS, body: str = "pass", edges: str = "") -> Path:
        return self.file(MINE.format(fix=fix, body=body, edges=edges))

    def file(self, text: str) -> Path:
        path = self.folder / "mine.py"
        path.write_text(text)
        return path

    @property
    def made(self) -> list[str]:
        return sorted(path.name.removeprefix("marker-") for path in self.kept.glob("marker-*"))

    def options(self, playbook: Path, **more: object) -> dict[str, object]:
        self.events = []
        return {"playbook": playbook, "listener": self.events.append, **more}
