"""URLs: credentials in them (`https://user:password@host`, `https://token@host`), masked in whatever is shown, and
addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from provision.core.regex import regex
from provision.core.secret import MASK, Secret

# What cannot be part of a URL, and ends it in prose, in JSON and in HTML (RFC 3986, appendix C).
_END = r"\s\"<>`"

# From `://` to the last `@` before path, query and fragment. In the first form somebody left a `/` of the password as
# it is: what then follows the colon is no port.
_USER = regex(
    rf"(?<=://)(?!\[)[^/@{_END}]+:(?!\d+(?:[/?#,;)\]'{_END}]|\Z))[^{_END}]*@"
    rf"|(?<=://)[^/?#{_END}]+@"
    rf"|(?<=%3a%2f%2f)(?:(?!%2f)[^/&{_END}])+%40",
    re.IGNORECASE,
)

#: Schemes in which a lone name before the `@` is a user, and no token.
_NAMES_USERS = ("ssh://", "sftp://")

# Presigned URLs and tokens of package hosts.
_QUERY = regex(
    r"(?<=[?&;])((?:[a-z]+[-_])*(?:token|key|password|passwd|secret|sig|signature|credential|auth|policy)=)"
    rf"[^&;#'{_END}]+",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """`text` with a mask in place of the credentials of every URL in it."""
    if "://" in text or "%3a%2f%2f" in text.lower():
        text = _QUERY.sub(rf"\g<1>{MASK}", _USER.sub(_mask, text))
    return text


def _mask(found: re.Match[str]) -> str:
    at = "%40" if found[0].lower().endswith("%40") else "@"
    lone = ":" not in found[0] and "%3a" not in found[0].lower()
    if lone and found.string[: found.start()].lower().endswith(_NAMES_USERS):
        return found[0]
    return MASK + at


def split(url: str) -> tuple[str, str, str]:
    """(`url` without its credentials, user, password), both decoded and empty where there are none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, "", ""
    credentials, at, place = parts.netloc.rpartition("@")
    if not at or (parts.scheme.endswith("ssh") and ":" not in credentials):
        return url, "", ""
    user, _, password = credentials.partition(":")
    return urlunsplit(parts._replace(netloc=place)), unquote(user), unquote(password)


def passwords(value: object) -> list[Secret]:
    """The passwords and tokens of all URLs in `value`: a text, or whatever holds some."""
    if isinstance(value, str):
        _, user, password = split(value) if "://" in value else ("", "", "")
        return [Secret(password or user, "password of a URL")] if user or password else []
    if isinstance(value, Mapping):
        value = list(value.values())
    return [found for item in value for found in passwords(item)] if isinstance(value, (list, tuple)) else []


def bare(url: str) -> str:
    """`url` without its credentials."""
    return split(url)[0]


def with_login(url: str, user: str, password: str) -> str:
    """`url` with these credentials, percent-encoded; as it is where it has some, or there are none."""
    if not (user or password) or bare(url) != url or "://" not in url:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def bracketed(address: str) -> str:
    """As a URL has it, and whatever else puts a port behind it."""
    return f"[{address}]" if ":" in address else address
