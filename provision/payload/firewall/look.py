"""What a host that is not of the cluster can connect to: each `<address>,<port>` of the command line, tried at once."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

#: Seconds, as provision.transport.reach has them.
PATIENCE = 2.0


def main() -> None:
    """Prints a word for each, in order: `open`, `refused`, `silent`, or `unreachable`."""
    with ThreadPoolExecutor(16) as pool:
        for word in pool.map(look, sys.argv[1:]):
            sys.stdout.write(word + "\n")


def look(endpoint: str) -> str:
    address, _, port = endpoint.rpartition(",")
    try:
        socket.create_connection((address, int(port)), PATIENCE).close()
    except ConnectionRefusedError:
        return "refused"
    except socket.timeout:
        return "silent"
    except OSError:
        return "unreachable"
    return "open"
