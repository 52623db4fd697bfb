"""What is in the way in a model's folder: files that provision did not write are neither replaced nor removed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from provision.core.finding import Finding, Severity
from provision.weights.local import Held

#: What is found out here explains what a look alone has to say of "weights" (checks/inhibition.py).
FILES = "weights files"


def in_the_way(host: str, folder: str, here: Held | None, have: Mapping[str, str]) -> tuple[Finding, ...]:
    """`have`: what the probe saw. `here`: what is to be sent; None for a download, whose files the host knows (the
    proof that there is room for it)."""
    found = []
    if odd := sorted(_names(have, "odd:")):
        said = f"{folder} holds what is no plain file, and no link is followed there"
        hint = "move it away, or set serve.model to the folder without serve.weights.path: then it is only read"
        found.append(_block(host, said, tuple(odd), hint))
    if here is not None and (foreign := sorted(_foreign(here, have))):
        said = f"{folder} holds files that provision did not write, and would have to replace"
        hint = "move them away, or set serve.model to another folder; to serve what is there, remove serve.weights.path"
        found.append(_block(host, said, tuple(foreign), hint))
    return tuple(found)


def closed(host: str, models: str, holder: str, owner: str) -> Finding:
    """The folder of models, and of what is noted of them, belongs to `holder`."""
    said = f"{models} belongs to {holder}, and what is in it must belong to {owner or 'whoever logs in'}"
    command = f"sudo chown -Rh {owner or 'USER'} {models}"
    hint = f"give it to that user: `{command}`; or, where another cluster needs it, set `root`"
    return _block(host, said, (), hint)


def unreadable(host: str, folder: str, found: str, owner: str) -> Finding:
    """The model is there, and not for the user who is to read it. `found`: whose what keeps that user out is, its mode,
    and its path."""
    holder, _, path = found.partition("|")
    who = owner or "whoever logs in"
    if path == folder:
        said = f"{folder} belongs to {holder}, and {who} may not read it"
    else:
        said = f"{who} cannot read the model in {folder}: {path} belongs to {holder}"
    inside = path == folder or path.startswith(f"{folder.rstrip('/')}/")
    opened = f"sudo chmod -R o+rX {shlex.quote(folder)}" if inside else f"sudo chmod o+x {shlex.quote(path)}"
    user = holder.partition(",")[0]
    others = "or move the model" if user == "root" else f"move the model, or set `run_as: {user}`"
    return _block(host, said, (), f"run `{opened}` on {host}, {others}")


def _foreign(here: Held, have: Mapping[str, str]) -> Iterator[str]:
    """Those that are no part of the model, and those that are known to hold something else."""
    kind = "was:" if "sound" in have else "is:"
    for name in _names(have, kind):
        now, wrote = " ".join(have[f"{kind}{name}"].split(" ")[:2]), have.get(f"wrote:{name}", "")
        entry = here.files.get(name)
        if entry is None:
            if not wrote.startswith(f"{now} "):
                yield f"{name}: no part of the model"
        elif not wrote:
            was = have.get(f"was:{name}", "")
            if now.partition(" ")[0] != str(entry.size):
                yield f"{name}: {now.partition(' ')[0]} bytes, the model's has {entry.size}"
            elif was.startswith(f"{now} "):
                if entry.sha256 and not was.endswith(entry.sha256):
                    yield f"{name}: other content"
            elif have.get(f"sample:{name}", "") not in ("", here.sample(name)):
                yield f"{name}: other content"


def _names(have: Mapping[str, str], prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key in have if key.startswith(prefix)]


def _block(host: str, said: str, evidence: tuple[str, ...], hint: str) -> Finding:
    more = (f"and {len(evidence) - 10} more",) if len(evidence) > 10 else ()
    return Finding(host, "storage", FILES, Severity.BLOCKS, said=said, evidence=evidence[:10] + more, hint=hint)
