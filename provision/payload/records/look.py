"""Every file of an environment against what was installed: what a `--deep` look at it adds, and its repair.

`look` prints `files=<folder of the package>/<what is not as installed>` for each package that is not, `frame=<files>`
for what the environment itself is made of, and `stray=<files>` for code and programs that no package brought. `sweep`
reads no hashes, and removes these. `clear` removes packages; `seal`, and after a repair `reseal`, print the hash of
what they have written. `reuse` takes over what is the same in another environment, and prints the requirements of the
rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from provision.payload.records.clear import NotRemoved, clear
from provision.payload.records.close import seal_built, seal_repaired
from provision.payload.records.files import remove
from provision.payload.records.reuse import missing, reuse
from provision.payload.records.seal import Damaged, Seal
from provision.payload.records.site import Site, sites, unsound
from provision.payload.records.strays import programs, strays


def main() -> None:
    """Arguments: what to do, the environment's folder, and what that takes besides."""
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
    wrong = unsound(env)
    if wrong:
        sys.stdout.write(f"unread={wrong}\n")
        return
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
    """Arguments: the environment of which the rest was taken over, if any, and the requirements that were installed."""
    base, anew = more
    sys.stdout.write(f"{seal_built(env, base, anew)}\n")


def close_again(env: str, more: Sequence[str]) -> None:
    """Arguments: the hash of the seal of before, the packages that were installed again, and whether the environment's
    own files were made again."""
    before, replaced, frame = more
    sys.stdout.write(f"{seal_repaired(env, before, replaced.split(), bool(frame))}\n")


def take_over(env: str, more: Sequence[str]) -> None:
    base, compiled = more
    sys.stdout.write("".join(missing(env, reuse(env, os.path.abspath(base), bool(compiled)))))


ACTIONS = {"look": look, "sweep": sweep, "clear": take_away, "seal": close, "reseal": close_again, "reuse": take_over}


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
