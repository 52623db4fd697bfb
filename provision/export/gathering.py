"""What an export is made of, as far as it has to be asked for: the hosts, the model's config, the lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from typing_extensions import Unpack

from provision.cluster import gather
from provision.cluster.cluster import Cluster
from provision.core.errors import UsageError
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.environment.lockfile import no_lock, read_lock
from provision.export import apptainer
from provision.export.assumed import assumed, missing
from provision.export.export import Export, ExportTerms, exported, placeholders
from provision.inventory.models import Inventory
from provision.inventory.secrets import read_secrets, read_sudo_password
from provision.stack.backends import DEFAULT, playbook_of
from provision.stack.exposed import guarded
from provision.stack.moved import MOVED
from provision.stack.token import RAY_TOKEN
from provision.weights.lookup import look_for

#: For what asks whether there is a Ray and a vLLM to run.
_IN_THE_IMAGE = ("vllm", "ray[default]")


class ExportOptions(TypedDict, total=False):
    """As those of the same names in `provision.Options`."""

    playbook: Path | None
    cancel: threading.Event | None
    sudo_password: Secret | None


def export(inventory: Inventory, terms: ExportTerms, **options: Unpack[ExportOptions]) -> Export:
    """What `up` would run, as files. Reads of the hosts what a plan does, and of none if each has a `node_ip`, unless
    the terms say so; writes nothing there. A secret's value is read only for the config of a gated model.

    Raises NotExported where `up` would not begin, LockError, HostError."""
    if inventory.serverlessllm is not None:
        raise UsageError("ServerlessLLM is not exported: `export` writes what serves one model with vLLM")
    path = options.get("playbook") or inventory.playbook or built_in(playbook_of(inventory))
    file = PlaybookFile(path, like=built_in(DEFAULT), moved=MOVED)
    with file.mistakes():
        return _export(inventory, terms, guarded(file.load(), removes=False), options)


def _export(
    inventory: Inventory, terms: ExportTerms, playbook: Callable[[Cluster], Playbook], options: ExportOptions
) -> Export:
    if terms.root:
        if not terms.root.startswith("/"):
            raise UsageError(f"--root is `{terms.root}`, expected an absolute path on the hosts")
        hosts = tuple(host.model_copy(update={"root": terms.root}) for host in inventory.hosts)
        inventory = inventory.model_copy(update={"hosts": hosts})
    if terms.kind == "compose" and not terms.image:
        raise UsageError("compose needs an image", hint="name it: `--image vllm/vllm-openai:v0.33.0`")
    if terms.kind in ("systemd", "ansible") and terms.image:
        raise UsageError(f"{terms.kind} runs an environment, and no image", hint="leave `--image` out")
    if terms.image and terms.kind == "script":
        apptainer.refuse(terms.image)
    if terms.image:
        # What the environment is for is in the image.
        python = inventory.python.model_copy(update={"packages": _IN_THE_IMAGE})
        inventory = inventory.model_copy(update={"python": python, "runtime": None})
        lock = no_lock(python, inventory.lock_path)
    elif inventory.runtime is not None:
        why = f"`runtime` runs in containers, which `{terms.kind}` does not start"
        raise UsageError(why, hint="`provision export compose --image IMAGE` writes such, or leave out `runtime`")
    elif not inventory.python.packages:
        lock = no_lock(inventory.python, inventory.lock_path)
    else:
        lock = read_lock(inventory.lock_path, inventory.python, base=inventory.path.parent)
    asked = terms.ask or bool(missing(inventory))
    unknown: tuple[str, ...] = ()
    if asked:
        password = options.get("sudo_password") or read_sudo_password(inventory)
        cluster = gather.ask(inventory, sudo_password=password, cancel=options.get("cancel"))
        if inventory.serve is not None and not inventory.serve.gpus:
            look = look_for(inventory, read_secrets(inventory))
            facts = {node.name: node.facts for node in cluster.nodes if node.facts is not None}
            cluster = replace(cluster, model=look(gather.holds_model(facts)))
    else:
        cluster, unknown = assumed(gather.unasked(inventory))
    cluster = replace(cluster, lock=lock, secrets=placeholders(inventory, RAY_TOKEN))
    return exported(terms, cluster, playbook, asked=asked, unknown=unknown)
