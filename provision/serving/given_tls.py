"""The certificate that an inventory names for the API: read where there is one, since it takes a library to read it."""

from __future__ import annotations

from provision.core.secret import Secret
from provision.inventory.models import Inventory


def given_tls(inventory: Inventory) -> dict[str, Secret]:
    """As serving.certificate.read_given."""
    if inventory.serve is None or inventory.serve.tls is None:
        return {}
    from provision.serving.certificate import read_given

    return read_given(inventory)
