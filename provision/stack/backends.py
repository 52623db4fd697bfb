"""Which built-in playbook serves which backend."""

from __future__ import annotations

from provision.inventory.models import Inventory
from provision.inventory.serverless import BACKEND

#: Where nothing is served, and the one that a person's own playbook is best made from.
DEFAULT = "vllm_ray"

#: `serve.backend` → the playbook that is meant.
BACKENDS = {"ray": "vllm_ray", "mp": "vllm_mp", BACKEND: BACKEND}


def playbook_of(inventory: Inventory) -> str:
    if inventory.serverlessllm is not None:
        return BACKENDS[BACKEND]
    return BACKENDS[inventory.serve.backend] if inventory.serve else DEFAULT
