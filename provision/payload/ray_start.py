"""`ray start` without Ray Client: a head would open one more port at which code is run, 10001, and has no flag against
it (ray/scripts/scripts.py, 2.60.0: without a port it takes that one, wherever grpc can be imported).

Arguments: the program `ray`, or its name, and its own. Ray is told that what Ray Client needs is not installed.

Before that, the head's port must be free: `ray start` connects to it with the token, whoever has taken it.
"""

from __future__ import annotations

import runpy
import shutil
import socket
import sys
from collections.abc import Sequence

#: How Ray asks for it, by version, and what it is told.
ASKED = {
    "get_ray_client_dependency_error": ImportError("Ray Client is switched off"),
    "check_ray_client_dependencies_installed": False,
}


def must_be_free(arguments: Sequence[str]) -> None:
    """Ends with asyncio's words, if another process has the port."""
    given = dict(word[2:].split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
    address, port = given.get("node-ip-address", ""), given.get("port", "")
    if port.isdecimal():
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as tried:
            # One that has been closed lately keeps nobody out.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((address, int(port)))
                tried.listen()
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                sys.exit(f"error while attempting to bind on address ('{address}', {port}): {why}")


def main() -> None:
    sys.argv = sys.argv[1:]
    sys.argv[0] = shutil.which(sys.argv[0]) or sys.argv[0]
    must_be_free(sys.argv)
    try:
        from ray._private import utils
    except ImportError:
        pass  # then it is another Ray than those that are known
    else:
        for name, answer in ASKED.items():
            if hasattr(utils, name):
                setattr(utils, name, lambda answer=answer: answer)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
