"""Ports that a service is about to bind are free, or are its own already.

Never fixed from here: whose process it is that listens there, only a person can say. A mismatch blocks `up`
before any host is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Script
from provision.resources.service import Place
from provision.resources.service_scripts import LIBRARY


@dataclass(frozen=True)
class PortsFree(Resource):
    """`ports`, each with what it is for, at `address`. Not judged while the service at `place` is running. `of`: tells
    two of one service apart."""

    fixable: ClassVar[bool] = False
    removable: ClassVar[bool | str] = False
    area: ClassVar[str] = "network"
    why: ClassVar[str] = "what is to listen there could not start"

    place: Place
    address: str
    ports: tuple[tuple[int, str], ...]
    of: str = ""

    @property
    def id(self) -> str:
        return f"ports:{self.place.owner_mark.rsplit('/', 1)[-1]}{f':{self.of}' if self.of else ''}"

    @property
    def label(self) -> str:
        return "ports"

    def want(self) -> State:
        return {f"port {port} ({use})": "free" for port, use in self.ports}

    def probe(self) -> Script:
        wanted = "\n".join(f"{port} {use}" for port, use in self.ports)
        return Script(f"{LIBRARY}\n{PROBE}", {"dir": self.place.folder, "address": self.address, "wanted": wanted})

    def fix(self, have: State, want: State) -> Script:
        raise AssertionError("never fixed: a mismatch blocks the plan")

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        hint = "stop what listens there, or choose another port in the inventory"
        return tuple(Difference(d.aspect, d.expected, d.found, hint) for d in super().diff(have, want))


# /proc/net/tcp writes an IPv4 address as one little-endian number in hex. A listener on another address of the
# host is no conflict, one on all addresses is.
PROBE = r"""
read_stamp && alive && mine=yes || mine=''
if [ -z "$mine" ]; then
    old_ifs=$IFS; IFS=.
    set -- $address
    IFS=$old_ifs
    hex=$(printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1" 2>/dev/null)
fi
# One line each; not read from a here-document, for which bash would write a file.
old_ifs=$IFS
IFS='
'
for entry in $wanted; do
    port=${entry%% *} use=${entry#* } found=free
    if [ -z "$mine" ]; then
        p=$(printf %04X "$port")
        if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
            grep -qiE "^ *[0-9]+: ($hex|00000000|0{32}|0{16}FFFF0000($hex|00000000)):$p [0-9A-F:]+ 0A "; then
            found="taken"
            who=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:((\(.*\))).*/\1/p;q')
            [ -z "$who" ] || found="taken by $who"
        fi
    fi
    echo "port $port ($use)=$found"
done
IFS=$old_ifs
"""
