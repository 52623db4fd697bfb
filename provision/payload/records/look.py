"""Every file of an environment against what was installed: what a `--deep` look at it adds, and its repair.

`look` prints `files=<folder of the package>/<what is not as installed>` for each package that is not, `frame=<files>`
for what the environment itself is made of, and `stray=<files>` for code and programs that no package brought. `sweep`
reads no hashes, and removes these. `clear` removes packages, and `seal` prints the hash of what it has written. `reuse`
takes over what is the same in another environment, and prints the requirements of the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from provision.payload.records import seal
from provision.payload.records.clear import NotRemoved, clear
from provision.payload.records.files import remove
from provision.payload.records.reuse import missing, reuse
from provision.payload.records.seal import Damaged, Seal
from provision.payload.records.site import Site, canonical, sites
from provision.payload.records.strays import programs, strays


def main() -> None:
    """Arguments: what to do, the environment's folder, and for `clear` and `seal` the names of packages."""
    do, env, *more = sys.argv[1:]
    try:
        ACTIONS[do](os.path.abspath(env), more)
    except Damaged:
        if do != "look":
            sys.exit("the list of the environment's files was changed: run `provision up --deep`")
        sys.stdout.write("unread=the list of its files was changed\n")
    except NotRemoved as why:
        sys.exit(f"{why}: run `provision up --deep`")


def look(env: str, _: Sequence[str]) -> None:
    sealed = Seal(env)
    lines = []
    found = sites(env, sealed)
    for site in found:
        site.check()
        for package, faults in site.faults.items():
            said = "; ".join(f"{what}: {few(names)}" for what, names in sorted(faults.items()))
            lines.append(f"files={package}/{said}\n")
    frame = list(sealed.frame())
    if frame:
        lines.append(f"frame=edited: {few(frame)}\n")
    foreign = foreigners(env, found, sealed)
    if foreign:
        lines.append(f"stray={few([shown(env, found, path) for path in foreign])}\n")
    # A name may be no UTF-8.
    sys.stdout.buffer.write("".join(lines).encode("utf-8", "backslashreplace"))


def sweep(env: str, _: Sequence[str]) -> None:
    sealed = Seal(env)
    for path in foreigners(env, sites(env, sealed), sealed):
        remove(path)


def take_away(env: str, more: Sequence[str]) -> None:
    anew, extra, staged = more
    clear(env, anew.split(), extra.split(), staged)


def close(env: str, more: Sequence[str]) -> None:
    """Arguments: the hash of the seal of before, the packages that were installed again, and whether the environment's
    own files were made again; none where all is new. What was not touched stays as the seal of before has it."""
    records = [os.path.join(s.site, r.file) for s in sites(env, Seal(env, "")) for r in s.records]
    before, kept = Seal(env, ""), []
    if more:
        before, mended = Seal(env, more[0]), more[1].split()
        kept = [os.path.relpath(path, env) for path in records if canonical(path.split(os.sep)[-2]) not in mended]
        if not more[2]:
            kept += [os.path.relpath(path, env) for path in seal.frame_files(env)]
    was = before.files or {}
    digest = seal.write(env, records, {name: was[name] for name in kept if name in was})
    sys.stdout.write(f"{digest}\n")


def take_over(env: str, more: Sequence[str]) -> None:
    base, compiled = more
    sys.stdout.write("".join(missing(env, reuse(env, os.path.abspath(base), bool(compiled)))))


ACTIONS = {"look": look, "sweep": sweep, "clear": take_away, "seal": close, "reuse": take_over}


def foreigners(env: str, found: Sequence[Site], sealed: Seal) -> list[str]:
    if any(site.unread for site in found):
        return []
    owned = {path for site in found for path in site.owned}
    return [*(path for site in found for path in strays(site.site, site.owned, sealed)), *programs(env, owned, sealed)]


def shown(env: str, found: Sequence[Site], path: str) -> str:
    site = next((site.site for site in found if path.startswith(site.site + os.sep)), env)
    return os.path.relpath(path, site)


def few(names: Sequence[str]) -> str:
    shown = ", ".join(name.replace("\n", "?") for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
