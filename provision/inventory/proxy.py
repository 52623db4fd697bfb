"""The proxy that all goes through which is fetched: packages, a Python, the model of a hub."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field

from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.secret_source import SecretSource
from provision.inventory.section import Section


class Proxy(Section):
    """What packages, a Python and the model of a hub are fetched through, on the hosts and here."""

    url: str = Field(description="of the proxy, for http and https alike: `http://proxy.example.org:3128`")
    no_proxy: tuple[str, ...] = Field((), description="what is reached without it: `.example.org`, `10.0.0.0/8`")
    user: str | None = Field(None, description="name for the proxy")
    password: SecretSource | None = Field(None, description="where that user's password comes from")


def check_proxy(root: YamlNode, problems: Problems) -> None:
    proxy = root.find("proxy")
    url, user, password = (root.find("proxy", key) for key in ("url", "user", "password"))
    if proxy is None or url is None or url.value is None:
        return
    try:
        parts = urlsplit(url.text)
        fits = parts.scheme in ("http", "https", "socks5", "socks5h") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        # What is written there may have a password in it.
        problems.value(url, "should be the URL of a proxy", "write `http://proxy.example.org:3128`")
    elif "@" in parts.netloc:
        hint = "write it without: `user` names who, and `password: {env: PROXY_PASSWORD}` where the password is"
        problems.value(url, "a proxy's URL holds no user and no password", hint)
    if password is not None and password.value is not None and (user is None or user.value is None):
        problems.key(password, "a password needs the `user` that it is for", "add `user`")
    for entry in (
        proxy.children["no_proxy"].value if "no_proxy" in proxy.children and proxy.children["no_proxy"].is_list else ()
    ):
        if not entry.text or set(entry.text) & set(", \t\n"):
            problems.value(entry, f"`{entry.text}` is not one name or network", "write one in each entry")
