"""Makes room for packages that are installed again, and takes away those that do not belong there.

What is installed again lies ready and verified by now, below `staged`. uv is not asked to remove a package: it would
remove whatever a RECORD says, also where that is damaged, and what another package has put there since.
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Collection, Iterator

from provision.payload.records.files import fault, readers, remove, rights
from provision.payload.records.seal import MARK, Seal
from provision.payload.records.site import Site, led_away, sites, together


class NotRemoved(Exception):
    """Nothing was removed."""


def clear(env: str, anew: Collection[str], extra: Collection[str], staged: str) -> None:
    """Removes the packages `anew` and `extra`. Raises NotRemoved where that would take what other packages need."""
    away = led_away(env)
    if away:
        raise NotRemoved(f"{away} of the environment is a link")
    seal = Seal(env)
    found = sites(env, seal)
    for site in found:
        _refuse(site, anew, extra)
    # Without its mark it is unfinished, for whoever looks after an interruption.
    remove(os.path.join(env, MARK))
    for site in found:
        goes = [record for record in site.records if record.name in {*anew, *extra}]
        stays = [record for record in site.records if record.name not in {*anew, *extra}]
        kept = {path for record in stays for path in record.paths}
        for record in goes:
            for path in [] if record.why else record.paths:
                _discard(env, path, kept)
            remove(os.path.join(site.site, record.package))
    for path in _arriving(env, staged):
        _make_way(env, path)


def _refuse(site: Site, anew: Collection[str], extra: Collection[str]) -> None:
    goes = [record for record in site.records if record.name in extra]
    stays = [record for record in site.records if record.name not in {*anew, *extra}]
    if not goes:
        return
    names = " and ".join(record.name for record in goes)
    for record in stays:
        if record.why:
            raise NotRemoved(f"what of {names} is another package's is not known: {record.file} is {record.why}")
    listed = together(stays)
    paths = {path for record in goes for path in record.paths}
    for record in stays:
        for path in record.checked:
            if path in paths and fault(path, listed[path]):
                raise NotRemoved(f"{names} has overwritten files of {record.name}")


def _discard(env: str, path: str, kept: Collection[str]) -> None:
    if path in kept or _make_way(env, path):
        return
    remove(path)
    folder, name = os.path.split(path)
    if name.endswith(".py"):
        for compiled in glob.glob(os.path.join(glob.escape(folder), "__pycache__", glob.escape(name[:-3]) + ".*.pyc")):
            remove(compiled)
    for place in (os.path.join(folder, "__pycache__"), folder):
        with contextlib.suppress(OSError):
            os.rmdir(place)


def _make_way(env: str, path: str) -> bool:
    """Whether something had to go: a link on the way, through which others' files would be written, or a file in the
    place of a folder, or a folder in the place of a file."""
    at = env
    for part in os.path.relpath(path, env).split(os.sep):
        at = os.path.join(at, part)
        if (os.path.islink(at) and part != "lib64") or (at != path and os.path.lexists(at) and not os.path.isdir(at)):
            remove(at)
            return True
        if at != path and os.path.isdir(at):
            _open_up(at)
    if os.path.isdir(path):
        remove(path)
        return True
    return False


def _open_up(folder: str) -> None:
    """Gives a folder the rights that a new one would have, where it has less, or others can write there."""
    if not rights(folder):
        return
    if os.geteuid() == 0:
        os.chown(folder, 0, 0)
    os.chmod(folder, (stat.S_IMODE(os.stat(folder).st_mode) | 0o700 | (readers() * 5)) & ~stat.S_IWOTH)


def _arriving(env: str, staged: str) -> Iterator[str]:
    """The paths in `env` of what lies below `staged`, which has programs in a `bin` of its own."""
    if not staged or not os.path.isdir(staged):
        return
    places = glob.glob(os.path.join(glob.escape(env), "lib", "python3*", "site-packages"))
    for folder, _, files in os.walk(staged):
        below = os.path.relpath(folder, staged)
        for name in files:
            if below == "bin":
                yield os.path.join(env, "bin", name)
            else:
                yield from (os.path.normpath(os.path.join(place, below, name)) for place in places)
