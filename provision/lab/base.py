"""The root file system that all namespace hosts share, read-only: a small Debian 12 (or a recent Ubuntu) with systemd.

The hosts have nothing to do with this machine's release: Debian 12 has a Python that everything has wheels for. Made
once by debootstrap (about a minute and 350 MB), from the mirror that this machine's own package sources name where
that is one of Debian's, and kept under a name that is the digest of all that went into it.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provision.lab.command import LabError, environment, run
from provision.lab.state import locked

Say = Callable[[str], None]

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo"),
    *("python3", "python3-venv", "ca-certificates", "curl", "iproute2", "iputils-ping", "procps"),
    *("rsync", "tar", "zstd", "nftables"),
    # vLLM's CPU build: without libnuma1 the visible error is a misleading ActorHandleNotFoundError.
    *("libnuma1", "libgomp1"),
)
# Units that mean nothing in a namespace, wait for hardware, or would wake up in the middle of a test.
MASKED = (
    *("getty@.service", "console-getty.service", "systemd-networkd.service", "systemd-firstboot.service"),
    *("systemd-pstore.service", "systemd-random-seed.service", "systemd-update-utmp.service", "ssh.socket"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "fstrim.timer", "motd-news.timer", "remote-fs.target", "systemd-resolved.service"),
    *("systemd-timesyncd.service", "systemd-udevd.service", "systemd-tmpfiles-clean.timer"),
)
DEBOOTSTRAP_TIMEOUT = 1800  # seconds
#: What debootstrap fetches from, unlike the `mirror+file:` of Debian's images for clouds.
FETCHABLE = ("http:", "https:", "ftp:", "file:")
#: Debian 12, with Python 3.11. Ubuntu's own mirrors do for Ubuntu from 24.04 on, with Python 3.12.
DEBIAN = "bookworm"
UBUNTU_SINCE = (24, 4)
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
USER = "ops"
USER_ID = 1000


@dataclass(frozen=True)
class Source:
    """Where packages come from. An empty `mirror` leaves the choice to debootstrap."""

    suite: str
    mirror: str = ""
    components: tuple[str, ...] = ("main",)
    keyring: str = ""


def source() -> Source:
    """What the hosts are made from, by what this machine is and by its own package sources."""
    text = Path("/etc/os-release").read_text("utf-8", "replace")
    return choose(dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE)), own_sources())


def choose(release: Mapping[str, str], own: Sequence[Source]) -> Source:
    """Debian 12 from this machine's mirror if it is a Debian, of whatever release; a recent Ubuntu's own release;
    otherwise Debian 12 from debootstrap's default mirror. `release`: the fields of /etc/os-release."""
    suite = release.get("VERSION_CODENAME", "")
    usable = [found for found in own if found.mirror.startswith(FETCHABLE)]
    mine = next((found for found in usable if found.suite == suite and "main" in found.components), None)
    if release.get("ID") == "debian":
        return replace(mine, suite=DEBIAN) if mine else Source(DEBIAN)
    version = tuple(int(part) for part in re.findall(r"\d+", release.get("VERSION_ID", ""))[:2])
    if release.get("ID") == "ubuntu" and suite and version >= UBUNTU_SINCE:
        return mine or Source(suite)
    return Source(DEBIAN, keyring=DEBIAN_KEYRING)


def own_sources() -> list[Source]:
    """Every suite that this machine's package manager takes packages from."""
    folder = Path("/etc/apt/sources.list.d")
    files = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.sources")), *sorted(folder.glob("*.list"))]
    texts = [(path.suffix, path.read_text("utf-8", "replace")) for path in files if path.is_file()]
    return [found for suffix, text in texts for found in (deb822(text) if suffix == ".sources" else one_line(text))]


def python_version(base: Path) -> str:
    """The Python that hosts on this base have, such as `3.11`. Raises LabError."""
    try:
        link = (base / "usr/bin/python3").readlink()
    except OSError as error:
        raise LabError(f"the base system `{base}` has no Python: {error}", hint="provision lab down --purge") from None
    return link.name.removeprefix("python")


