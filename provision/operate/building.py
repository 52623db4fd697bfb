"""Builds wheels on one host of the inventory, where this machine is not of their kind (no nvcc, another glibc).

With the rights of whoever logs in, never with sudo: what is built is anybody's code. The source is sent where it is of
this machine; the rest the host fetches, by the same hashes. The wheel comes back, and nothing stays there.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

from provision.core.errors import LockError
from provision.core.regex import regex
from provision.core.script import Fragment, Script, Upload, environment
from provision.core.urls import passwords
from provision.core.values import dataclass
from provision.environment.ambient import ambient, reaching
from provision.environment.building import Machine, Order, as_pip_reads
from provision.environment.indexes import as_lines, extra_indexes, find_links, main_index
from provision.environment.uv import uv_binary
from provision.inventory.models import Host, Inventory
from provision.payload.bundle import shell
from provision.transport import Session, Transport
from provision.transport.proxies import through_proxy

_BUILD = ("environment.sh", "venv/sealed.sh", "venv/install.sh", "venv/wheel.sh")

#: Seconds: flash-attn takes hours on a few cores.
_TIMEOUT = 6 * 3600.0

#: MiB that come back in one script's output, and in all: a host may answer without end.
_PART, _WHOLE = 16, 4 << 10

#: What a host may say of itself, and of what it has built.
_WORK = regex(r"/[^\n]{0,4000}/\.provision-build\.\w+", re.ASCII)
_WHEEL = regex(r"[\w.+!-]{1,240}\.whl", re.ASCII)
_MACHINE, _LIBC = regex(r"\w{0,32}", re.ASCII), regex(r"(\d{1,4}(\.\d{1,4})*)?", re.ASCII)


def ready(inventory: Inventory) -> Inventory:
    """The inventory for a run that may fetch, through its proxy, and build, on the host that `python.build_on` names.
    Raises InventoryError, LockError."""
    inventory = through_proxy(inventory)
    name = inventory.python.build_on
    if name is None:
        return inventory
    host = next((host for host in inventory.hosts if host.name == name), None)
    if host is None:
        known = ", ".join(f"`{host.name}`" for host in inventory.hosts[:3])
        raise LockError(f"python.build_on names `{name}`, which is no host", hint=f"name a host, such as {known}")
    return inventory.model_copy(update={"python": inventory.python.built_by(_Builder(inventory, host))})


@dataclass(frozen=True)
class _Builder:
    inventory: Inventory
    host: Host

    def __call__(self, order: Order, into: Path) -> tuple[Path, Machine]:
        """Raises LockError; the transport's errors."""
        host = self.host.model_copy(update={"sudo": False})
        # What is built can read them, and print them.
        python = self.inventory.python
        secrets = [*passwords(self.inventory.model_dump()), *passwords({**python.proxies, **python.build_env})]
        with Transport([host], redact=secrets, inventory=self.inventory.path) as transport:
            session = transport.connect(host)
            tmp = order.python.build_env.get("TMPDIR", "")
            begin = shell("files/trust.sh", "files/rights.sh", "venv/wheel_begin.sh")
            (begun,) = session.run([Script(begin, {"build_tmp": tmp})])
            work = begun.stdout.strip()
            if not begun.ok or not _WORK.fullmatch(work):
                raise LockError(f"{host.name}: there is no room for a build: {' '.join(begun.tail())}")
            try:
                return self._built(session, order, work, into)
            finally:
                if session.alive:
                    session.run([Script(shell("venv/wheel_end.sh"), {"work": work})])

    def _built(self, session: Session, order: Order, work: str, into: Path) -> tuple[Path, Machine]:
        order, uploads = _with_sources(order, work)
        uploads = (Upload(uv_binary(order.python, base=order.base), work), *uploads)
        session.send(uploads)
        (done,) = session.run([self._script(order, work)])
        if not done.ok:
            error = order.failed(done.stderr or done.stdout)
            raise LockError(f"{self.host.name}: {error.message}", evidence=error.evidence, hint=error.hint)
        said = dict(line.partition("=")[::2] for line in done.stdout.splitlines() if "=" in line)
        name = said.get("wheel", "")
        machine = Machine(said.get("machine", ""), said.get("libc", ""))
        if not _WHEEL.fullmatch(name):
            raise LockError(f"{self.host.name}: what was built is no wheel: `{name[:200]}`")
        if not _MACHINE.fullmatch(machine.machine) or not _LIBC.fullmatch(machine.libc):
            raise LockError(f"{self.host.name}: which machine it is cannot be told: `{machine.machine[:40]}`")
        wheel, digest = into / name, hashlib.sha256()
        with wheel.open("wb") as file:
            for skip in range(0, _WHOLE, _PART):
                (part,) = session.run([_part(f"{work}/out/{name}", skip)])
                data = _decoded(part)
                file.write(data)
                digest.update(data)
                if len(data) != _PART << 20:
                    break
        if digest.hexdigest() != said.get("sha256") or not zipfile.is_zipfile(wheel):
            raise LockError(f"{self.host.name}: `{name}` did not arrive as it was built", hint="run it again")
        return wheel, machine

    def _script(self, order: Order, work: str) -> Script:
        python, here = order.python, ambient()
        links = [
            link for link in find_links(python, order.base, here) if "://" in link and not link.startswith("file:")
        ]
        variables = {
            **environment({**dict(reaching(self.host.env, python.proxies)), **python.build_env}),
            "root": work,
            "uv": f"{work}/uv",
            "cache": f"{work}/cache",
            "inbox": f"{work}/inbox",
            "env": f"{work}/environment",
            "version": python.version,
            "offline": "",
            "torch_backend": python.torch_backend or "",
            "default_index": main_index(python, here),
            "more_indexes": " ".join(extra_indexes(python, here)),
            "index_strategy": python.index_strategy,
            "links": ",".join(link.replace(",", "%2C") for link in links),
            "name": order.name,
            "requirement": as_lines(links) + as_pip_reads(order.requirement),
            "isolated": "yes" if order.isolated else "",
            "beside": as_lines(links) + order.beside if order.beside else "",
            "tools": " ".join(tool.replace(" ", "") for tool in order.tools),
        }
        body = 'umask 077\nsay() { echo "::progress $*"; }\n' + shell(*_BUILD)
        return Script(body, variables, timeout=_TIMEOUT)


def _with_sources(order: Order, work: str) -> tuple[Order, tuple[Upload, ...]]:
    """With what is of this machine alone where it is sent to."""
    found = re.search(r"(?:git\+)?file://(/[^\s@#]+)", order.requirement)
    if found is None:
        return order, ()
    path = Path(unquote(found[1]))
    there = quote(f"{work}/sources/{path.name}")
    requirement = order.requirement.replace(found[1], there, 1)
    return replace(order, requirement=requirement), (Upload(path, f"{work}/sources"),)


def _part(file: str, skip: int) -> Script:
    return Script(shell("venv/wheel_part.sh"), {"file": file, "skip": skip, "count": _PART}, timeout=600, private=True)


def _decoded(part: Fragment) -> bytes:
    """Empty where what came is no such part."""
    try:
        return base64.b64decode("".join(part.stdout.split())) if part.ok else b""
    except ValueError:
        return b""
