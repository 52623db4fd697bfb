"""Two requests without a key, for a host without curl: what the server answers to one for its health, and to one that a
guarded server refuses. Prints the status of each, 0 where there is none."""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from urllib.parse import urlsplit


def main() -> None:
    url = urlsplit(os.environ["URL"])
    well = status(url.scheme, url.netloc, "GET", "/health", "")
    guarded = status(url.scheme, url.netloc, "POST", "/invocations", "{}")
    sys.stdout.write(f"{well} {guarded}\n")


def status(scheme: str, netloc: str, method: str, path: str, body: str) -> int:
    """Nothing secret is said, so it does not matter here who answers: whose the port is has been seen."""
    if scheme == "https":
        trusting = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(netloc, timeout=10, context=trusting)
    else:
        connection = http.client.HTTPConnection(netloc, timeout=10)
    try:
        connection.request(method, path, body or None, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
