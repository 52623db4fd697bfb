"""The token that every node of a Ray cluster shows to the others: made once per cluster, and kept by its hosts.

Without one, anyone who reaches Ray's ports runs code on every node. Whoever may log in to the hosts takes over theirs;
a controller keeps a copy for hosts that are still to come. `secrets: {RAY_AUTH_TOKEN: …}` in the inventory goes before
all of that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from provision.core.errors import NoHome, ProvisionError
from provision.core.kept import KeptOnHosts
from provision.core.paths import MOVE, cluster_dir
from provision.core.private import NotPrivate, private_folder, require_ours
from provision.core.reading import read_kept
from provision.core.regex import regex
from provision.core.room import way_out
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.resources.kept_token import HeldToken, read_token, same_token_question, token_question

#: The token's name among the secrets of an inventory, and in Ray.
RAY_TOKEN = "RAY_AUTH_TOKEN"

# One line that can be seen: what is shorter could be guessed, and what is longer, or holds anything else, is no token
# but the rest of some accident.
_TOKEN = regex(r"[!-~]{16,1024}")


def no_token() -> dict[str, Secret]:
    """What nothing on a host matches, for what is removed whatever its token."""
    return {RAY_TOKEN: Secret(_fresh(), RAY_TOKEN)}


@dataclass(frozen=True)
class ClusterToken(KeptOnHosts):
    """`head`: whose token counts where hosts differ. `writes`: whether one is made, and kept here, if there is none."""

    cluster: str
    head: str
    writes: bool

    def __post_init__(self) -> None:
        """Raises NoHome or ProvisionError before anything is made, if there is no place to keep one."""
        if self.writes and not self._kept():
            try:
                _place(self._path.parent)
            except OSError as error:
                raise self._cannot_keep(error) from error

    def question(self, host: str, root: str) -> Script:
        mine = self._kept()
        if not mine:
            return self.whole_question(host, root)
        return same_token_question(self.cluster, host, root, Secret(mine, RAY_TOKEN))

    def unsettled(self, answers: Mapping[str, Fragment]) -> bool:
        """A host that has another one, or a Ray and none, leaves open what the Ray of each was started with."""
        held = [read_token(fragment) for fragment in answers.values()]
        return bool(self._kept()) and not all(one.same or one.none for one in held)

    def whole_question(self, host: str, root: str) -> Script:
        mine = self._kept()
        return token_question(self.cluster, host, root, Secret(mine, RAY_TOKEN) if mine else None)

    def settle(self, answers: Mapping[str, Fragment]) -> Mapping[str, Secret]:
        """Raises NoHome and ProvisionError if one has to be kept, and cannot be; or if what was kept is none."""
        mine = self._kept()
        said = {host: read_token(fragment) for host, fragment in answers.items()}
        held = {host: HeldToken(mine) if one.same else one for host, one in said.items()}
        token = _theirs(held, self.head, mine)
        if not token and not mine:
            # Said by what only looks, too: `up` would not put it right.
            self._refuse_damaged()
        if not self.writes:
            return {RAY_TOKEN: Secret(token or mine or _fresh(), RAY_TOKEN)}
        if not token and not mine and self.head not in answers:
            # Whether the cluster has one is not known: it must not get another one by our keeping this.
            return {RAY_TOKEN: Secret(_fresh(), RAY_TOKEN)}
        if token != mine or not mine:
            try:
                token = _keep(self._path, token, replace=bool(token))
            except OSError as error:
                raise self._cannot_keep(error) from error
        return {RAY_TOKEN: Secret(token, RAY_TOKEN)}

    @property
    def _path(self) -> Path:
        return cluster_dir(self.cluster) / "ray-token"

    def _kept(self) -> str:
        """Empty if there is none, or none that can be one, or one that is not ours."""
        try:
            require_ours(self._path)
            return _valid(read_kept(self._path).decode("utf-8", "replace").strip())
        except (OSError, NoHome):
            return ""

    def _refuse_damaged(self) -> None:
        try:
            path = self._path
            if not path.is_file():
                return
            require_ours(path)
            empty = not path.read_bytes().strip()
        except (OSError, NoHome) as error:
            if not self.writes:  # who only looks needs no place for one
                return
            raise self._cannot_keep(error) if isinstance(error, OSError) else error from None
        raise ProvisionError(
            f"the token of `{self.cluster}` in `{path}` {'is empty' if empty else 'is damaged'}, and no host has one: "
            "expected 16 to 1024 visible characters on one line",
            hint=f"rm {path}",
        )

    def _cannot_keep(self, error: OSError) -> ProvisionError:
        why = str(error.strerror) if isinstance(error, NotPrivate) else (error.strerror or str(error)).lower()
        where = cluster_dir(self.cluster)
        return ProvisionError(
            f"the token of `{self.cluster}` cannot be kept in `{where}`: {why}",
            hint=getattr(error, "hint", "") or way_out(error, where, MOVE),
        )


def _place(folder: Path) -> None:
    """Raises OSError if `folder` cannot be made, or nothing be put into it."""
    private_folder(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _theirs(held: Mapping[str, HeldToken], head: str, mine: str) -> str:
    """What the hosts go by: what a Ray was started with before what only lies there, the head's before the others',
    and among those the one that most have. Empty if none has any."""
    if any(one.mine for one in held.values()) and not (head in held and held[head].used):
        return mine
    valid = {host: token for host, one in held.items() if (token := _valid(one.token))}
    used = {host: token for host, token in valid.items() if held[host].used}
    for found in (used, valid):
        if token := found.get(head) or _most(found.values()):
            return token
    return ""


def _most(tokens: Iterable[str]) -> str:
    counted = Counter(sorted(tokens)).most_common(1)
    return counted[0][0] if counted else ""


def _valid(token: str) -> str:
    return token if _TOKEN.fullmatch(token) else ""


def _fresh() -> str:
    return secrets.token_hex(32)


def _keep(path: Path, token: str, *, replace: bool) -> str:
    """Keeps `token`, or a fresh one, whole or not at all; returns what is kept. Without `replace`, of two runs that
    begin together the second takes the first one's. Raises OSError."""
    private_folder(path.parent)
    require_ours(path)
    token = token or _fresh()
    new = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            new.replace(path)
            return token
        try:
            os.link(new, path)
        except FileExistsError:
            return _valid(read_kept(path).decode("ascii", "replace").strip()) or token
        return token
    finally:
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
