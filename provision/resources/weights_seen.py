"""What a look at a model's folder prints, as a state: `is:`, `in:`, `was:`, `wrote:`, `sample:`, `odd:` and `fault:`
before the names of files, and single facts about the folder."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.resource import State
from provision.payload.weights.manifest import Entry

#: How many cells follow a kind of line; the last one is a name, which may hold blanks.
_CELLS = {"is": 3, "in": 3, "was": 4, "wrote": 4, "sample": 2}

_NUMBERS = ("bytes", "files", "begun")


def read_state(printed: str) -> State:
    """Whatever a host prints: a line that does not look like one of the probe's says nothing."""
    state: dict[str, str] = {}
    for line in printed.split("\n"):
        kind, _, rest = line.partition(" ")
        cells = rest.split(" ", _CELLS.get(kind, 1) - 1)
        if kind in ("is", "in") and len(cells) == 3 and _is_number(cells[0]):
            state[f"{kind}:{cells[2]}"] = f"{cells[0]} {cells[1]}"
        elif kind in ("was", "wrote") and len(cells) == 4 and _is_number(cells[1]):
            state[f"{kind}:{cells[3]}"] = f"{cells[1]} {cells[2]} {cells[0]}"
        elif kind == "sample" and len(cells) == 2:
            state[f"sample:{cells[1]}"] = cells[0]
        elif kind == "odd":
            state[f"odd:{rest}"] = "no plain file"
        elif kind == "fault":
            state[f"fault:{rest}"] = "other content"
        else:
            key, sep, value = line.partition("=")
            if sep and (key not in _NUMBERS or _is_number(value)):
                state[key] = value
    return state or None


def same(name: str, entry: Entry, have: Mapping[str, str]) -> bool:
    """As far as it can be told without reading it on the host; there it is hashed all the same."""
    if f"fault:{name}" in have:
        return False
    now, was = have.get(f"is:{name}", ""), have.get(f"was:{name}", "")
    if "sound" in have:
        # Nothing is told of any file where the folder is as it should be; of a file that is new, nothing is told alone.
        return was.endswith(entry.sha256) if was else not any(key.startswith("was:") for key in have)
    for known in (was, have.get(f"wrote:{name}", "")):
        if known and now and known.startswith(f"{now} "):
            return known.endswith(entry.sha256)
    # It came whole in a run that broke off: tar keeps the second.
    size, _, mtime = have.get(f"in:{name}", "").partition(" ")
    if size == str(entry.size) and mtime.partition(".")[0] == entry.mtime.partition(".")[0]:
        return True
    # Somebody else put it there: `blockers` has compared a sample.
    return bool(now) and f"wrote:{name}" not in have and now.partition(" ")[0] == str(entry.size)


def names(have: Mapping[str, str], prefix: str) -> list[str]:
    return sorted(key.removeprefix(prefix) for key in have if key.startswith(prefix))


def few(files: list[str]) -> str:
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
