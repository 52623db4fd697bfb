"""Whether a host has room for an image: where its engine keeps images, and where the file arrives that is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.core.finding import Against, Finding, Severity
from provision.core.wording import size

#: What the probe says of it, and what `without_enough` makes of that.
_PROBED = frozenset(("room", "copies", "earlier", "together", "arrived", "inbox room"))
ROOM = frozenset(("room", "takes", "takes less", "inbox room", "inbox takes"))

_WHY = "the image cannot be loaded there, and what runs now is stopped for nothing"


def without_enough(state: Mapping[str, str], file: int, *, sent: bool) -> dict[str, str]:
    """`state` with nothing of room that is enough. `file`: bytes of the image's file, 0 where there is none; what is in
    it takes no less. `sent`: whether it goes to hosts that have not got it."""
    found = {key: value for key, value in state.items() if key not in _PROBED}
    arrived = state.get("arrived", "0")
    coming = max(file - int(arrived), 0) if sent and arrived.isdigit() else 0
    together = state.get("together") == "yes"
    parts = [(file, "the layers")]
    if state.get("copies") == "yes":
        parts.append((file, "a copy of them with the ids of who runs containers without root"))
    if together and coming:
        parts.append((coming, "the file that is sent"))
    takes, room = sum(part for part, _ in parts), state.get("room", "")
    # How much of it an image that is there has as well is not known before it is loaded; the file comes whole.
    earlier, whole = state.get("earlier") == "yes", coming if together else 0
    if not room.isdigit():
        found |= {"room": room} if room else {}
    elif earlier and whole <= int(room) < takes:
        found |= {"room": room, "takes less": str(takes)}
    elif int(room) < takes:
        parts = parts[-1:] if earlier else parts
        takes = sum(part for part, _ in parts)
        found |= {"room": room, "takes": "\n".join((str(takes), *(f"{size(part)}: {what}" for part, what in parts)))}
    inbox = state.get("inbox room", "")
    if not together and inbox.isdigit() and int(inbox) < coming:
        found |= {"inbox room": inbox, "inbox takes": str(coming)}
    return found


def too_little(have: Mapping[str, str], *, host: str, area: str, engine: str, root: str) -> Iterator[Finding]:
    """`have`: as `without_enough` leaves it."""
    if "takes" in have:
        takes, *parts = have["takes"].splitlines()
        free, needed = size(int(have["room"])), size(int(takes))
        yield Finding(
            host, area, "room for the image", Severity.BLOCKS, found=free, expected=f">= {needed}",
            against=Against.SOUND, why=_WHY, evidence=tuple(parts) if len(parts) > 1 else (),
            said=f"{free} are free where {engine} keeps images, and the image takes {needed} at least",
            hint=f"see what takes the room on {host}: `{engine} system df`",
        )  # fmt: skip
    if "inbox takes" in have:
        free, needed = size(int(have["inbox room"])), size(int(have["inbox takes"]))
        yield Finding(
            host, area, "room for the image's file", Severity.BLOCKS, found=free, expected=f">= {needed}",
            against=Against.SOUND, why=_WHY,
            said=f"{free} are free below {root}, where the image's file arrives, and {needed} of it are to be sent",
            hint=f"free some space there, or set hosts.{host}.root to a larger disk",
        )  # fmt: skip


def not_known(have: Mapping[str, str], engine: str) -> tuple[str, ...]:
    """What a plan says, where nobody can tell before it is loaded. `have`: as of `too_little`."""
    said = f"whether there is room for it, where {engine} keeps images, is not known"
    if have.get("room") == "unknown":
        return (said,)
    if "takes less" not in have:
        return ()
    free, needed = size(int(have["room"])), size(int(have["takes less"]))
    return (f"{said}: {free} are free, and it takes {needed} at least, less the layers that are there already",)
