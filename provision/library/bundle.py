"""What a ticket needs, in one file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from provision import api
from provision.core.commands import Given
from provision.core.errors import Cancelled, ProvisionError
from provision.core.exits import Exit
from provision.core.reading import read_kept
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.inventory.secrets import readable_secrets
from provision.operate import logs as reading
from provision.operate import looking
from provision.operate.packing import pack, require_new, write_new
from provision.render.bundle import bundle_files
from provision.render.commands import completed_error, completed_report

T = TypeVar("T")

#: Lines of each log, from its end.
_LINES = 5000


@dataclass(frozen=True)
class Bundle:
    """`path`: the file. `files`: what is in it, by name, with its size in bytes. `errors`: what could not be asked and
    is missing in it, of which `failed` is what ended a whole part."""

    path: Path
    bytes: int
    files: Mapping[str, int]
    errors: tuple[ProvisionError, ...]
    failed: tuple[ProvisionError, ...]
    exit_code: Exit


def bundle(
    inventory: Inventory,
    out: Path | None = None,
    *,
    limit: Sequence[str] = (),
    playbook: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    before: Callable[[Path, Mapping[str, int]], None] = lambda *_: None,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Bundle:
    """Asks the hosts for all that a ticket needs and writes it to `out`, a new file with mode 0600, without a secret.
    `out`: by default CLUSTER-YYYYMMDD-HHMMSS.tar.gz in the current folder. `say`: is told what is asked. `before`: is
    told what the file gets, before it is written; what it raises ends it. What cannot be asked is missing, and in
    `errors`. Raises UsageError, Cancelled, ProvisionError if the file cannot be written."""
    at = time.time()
    name = f"{inventory.cluster}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}"
    path = out or Path(f"{name}.tar.gz")
    require_new(path)
    failed: list[ProvisionError] = []

    def tried(what: str, call: Callable[[], T]) -> T | None:
        say(what)
        try:
            return call()
        except Cancelled:
            raise
        except ProvisionError as error:
            failed.append(error)
            return None

    # As long as they are there they are masked in whatever is written.
    secrets = readable_secrets(inventory)
    common = {"limit": limit, "cancel": cancel, "sudo_password": sudo_password}
    with TemporaryDirectory() as scratch:
        snapshot = Path(scratch) / "facts.json"
        report = tried(
            "what `check` does",
            lambda: api.check(inventory, playbook=playbook, wait=False, save=snapshot, broken_lock=True, **common),  # type: ignore[arg-type]
        )
        seen = tried("how it is", lambda: looking.status(inventory, **common))  # type: ignore[arg-type]
        asked = reading.LogsAsked(lines=_LINES)
        logs = tried("the logs", lambda: reading.logs(inventory, asked, **common))  # type: ignore[arg-type]
        facts = snapshot.read_text(encoding="utf-8") if snapshot.exists() else ""
    typed = Given(str(inventory.path))
    report = completed_report(report, typed) if report is not None else None
    errors = (*failed, *(logs.errors if logs else ()), *(report.errors if report else ()))
    errors = tuple(completed_error(error, typed) for error in errors)
    made = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
    files = bundle_files(
        inventory, made=made, at=at, lock=_lock(inventory.lock_path), report=report, facts=facts, seen=seen, logs=logs,
        errors=errors,
    )  # fmt: skip
    del secrets
    sizes = {name: len(text.encode("utf-8", "replace")) for name, text in files.items()}
    before(path, sizes)
    data = pack(files, name, at)
    write_new(path, data)
    codes = [*(error.exit_code for error in errors), *([seen.exit_code] if seen is not None and seen.unknown else [])]
    code = Exit.UNREACHABLE if Exit.UNREACHABLE in codes else Exit.FAILED if codes else Exit.DONE
    return Bundle(path, len(data), sizes, errors, tuple(failed), code)


def _lock(path: Path) -> str:
    try:
        return read_kept(path).decode("utf-8", "replace")
    except OSError:
        return ""