def deb822(text: str) -> Iterator[Source]:
    """Every suite of every enabled binary stanza of a `.sources` file."""
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)):
        fields = {
            key.lower(): " ".join(value.split()) for key, value in re.findall(r"^(\S+):((?:.|\n\s)*)", stanza, re.M)
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        signed = fields.get("signed-by", "")
        for suite in fields.get("suites", "").split():
            for uri in fields.get("uris", "").split()[:1]:
                yield Source(
                    suite, uri, tuple(fields.get("components", "").split()), signed if signed[:1] == "/" else ""
                )


def one_line(text: str) -> Iterator[Source]:
    """Every binary line of a `sources.list`."""
    for options, uri, suite, components in re.findall(
        r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)[ \t]*([^\n#]*)", text, re.MULTILINE
    ):
        signed = re.search(r"signed-by=(/\S+)", options)
        yield Source(suite, uri, tuple(components.split()), signed[1] if signed else "")


def digest(wanted: Source, more: Sequence[str] = ()) -> str:
    parts = ("1", platform.machine(), wanted.suite, *PACKAGES, *MASKED, *more)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def ensure(root: Path, say: Say, more: Sequence[str] = ()) -> Path:
    """The folder that holds the base, with `more` packages than all hosts need, made if it is missing. Raises LabError
    if debootstrap fails."""
    wanted = source()
    target = root / f"base-{digest(wanted, more)}"
    if target.is_dir():
        return target
    lock = root / "base.lock"
    with locked(lock):
        if target.is_dir():
            return target
        fresh = target.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        beside = f" with {', '.join(more)}" if more else ""
        say(f"making the base system ({wanted.suite}{beside}, about a minute, once)")
        try:
            bootstrap(wanted, fresh, say, more)
            finish(fresh)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        fresh.rename(target)
        lock.unlink()
    return target


def bootstrap(wanted: Source, target: Path, say: Say, more: Sequence[str] = ()) -> None:
    command = ["debootstrap", "--variant=minbase", f"--components={','.join(wanted.components)}"]
    command.append(f"--include={','.join((*PACKAGES, *more))}")
    if wanted.keyring and Path(wanted.keyring).is_file():
        command.append(f"--keyring={wanted.keyring}")
    command += [wanted.suite, str(target), *([wanted.mirror] if wanted.mirror else [])]
    # In namespaces of its own, and tied to this process: whatever ends it leaves neither mount nor process.
    cage = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    cage += ["timeout", "--kill-after=5", str(DEBOOTSTRAP_TIMEOUT)]
    lines: list[str] = []
    told = time.monotonic()
    with subprocess.Popen(
        [*cage, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if time.monotonic() > told + 1:
                    told = time.monotonic()
                    say(f"base system: {lines[-1].removeprefix('I: ').lower()} ({len(lines)} steps)")
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        origin = f"`{wanted.mirror}`" if wanted.mirror else "its default mirror"
        raise LabError(
            f"debootstrap of {wanted.suite} from {origin} ended with exit code {process.returncode}",
            evidence=lines[-20:],
            hint="check that this machine reaches its package mirror: `apt-get update`",
        )


def finish(target: Path) -> None:
    """What every host has in common: the user, no host keys, quiet units, room taken by archives given back."""
    units = target / "etc/systemd/system"
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    default = units / "default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/lib/systemd/system/multi-user.target")
    for key in (target / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for archive in (target / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    shutil.rmtree(target / "var/lib/apt/lists", ignore_errors=True)
    (target / "etc/resolv.conf").write_text("")
    run(["chroot", str(target), "useradd", "--create-home", "--uid", str(USER_ID), "--shell", "/bin/bash", USER])
    run(["chroot", str(target), "systemctl", "enable", "ssh.service"])
