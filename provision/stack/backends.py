"""Which built-in playbook serves which backend."""

from __future__ import annotations

from provision.inventory.models import Inventory

#: Where nothing is served, and the one that a person's own playbook is best made from.
DEFAULT = "vllm_ray"

#: `serve.backend` → the playbook that is meant.
BACKENDS = {"ray": "vllm_ray", "mp": "vllm_mp"}


def playbook_of(inventory: Inventory) -> str:
    return BACKENDS[inventory.serve.backend] if inventory.serve else DEFAULT
