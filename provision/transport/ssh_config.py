"""What ssh_config says of a host. OpenSSH's own client is asked (`ssh -G`), which knows Include, Match, canonical names
and whatever its release has learned; where there is none, paramiko's parser is, and refuses what it does not know.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any

import paramiko

from provision.core.person import expanded, home, login_name, named
from provision.core.reading import NotAFile, kind_of, read_kept

#: Read after the user's.
SYSTEM = Path("/etc/ssh/ssh_config")

#: What the libraries are told we are called where the system has no name for us; no user can be called that.
_NOBODY = "uid:unknown"

#: Seconds: a `Match exec`, or the resolver for canonical names, may take a while.
_PATIENCE = 30.0

# What ssh says of a user that passwd does not have: it reads no configuration then.
_NAMELESS = ("No user exists for uid", "You don't exist")

# SshSettings that change nothing of what is read here: most systems come with a few of these, and no others.
_HARMLESS = frozenset({"sendenv", "setenv", "hashknownhosts", "forwardx11", "forwardx11trusted", "forwardagent"})

# What follows these to the end of the line is for a shell.
_COMMANDS = frozenset({"proxycommand", "localcommand", "remotecommand", "knownhostscommand"})

# Conditions of `Match` that paramiko decides. For `exec` it reads our standard input, which is a person's.
_MATCHES = frozenset({"all", "canonical", "final", "host", "originalhost", "user", "localuser"})


class ConfigProblem(Exception):
    """Why a configuration cannot be followed."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class SshSettings:
    """Of one host, by keyword in lower case, in order. `complete`: `~`, `%` and `${}` of known hosts are filled in."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    complete: bool = False

    def one(self, keyword: str, default: str = "") -> str:
        return next(iter(self.values.get(keyword, ())), default)

    def every(self, keyword: str) -> tuple[str, ...]:
        return self.values.get(keyword, ())


class SshConfig:
    """`path` instead of the user's and the system's files, if given. Thread-safe."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._files = [expanded(path)] if path is not None else [*_own_file(), SYSTEM]
        for file in self._files:
            _refuse_odd(file)
        self._says_nothing = all(_harmless(file) for file in self._files)
        self._parsed: paramiko.SSHConfig | None = None
        self._lock = threading.Lock()
        if path is not None:
            with self._files[0].open("rb"):
                pass  # OpenSSH says of a missing file what it is; of one that may not be read, too

    def lookup(self, alias: str, user: str, port: int) -> SshSettings:
        """What holds for `ssh [-l user] [-p port] alias`. Raises ConfigProblem, OSError."""
        if self._says_nothing:
            return SshSettings()
        program = shutil.which("ssh") if login_name() else None  # it serves nobody who has no name
        answer = self._asked(program, alias, user, port) if program else None
        return answer or self._read(alias)

    def _asked(self, program: str, alias: str, user: str, port: int) -> SshSettings | None:
        command = [program, "-G", *(["-l", user] if user else []), *(["-p", str(port)] if port else [])]
        text = b""
        own, passwds = home(), _passwd_home()
        moved = (passwds, own) if own and passwds and own != passwds else None
        if moved is not None:
            # OpenSSH does not look at $HOME; everything else here does.
            command += ["-F", "/dev/stdin"]
            text = "".join(_as_user_file(file) for file in self._files).encode("latin-1")
        elif self.path is not None:
            command += ["-F", str(self._files[0])]
        try:
            with _file_of(text) as given:
                done = subprocess.run(
                    [*command, "--", alias],
                    stdin=given,
                    capture_output=True,
                    timeout=_PATIENCE,
                    check=False,
                    env={**os.environ, "LC_ALL": "C"},
                )
        except subprocess.TimeoutExpired:
            raise ConfigProblem(f"ssh did not read it within {_PATIENCE:g} s", self.by_hand(alias)) from None
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode == 0:
            found = _as_printed(done.stdout.decode("utf-8", "surrogateescape"))
            return SshSettings(_moved(found, *moved) if moved else found, complete=True)
        if any(sign in said for sign in _NAMELESS):
            return None
        lines = [line.strip() for line in said.splitlines() if line.strip() and "seudo-terminal" not in line]
        raise ConfigProblem("; ".join(lines) or f"ssh ends with exit code {done.returncode}", self.by_hand(alias))

    def by_hand(self, alias: str) -> str:
        return shlex.join(["ssh", "-G", *(["-F", self.path] if self.path else []), alias])

    def _read(self, alias: str) -> SshSettings:
        try:
            with self._lock, named(_NOBODY):
                for file in self._files:
                    _refuse_unknown(file, alias)
                if self._parsed is None:
                    self._parsed = load_config(self.path).base_ssh_config
                found = self._parsed.lookup(alias)
        except (paramiko.SSHException, ValueError) as error:
            raise ConfigProblem(str(error), "install OpenSSH's client here, which reads it") from error
        if "proxycommand" in found and "proxyjump" in found:
            raise ConfigProblem(
                f"it has a ProxyCommand and a ProxyJump for `{alias}`, and which comes first decides",
                "install OpenSSH's client here, which knows, or remove one of them",
            )
        said = {k: v if isinstance(v, list) else [str(v)] for k, v in found.items()}
        return SshSettings({k: tuple(v if k in _COMMANDS else map(_uncommented, v)) for k, v in said.items()})


def _file_of(text: bytes) -> IO[bytes]:
    """A file that has no name and holds `text`. ssh closes all that it is given but its standard input, and reads it
    a second time where there is a `Match final` or a canonical name: a pipe would be empty by then."""
    made = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asks closes it
    made.write(text)
    made.seek(0)
    return made


