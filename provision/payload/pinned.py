"""HTTP connections through which nothing is said before the other side has shown what is expected of it: that the
listener is ours, and, with TLS, that it has the key of the certificate with a fingerprint. A connection lasts no longer
than its timeout, whatever comes."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable
from typing import Any

from provision.payload import bounded, listener

#: Says who listens, in words that are others if somebody else does. Raises NotOurs where that is not our server.
Whose = Callable[[], str]


class OtherCertificate(OSError):
    """Whoever answers has another certificate."""


def connections(
    scheme: str, certificate: str, whose: Whose = str
) -> tuple[type[http.client.HTTPConnection], dict[str, Any]]:
    """The class of the connections, and what else it is made with. `certificate`: its SHA-256 in hex. That is all that
    is looked at: neither a name, nor an authority, nor a date."""

    class Connection(_base(scheme)):  # type: ignore[misc]
        def connect(self) -> None:
            before = whose()
            super().connect()
            try:
                # The same as before: so it was them who took the connection.
                if whose() != before:
                    raise listener.NotOurs("another process has taken the port meanwhile")
                if scheme == "https":
                    _compare(self.sock.getpeercert(binary_form=True) or b"", certificate)
            except OSError:
                self.close()
                raise
            if self.timeout is not None:
                bounded.end_after(self.timeout, self.sock)

    return Connection, {"context": _context()} if scheme == "https" else {}


def _base(scheme: str) -> type[http.client.HTTPConnection]:
    return http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection


def _context() -> Any:
    """The handshake alone: what it shows is compared."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _compare(shown: bytes, certificate: str) -> None:
    found = hashlib.sha256(shown).hexdigest()
    if not certificate or found != certificate:
        raise OtherCertificate(f"it shows another certificate: {found[:16]}, should be {certificate[:16] or 'known'}")
