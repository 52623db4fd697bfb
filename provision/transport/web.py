"""A document from an HTTPS server, for the controller itself; a token goes into a header, and to that server alone."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from provision.core.errors import ProvisionError
from provision.core.secret import Secret


class NotFetched(ProvisionError):
    """There was no answer, or another one than asked for."""


def fetch(url: str, *, token: Secret | None = None, timeout: float = 3.0, limit: int = 2**20) -> bytes:
    """At most `limit` bytes of the document. `timeout`: seconds for the connection and between two reads. Raises
    NotFetched. Proxies are those of the environment."""
    request = urllib.request.Request(url, headers={"User-Agent": "provision"})
    if token is not None:
        # Not to where a redirection leads: large files lie on other servers.
        request.add_unredirected_header("Authorization", f"Bearer {token.reveal()}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            found: bytes = answer.read(limit)
            return found
    except urllib.error.HTTPError as error:
        raise NotFetched(f"{url} answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotFetched(f"{url} cannot be reached: {reason}") from None
