"""Seals an environment that was built or repaired. Each file that was installed just now is compared with its RECORD: a
wheel's own may say nothing of a file, or what is not so, and nobody could tell that from an edit any more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from provision.payload.records import seal
from provision.payload.records.files import fault
from provision.payload.records.seal import Damaged, Seal
from provision.payload.records.site import Record, Site, sites


def seal_built(env: str, base: str, anew: str) -> str:
    """`base`: the environment that the rest was taken over from, empty for none. `anew`: a file with the requirements
    of what was installed. Returns the hash of the seal."""
    found = sites(env, Seal(env, ""))
    names = {record.name for site in found for record in site.records}
    doubtful: set[str] = set()
    if base:
        with open(anew, encoding="utf-8") as file:
            names = {line.partition("==")[0] for line in file if "==" in line}
        # What was wrong in a RECORD there is wrong here.
        with contextlib.suppress(Damaged):
            doubtful = {os.path.join(env, name) for name in Seal(base).files or {}}
    return seal.write(env, _listed(found, names, doubtful), {})


def seal_repaired(env: str, before: str, replaced: Collection[str], frame: bool) -> str:
    """`before`: the hash of the seal of then. `replaced`: the packages that were installed again. `frame`: whether the
    environment's own files were made again. What was not touched stays as that seal has it."""
    found = sites(env, Seal(env, ""))
    records = [record for site in found for record in site.records]
    written = {path for record in records if record.name in replaced for path in (*record.names, _own(record))}
    stays = {path for record in records if record.name not in replaced for path in (*record.names, _own(record))}
    kept = {os.path.relpath(path, env) for path in stays - written}
    if not frame:
        kept |= {os.path.relpath(path, env) for path in seal.frame_files(env)}
    was = Seal(env, before).files or {}
    listed = _listed(found, replaced, ())
    return seal.write(env, listed, {name: was[name] for name in kept if name in was})


def _own(record: Record) -> str:
    return os.path.join(record.site, record.file)


def _listed(found: list[Site], names: Collection[str], doubtful: Collection[str]) -> list[str]:
    """What has to be in the seal: every RECORD, and what a RECORD is wrong about, or has no hash of."""
    own = [_own(record) for site in found for record in site.records]
    return [*own, *(path for site in found for path in _misstated(site, names, doubtful))]


def _misstated(site: Site, names: Collection[str], doubtful: Collection[str]) -> Iterator[str]:
    """Looks into files of the packages `names`, and the files `doubtful`."""
    listed: dict[str, list[tuple[str, str, str]]] = {}
    for record in site.records:
        for path, (_, *known) in record.checked.items():
            listed.setdefault(path, []).append((known[0], known[1], known[2]))
    own = {_own(record) for record in site.records}
    asked = {
        path
        for record in site.records
        for path in record.names
        if path not in own and not path.endswith(".pyc") and (path in doubtful or record.name in names)
    }
    known = sorted(path for path in asked if path in listed)
    yield from sorted(asked - listed.keys())
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for path, what in zip(known, pool.map(lambda path: fault(path, listed[path]), known)):
            if what == "edited":
                yield path
