"""Two requests without a key, over TLS or for a host without curl: what the server answers to one for its health, and
to one that a guarded server refuses. Prints the status of each, 0 where there is none, and for the first `certificate`
where it is of another one."""

from __future__ import annotations

import http.client
import os
import sys
from urllib.parse import urlsplit

from provision.payload import pinned


def main() -> None:
    url = urlsplit(os.environ["URL"])
    try:
        well = status(url.scheme, url.netloc, "GET", "/health", "")
        guarded = status(url.scheme, url.netloc, "POST", "/invocations", "{}")
    except pinned.OtherCertificate:
        sys.stdout.write("certificate 0\n")
    else:
        sys.stdout.write(f"{well} {guarded}\n")


def status(scheme: str, netloc: str, method: str, path: str, body: str) -> int:
    """Whose the port is has been seen. Raises OtherCertificate."""
    kind, how = pinned.connections(scheme, os.environ.get("CERTIFICATE", ""))
    connection = kind(netloc, timeout=10, **how)
    try:
        connection.request(method, path, body or None, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except pinned.OtherCertificate:
        raise
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
