"""Whether a host has room for an image: where its engine keeps images, where the file arrives that is sent, and where
the engine unpacks it. Two of these, or all, may be on one disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provision.core.finding import Against, Finding, Severity
from provision.core.wording import size

#: What the probe says of it, and what `without_enough` makes of that.
_PROBED = frozenset(("room", "disk", "copies", "earlier", "arrived", "inbox room", "inbox disk", "temporary",
                     "temporary room", "temporary disk"))  # fmt: skip
ROOM = frozenset(("room", "takes", "takes less", "inbox room", "inbox takes", "temporary", "temporary room",
                  "temporary takes"))  # fmt: skip

_WHY = "the image cannot be loaded there, and what runs now is stopped for nothing"

#: Bytes, and of what.
_Part = tuple[int, str]


def without_enough(state: Mapping[str, str], file: int, *, sent: bool, whole: bool) -> dict[str, str]:
    """`state` with nothing of room that is enough. `file`: bytes of the image's file, 0 where there is none; what is in
    it takes no less. `sent`: whether it goes to hosts that have not got it, where it is unpacked; `whole`: also the
    layers that are there already."""
    found = {key: value for key, value in state.items() if key not in _PROBED}
    arrived = min(int(state["arrived"]), file) if state.get("arrived", "").isdigit() else 0
    sends = (file - arrived if sent else 0, "the file that is sent")
    unpacks = (file if sent else 0, "what is unpacked of it while it is loaded")
    beside = [part for part, there in ((sends, "inbox"), (unpacks, "temporary")) if _one_disk(state, "", there)]
    layers = (file, "the layers")
    parts = [layers, *(part for part in beside if part[0])]
    if state.get("copies") == "yes":
        # Made once the image is loaded, when neither is there any more.
        gone, what = (
            arrived if _one_disk(state, "", "inbox") else 0,
            "a copy of them with the ids of who runs containers without root",
        )
        later = [layers, (file - gone, what + (", less the file that was sent before" if gone else ""))]
        parts = max(parts, later, key=_sum)
    # How much of it an image that is there has as well is not known before it is loaded; the file comes whole.
    sure = [part for part in beside if part[0] and (whole or part is sends)] if state.get("earlier") == "yes" else parts
    room = state.get("room", "")
    if not room.isdigit():
        found |= {"room": room} if room else {}
    elif int(room) < _sum(sure):
        found |= {"room": room, "takes": _told(sure)}
    elif int(room) < _sum(parts):
        found |= {"room": room, "takes less": str(_sum(parts))}
    return found | _elsewhere(state, sends, unpacks, sure=whole or state.get("earlier") != "yes")


def _elsewhere(state: Mapping[str, str], sends: _Part, unpacks: _Part, *, sure: bool) -> dict[str, str]:
    """What of the two is not where the images are. `sure`: whether it is known how much is unpacked."""
    found: dict[str, str] = {}
    inbox, free = state.get("inbox room", ""), state.get("temporary room", "")
    apart = not _one_disk(state, "", "temporary")
    together = apart and _one_disk(state, "inbox", "temporary")
    parts = [sends, *([unpacks] if together and sure else [])]
    if not _one_disk(state, "", "inbox") and inbox.isdigit() and int(inbox) < _sum(parts):
        found |= {"inbox room": inbox, "inbox takes": _told([part for part in parts if part[0]])}
    if not unpacks[0] or not apart:
        return found
    if not free.isdigit():
        # Where images are is not known either, and that is said.
        told = state.get("room", "").isdigit() and "temporary room" in state
        return found | ({"temporary room": free} if told else {})
    if sure and not together and int(free) < unpacks[0]:
        place = state.get("temporary", "")
        found |= {"temporary": place, "temporary room": free, "temporary takes": str(unpacks[0])}
    return found


def _one_disk(state: Mapping[str, str], one: str, other: str) -> bool:
    """Whether two of the places are on one: by its number, or by its device, since subvolumes of one file system have
    numbers of their own."""
    disks = [state.get(f"{name} disk".strip(), "").split(" ", 1) for name in (one, other)]
    if any(len(disk) < 2 for disk in disks):
        return False
    (number, device), (others, its) = disks
    return (number == others != "") or (device == its and "/" in device)


def _sum(parts: Sequence[_Part]) -> int:
    return sum(bytes_ for bytes_, _ in parts)


def _told(parts: Sequence[_Part]) -> str:
    """The sum, and if there is more than one what it is made of, a line each."""
    return "\n".join((str(_sum(parts)), *(f"{size(each)}: {what}" for each, what in parts)))


def too_little(
    have: Mapping[str, str], *, host: str, area: str, engine: str, root: str, hint: str
) -> Iterator[Finding]:
    """`have`: as `without_enough` leaves it. `hint`: what has the engine unpack elsewhere."""
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
        takes, *parts = have["inbox takes"].splitlines()
        free, needed = size(int(have["inbox room"])), size(int(takes))
        what = f"{needed} of it are to be sent" if len(parts) < 2 else f"{needed} are needed there"
        yield Finding(
            host, area, "room for the image's file", Severity.BLOCKS, found=free, expected=f">= {needed}",
            against=Against.SOUND, why=_WHY, evidence=tuple(parts) if len(parts) > 1 else (),
            said=f"{free} are free below {root}, where the image's file arrives, and {what}",
            hint=f"free some space there, or set hosts.{host}.root to a larger disk",
        )  # fmt: skip
    if "temporary takes" in have:
        free, needed = size(int(have["temporary room"])), size(int(have["temporary takes"]))
        yield Finding(
            host, area, "room to load the image", Severity.BLOCKS, found=free, expected=f">= {needed}",
            against=Against.SOUND, why=_WHY,
            said=f"{free} are free in {have['temporary']}, where {engine} unpacks the image's file, and that takes "
            f"{needed} at least",
            hint=f"free some space there, or {hint}",
        )  # fmt: skip


def not_known(have: Mapping[str, str], engine: str) -> tuple[str, ...]:
    """What a plan says, where nobody can tell before it is loaded. `have`: as of `too_little`."""
    said = f"whether there is room for it, where {engine} keeps images, is not known"
    if have.get("room") == "unknown":
        return (said,)
    lines = []
    if "takes less" in have:
        free, needed = size(int(have["room"])), size(int(have["takes less"]))
        lines.append(f"{said}: {free} are free, and it takes {needed} at least, less the layers that are there already")
    if have.get("temporary room") == "unknown":
        lines.append(
            f"whether there is room to unpack it is not known, since {engine} does not tell where it does that"
        )
    return tuple(lines)
