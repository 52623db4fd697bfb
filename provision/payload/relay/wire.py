"""What is said in a relay. Runs on the hosts, and on the controller.

The controller says to each host, on its standard input, frames: a letter, a length, and so many bytes.

    S    what it is to do, as JSON: its certificate and key, the files, its address and ports
    P    from whom it can have them, as JSON: names, addresses and ports, the best first; again where that changes
    H    a block's file, number and hash
    D    the same, and the block itself: to the first host alone

Where hosts download a model themselves (weights/spread.py), it says S, H, and

    P    which files it is to download, and which it can have from whom, as JSON

A host says to another, by TLS, which block of which file it wants: that and all behind it come, each behind its length.
A length of zero: there is no more yet. The files are those of the relay; nothing else can be asked for.
"""

from __future__ import annotations

import struct

#: Bytes: what is hashed, checked and passed on at a time.
BLOCK = 4 << 20

FRAME = struct.Struct(">cI")
#: A file, a block of it, and its SHA-256.
HASH = struct.Struct(">II32s")
#: A file, and the first block that is wanted.
REQUEST = struct.Struct(">II")
LENGTH = struct.Struct(">I")

#: Seconds: a host that has nothing to pass on says so as often; one that says nothing for so long is given up.
ALIVE, GONE = 5.0, 20.0

#: First words of the lines that a host prints: it listens at a port; it has so many bytes of a file; of all files; it
#: has refused a block of another host, or lost it; all is there; and why it takes no further part.
LISTENS, HAS, AT, LOST, WHOLE, FAILED = (
    f"provision-relay-{word}" for word in ("listens", "has", "at", "lost", "whole", "failed")
)

#: Where hosts download the files: how much of a file is there, and, as JSON, which it is, and whether it was compared;
#: how many files there are, and of which commit; and a block's file, number and hash, of a host that has it from
#: elsewhere than from another one.
FILE, LISTED, FOUND = (f"provision-spread-{word}" for word in ("file", "listed", "found"))

#: First words of why one has failed which would have gone on, had there been another host to have it from.
NO_SOURCE = "no other host could be fetched from"

#: Why one loads no share whose folder another host shares, or another run uses.
AT_WORK = "another host or run is at work on its folder"


def blocks(size: int) -> int:
    return -(-size // BLOCK)


def length_of(size: int, block: int) -> int:
    return min(BLOCK, size - block * BLOCK)


def part_name(size: int, mtime: int, name: str) -> str:
    """As an upload has it (files/receive_one.sh), which goes on with what is there, and puts it into its place."""
    return f".provision-part.{size}.{mtime}.{name}"