def _uncommented(value: str) -> str:
    """Without a comment behind it, which paramiko takes for a part of the value. In quotes it is one."""
    return value if '"' in value else re.sub(r"\s+#.*", "", value)


def load_config(path: str | None) -> Any:
    """`path` instead of the user's and the system's ssh_config, if given. Raises OSError, SSHException."""
    import fabric  # with a hundred modules, where there is no OpenSSH to ask

    options = {} if path is None else {"runtime_ssh_path": str(expanded(path))}
    if (own := home()) is None or not os.access(own, os.X_OK):
        # fabric ends at a `.fabric.yaml` that it may not look for, as in /root with another user's rights.
        options["user_prefix"] = "/nonexistent/"
    return fabric.Config(**options)


def _own_file() -> list[Path]:
    return [own / ".ssh" / "config"] if (own := home()) is not None else []


def _passwd_home() -> Path | None:
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return None


def _refuse_odd(file: Path) -> None:
    """It is read several times, by OpenSSH's client, too. Raises NotAFile."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        seen = file.stat()
        if (kind := kind_of(seen.st_mode)) and not stat.S_ISDIR(seen.st_mode) and not file.samefile(os.devnull):
            raise NotAFile(kind, file)


def _lines(file: Path) -> Iterator[tuple[int, str, str]]:
    """(number, keyword in lower case, the rest) of each line that says something. Any bytes will do."""
    try:
        text = "" if file.is_char_device() else read_kept(file).decode("latin-1")
    except (FileNotFoundError, NotADirectoryError):
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"\s*([^\s=#]+)(?:\s*=\s*|\s+)?(.*)", line)
        if match:
            yield number, match[1].lower(), match[2].strip()


def _included(rest: str, file: Path) -> list[str]:
    """The files that an Include names, as far as they are there."""
    base = SYSTEM.parent if file == SYSTEM else (home() or Path("/nonexistent")) / ".ssh"
    patterns = [str(base / expanded(pattern)).lstrip("/") for pattern in rest.replace('"', " ").split()]
    return [str(found) for pattern in patterns for found in Path("/").glob(pattern)]


def _harmless(file: Path) -> bool:
    """Whether it says nothing that matters here, so that nobody needs to be asked."""
    try:
        for _, keyword, rest in _lines(file):
            if keyword == "include" and not _included(rest, file):
                continue
            if keyword != "host" and keyword not in _HARMLESS and not keyword.startswith("gssapi"):
                return False
    except OSError:
        return False
    return True


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:
        return rest.split()


def _means_others(file: Path, alias: str) -> bool:
    """Whether all that matters in it stands behind a `Host` of other names, as systemd's file for its machines does."""
    for_alias = True
    for _, keyword, rest in _lines(file):
        if keyword == "host":
            patterns = [word.lower().replace("[", "[[]") for word in _words(rest)]
            met = [word for word in patterns if fnmatchcase(alias.lower(), word.lstrip("!"))]
            for_alias = bool(met) and not any(word.startswith("!") for word in met)
        elif keyword in ("include", "match") or (for_alias and keyword not in _HARMLESS):
            return False
    return True


def _refuse_unknown(file: Path, alias: str) -> None:
    """paramiko passes over what it does not know, and may take the settings of another host for this one's."""
    for number, keyword, rest in _lines(file):
        words = [word.lower().lstrip("!") for word in _words(rest)]
        unknown = ""
        if keyword == "include":
            unknown = "" if all(_means_others(Path(one), alias) for one in _included(rest, file)) else "Include"
        elif keyword == "match":
            # Each condition but three has a value behind it.
            names = []
            while words:
                names.append(words.pop(0))
                if names[-1] not in ("all", "canonical", "final") and words:
                    words.pop(0)
            unknown = next((f"Match {name}" for name in names if name not in _MATCHES), "")
        elif keyword == "canonicalizehostname" and words[:1] not in (["no"], ["none"]):
            unknown = "CanonicalizeHostname"
        if unknown:
            raise ConfigProblem(
                f"line {number} of `{file}`: `{unknown}` is read by OpenSSH's client alone, which cannot be asked here",
                "install openssh-client, or name a file without it in `ssh.config`",
            )


def _as_user_file(file: Path) -> str:
    """Its lines, with the files that it includes by name where $HOME has them."""
    if file == SYSTEM:
        return f"Match all\nInclude {SYSTEM}\n" if SYSTEM.exists() else ""
    lines = []
    try:
        text = "" if file.is_char_device() else read_kept(file).decode("latin-1")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    for line in text.splitlines():
        match = re.match(r"\s*include\s*[=\s]\s*(.*)", line, re.IGNORECASE)
        if match:
            names = " ".join(f'"{name}"' for name in sorted(_included(match[1], file)))
            lines.append(f"Include {names}\n" if names else "")
            continue
        lines.append(line + "\n")
    return "".join(lines)


def _moved(found: dict[str, tuple[str, ...]], before: Path, after: Path) -> dict[str, tuple[str, ...]]:
    """`ssh -G` has filled in the home folder that passwd names."""
    keywords = ("userknownhostsfile", "identityagent")
    moved = {k: tuple(v.replace(f"{before}/.", f"{after}/.") for v in found[k]) for k in keywords if k in found}
    return {**found, **moved}


def _as_printed(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        found[keyword] = (*found.get(keyword, ()), value)
    return found


def paths(text: str) -> list[str]:
    """Several paths on one line. `ssh -G` prints them without quotes, though a path may have spaces in it: all are
    absolute there, so that what begins otherwise goes on with the one before it."""
    found: list[str] = []
    for word in text.split(" "):
        if found and not word.startswith(("/", "~", "none")) and not Path(word).exists():
            found[-1] += f" {word}"
        elif word:
            found.append(word)
    return found
