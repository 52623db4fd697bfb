"""A document from an HTTPS server, for the controller itself. A token, or the user and password of the URL, go into a
header, and to that server alone."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from provision.core.errors import ProvisionError
from provision.core.secret import Secret
from provision.core.urls import split


class NotFetched(ProvisionError):
    """There was no answer, or another one than asked for."""


def fetch(url: str, *, token: Secret | None = None, timeout: float = 3.0, limit: int = 2**20,
    proxies: Mapping[str, str] = MappingProxyType({}),
) -> bytes:  # fmt: skip
    """The document, of at most `limit` bytes. `timeout`: seconds for the connection and between two reads. `proxies`:
    variables, as programs find them in their environment; without, they are those of ours. Raises NotFetched."""
    place, user, password = split(url)
    request = urllib.request.Request(place, headers={"User-Agent": "provision"})
    # Not to where a redirection leads: large files lie on other servers.
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token.reveal()}")
    elif user or password:
        given = b64encode(f"{user}:{password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {given}")
    try:
        with urllib.request.build_opener(_SameKind, *_through(place, proxies)).open(request, timeout=timeout) as answer:
            found: bytes = answer.read(limit + 1)
    except urllib.error.HTTPError as error:
        raise NotFetched(f"{url} answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotFetched(f"{url} cannot be reached: {reason}") from None
    if len(found) > limit:
        raise NotFetched(f"{url} answers with more than {limit >> 20} MiB")
    return found


def _through(place: str, proxies: Mapping[str, str]) -> list[urllib.request.ProxyHandler]:
    if not proxies:
        return []
    found = {name: value for name in ("http", "https") if (value := proxies.get(f"{name}_proxy"))}
    host = urllib.parse.urlsplit(place).netloc
    direct = urllib.request.proxy_bypass_environment(host, {"no": proxies.get("no_proxy", "")})  # type: ignore[attr-defined]
    return [urllib.request.ProxyHandler({} if direct else found)]


class _SameKind(urllib.request.HTTPRedirectHandler):
    """Follows a redirection to HTTPS alone, or from plain HTTP to plain HTTP; urllib would go on to FTP as well."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        kind = urllib.parse.urlsplit(newurl).scheme.lower()
        if kind != "https" and not (kind == "http" and req.type == "http"):
            raise urllib.error.URLError(f"it leads to another kind of address ({kind})")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
