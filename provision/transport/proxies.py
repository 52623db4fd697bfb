"""The proxy of an inventory, as programs find it in their environment. Its password leaves here for that alone."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from provision.inventory.models import Inventory
from provision.inventory.secrets import read_proxy_password


def through_proxy(inventory: Inventory) -> Inventory:
    """The inventory for a run, in which what is fetched goes through its proxy. Raises InventoryError for a password
    that is not there."""
    proxy, password = inventory.proxy, read_proxy_password(inventory)
    if proxy is None:
        return inventory
    parts = urlsplit(proxy.url)
    who = quote(proxy.user, safe="") if proxy.user else ""
    who += f":{quote(password.reveal(), safe='')}" if password is not None else ""
    url = urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc}" if who else parts.netloc))
    found = {"HTTP_PROXY": url, "HTTPS_PROXY": url}
    # The hosts themselves, and this machine, are never behind it.
    direct = ["localhost", "127.0.0.1", "::1", *proxy.no_proxy]
    found["NO_PROXY"] = ",".join(dict.fromkeys(direct))
    # curl reads the name of the first in small letters alone, others read those that are written large.
    found |= {name.lower(): value for name, value in found.items()}
    return inventory.model_copy(update={"python": inventory.python.through(found)})
