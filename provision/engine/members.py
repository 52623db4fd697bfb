"""Who belonged to a cluster when this machine last changed it, and how they are reached: kept here, and private.

A host that is taken out of the inventory is known by nothing else here. It is a member until what runs there has been
stopped, and remembered after that until `down --purge` has removed its environment as well.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import field, replace
from pathlib import Path

from provision.core.errors import InventoryError, NoHome
from provision.core.files import write_whole
from provision.core.paths import cluster_dir, state_dir
from provision.core.private import NotPrivate, private_folder, require_ours
from provision.core.reading import as_json, read_kept
from provision.core.values import dataclass
from provision.inventory import load
from provision.inventory.models import Host, Inventory

#: Raised when a field changes its meaning; a file of another version is not read.
VERSION = 1

FILE = "members.json"

#: Between the name and the former address of a host that has another one by now.
AT = "@"

#: What of a host says how it is reached, and where what we put there lies.
_REACHED = {"address", "node_ip", "ssh", "sudo", "run_as", "root"}


@dataclass(frozen=True)
class KeptMember:
    """`stopped`: nothing of the cluster runs there. `source`: path of the inventory by which it became a member.
    `roots`: what its `root` was before, where `up` has worked."""

    host: Host
    stopped: bool
    source: str
    roots: tuple[str, ...] = ()

    def roots_but(self, host: Host) -> tuple[str, ...]:
        """Those that it has had, and that are not the one that the inventory names."""
        return tuple(root for root in dict.fromkeys((*self.roots, self.host.base)) if root != host.base)


@dataclass(frozen=True)
class _Kept:
    """What a file has. `inventory`: where that stood. `became`: the name under which an `up` went on. `damaged`:
    there is one, and why it says nothing."""

    inventory: str = ""
    entries: dict[str, KeptMember] = field(default_factory=dict)
    became: str = ""
    damaged: str = ""

    @property
    def serving(self) -> list[Host]:
        return [member.host for member in self.entries.values() if not member.stopped]


@dataclass
class Members:
    """Of one cluster. `entries`: by name. `renamed`: what the cluster of this
    inventory was called before, while it may still run under that name. `beside`: clusters with hosts in common whose
    inventory stood at the same path, and which may well be others. `written`: what the file has."""

    inventory: Inventory
    entries: dict[str, KeptMember] = field(default_factory=dict)
    renamed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    written: _Kept = field(default_factory=_Kept)

    @classmethod
    def of(cls, inventory: Inventory) -> Members:
        """What was kept. A file that cannot be read, or that others could have written, says nothing."""
        try:
            own = _read(cluster_dir(inventory.cluster) / FILE)
            others = {path.parent.name: _read(path) for path in _all_files()}
        except (NoHome, OSError):  # OSError: of a folder that is gone, and that a relative path starts from
            return cls(inventory)
        source = str(inventory.path.resolve())
        near = {
            name: kept
            for name, kept in others.items()
            if name != inventory.cluster
            and kept.inventory == source
            and any(_place(one) == _place(other) for one in kept.serving for other in inventory.hosts)
        }
        new = not own.entries and len(near) == 1
        renamed = tuple(name for name, kept in near.items() if _is_former_name(kept, inventory, new=new))
        beside = tuple(name for name in near if name not in renamed)
        return cls(inventory, dict(own.entries), renamed, beside, own)

    def reread(self) -> bool:
        """Once no other run can write it. Whether that says something else by now."""
        now = Members.of(self.inventory)
        changed = now != self
        self.entries, self.renamed, self.beside, self.written = now.entries, now.renamed, now.beside, now.written
        return changed

    @property
    def path(self) -> Path:
        """Raises NoHome."""
        return cluster_dir(self.inventory.cluster) / FILE

    def former(self, *, stopped: bool) -> tuple[Host, ...]:
        """Those that are not in the inventory any more; with `stopped` also those on which nothing runs."""
        theirs = self._theirs()
        return tuple(m.host for m in self._absent() if (stopped or not m.stopped) and m not in theirs)

    def elsewhere(self) -> tuple[KeptMember, ...]:
        """Those that serve, and that another inventory has, which gives its cluster the same name: none of ours to
        stop, as far as can be known here."""
        return tuple(m for m in self._theirs() if not m.stopped)

    def _theirs(self) -> list[KeptMember]:
        absent = self._absent()
        has = {source: _places_in(Path(source), self.inventory) for source in {m.source for m in absent}}
        return [m for m in absent if (places := has[m.source]) is None or _place(m.host) in places]

    def _absent(self) -> list[KeptMember]:
        present = {host.name for host in self.inventory.hosts}
        return [member for name, member in self._moved().items() if name not in present]

    def _moved(self) -> dict[str, KeptMember]:
        """The entries, of which those whose host is reached elsewhere now have a name of their own."""
        now = {host.name: (host.address, host.ssh.port) for host in self.inventory.hosts}
        moved = {}
        for name, member in self.entries.items():
            place = member.host.address, member.host.ssh.port
            if now.get(name, place) != place:
                name = f"{name}{AT}{member.host.address}"
            moved[name] = replace(member, host=member.host.model_copy(update={"name": name}))
        return moved

    def serving(self) -> tuple[str, ...]:
        """Names of those that take part."""
        return tuple(name for name, member in self.entries.items() if not member.stopped)

    def begin(self, names: Collection[str], idle: Collection[str] = ()) -> None:
        """Before the hosts `names` are changed; those that are `idle` take no part. Raises OSError, NoHome."""
        self.entries = self._moved()
        source = str(self.inventory.path.resolve())
        for host in self.inventory.hosts:
            if host.name in (*names, *idle):
                kept = Host(name=host.name, **host.model_dump(include=_REACHED))
                before = self.entries.get(host.name)
                roots = before.roots_but(host) if before is not None else ()
                self.entries[host.name] = KeptMember(kept, host.name in idle, source, roots)
        self._write()
        for name in self.renamed:
            _taken_over(cluster_dir(name) / FILE, self.inventory.cluster)

    def settle(self, stopped: Collection[str], *, purged: bool) -> None:
        """On the hosts `stopped` nothing of the cluster runs; `purged`: or is left. Raises OSError, NoHome."""
        for name in stopped:
            if purged:
                self.entries.pop(name, None)
            elif name in self.entries:
                self.entries[name] = replace(self.entries[name], stopped=True)
        self._write()

    def forget_names(self) -> None:
        """Nothing runs under an earlier name of the cluster. Raises OSError, NoHome."""
        for name in self.renamed:
            (cluster_dir(name) / FILE).unlink(missing_ok=True)

    def _write(self) -> None:
        if self.entries == self.written.entries and not self.written.became and not self.written.damaged:
            return
        if self.written.damaged:
            if not self.entries:
                return  # whoever can read it may need it
            if self.path.is_file():
                self.path.replace(self.path.with_name(f"{FILE}.old"))
        self.written = _Kept(entries=dict(self.entries))
        if not self.entries:
            self.path.unlink(missing_ok=True)
            return
        members = {name: _as_json(member) for name, member in self.entries.items()}
        content = {"v": VERSION, "inventory": str(self.inventory.path.resolve()), "members": members}
        private_folder(self.path.parent)
        write_whole(self.path, json.dumps(content, indent=1) + "\n", kept=True)


def _as_json(member: KeptMember) -> dict[str, object]:
    more = {"roots": list(member.roots)} if member.roots else {}
    host = member.host.model_dump(mode="json", include=_REACHED)
    return {"stopped": member.stopped, "source": member.source, "host": host, **more}


def forget_hosts_of(inventory: Path) -> None:
    """They are members of no cluster any more, for they are gone for good, as those of a lab that is removed. A file
    that says nothing stays. Raises OSError."""
    source = str(inventory.resolve())
    try:
        files = _all_files()
    except NoHome:
        return  # nor is anything kept
    for path in files:
        entries = _read(path).entries
        left = [name for name, member in entries.items() if member.source != source]
        if not left and entries:
            path.unlink()
        elif len(left) < len(entries):
            content = as_json(read_kept(path))
            of_left = {name: content["members"][name] for name in left}
            write_whole(path, json.dumps(content | {"members": of_left}, indent=1) + "\n", kept=True)


def _place(host: Host) -> tuple[str, int | None, str | None]:
    """Where it is reached: one address behind two jump hosts is two machines."""
    return host.address, host.ssh.port, host.ssh.jump


def _places_in(source: Path, inventory: Inventory) -> list[tuple[str, int | None, str | None]] | None:
    """Of the hosts that the inventory at `source`, if it is another one, has in a cluster of the same name. None: it is
    there, cannot be read, and may have any."""
    try:
        if source == inventory.path.resolve() or not source.exists():
            return []
        other = load(source, require_secrets=False, require_files=False)
    except (InventoryError, OSError):
        return None
    return [_place(host) for host in other.hosts] if other.cluster == inventory.cluster else []


def _is_former_name(kept: _Kept, inventory: Inventory, *, new: bool) -> bool:
    """Whether it is the cluster of `inventory` under another name. Inventories of several clusters may be written to
    one path in turn: so each member must be there, reached as before, and `new`, nothing may be known of the name that
    the cluster has now, nor of a third one. An `up` that went on with it under this name may have failed."""
    present = {(host.name, _place(host)) for host in inventory.hosts}
    same = all((host.name, _place(host)) in present for host in kept.serving)
    return same and (new or kept.became == inventory.cluster)


def _taken_over(path: Path, name: str) -> None:
    """Raises OSError."""
    content = as_json(read_kept(path))
    if content.get("became") != name:
        write_whole(path, json.dumps(content | {"became": name}, indent=1) + "\n", kept=True)


def _all_files() -> list[Path]:
    """Of all clusters, as far as the folder can be listed. Raises NoHome."""
    try:
        return sorted(state_dir().glob(f"*/{FILE}"))
    except OSError:
        return []


def _read(path: Path) -> _Kept:
    try:
        if not path.exists():
            return _Kept()
        require_ours(path)
        content = as_json(read_kept(path))
        if content["v"] != VERSION:
            return _Kept(damaged=f"is of version {content['v']}, this provision reads version {VERSION}")
        source = str(content["inventory"])
        return _Kept(source, dict(_entries(content["members"], source)), str(content.get("became", "")))
    except NotPrivate as error:
        return _Kept(damaged=f"is not believed: {error.strerror}")
    except OSError as error:
        return _Kept(damaged=f"cannot be read: {(error.strerror or str(error)).lower()}")
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError):
        return _Kept(damaged="is damaged")


def _entries(members: dict[str, dict[str, object]], source: str) -> Iterator[tuple[str, KeptMember]]:
    """`source`: of those that a version has kept that did not write it with each."""
    for name, kept in members.items():
        known = kept["host"]
        assert isinstance(known, dict)
        roots = kept.get("roots", ())
        assert isinstance(roots, (list, tuple))
        whence, before = str(kept.get("source", source)), tuple(map(str, roots))
        yield name, KeptMember(Host(name=name, **known), bool(kept["stopped"]), whence, before)
