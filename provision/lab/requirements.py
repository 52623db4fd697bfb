"""The programs the lab needs from this machine, and the packages that bring them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence

from provision.lab.command import LabError, run

# Program → package, per package manager. A package manager found first in this order is the machine's.
PACKAGES: dict[str, dict[str, str]] = {
    "apt-get": {
        "cc": "gcc libc6-dev",
        "debootstrap": "debootstrap",
        "ip": "iproute2",
        "nsenter": "util-linux",
        "setpriv": "util-linux",
        "ssh": "openssh-client",
        "ssh-keygen": "openssh-client",
        "sshd": "openssh-server",
        "unshare": "util-linux",
    },
    "dnf": {
        "cc": "gcc",
        "debootstrap": "debootstrap",
        "ip": "iproute",
        "nsenter": "util-linux",
        "setpriv": "util-linux",
        "ssh": "openssh-clients",
        "ssh-keygen": "openssh",
        "sshd": "openssh-server",
        "unshare": "util-linux",
    },
}
PACKAGES["yum"] = PACKAGES["dnf"]
PACKAGES["zypper"] = {**PACKAGES["dnf"], "ip": "iproute2"}
PACKAGES["pacman"] = {**PACKAGES["dnf"], "ip": "iproute2", **dict.fromkeys(("ssh", "ssh-keygen", "sshd"), "openssh")}
INSTALL = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "yum": "yum install",
    "zypper": "zypper install",
    "pacman": "pacman -S",
}

NAMESPACES = ("ip", "nsenter", "setpriv", "unshare", "debootstrap", "cc", "ssh-keygen")
LOOPBACK = ("sshd", "cc", "ssh-keygen")


def find(program: str) -> str | None:
    """Where `program` is; system programs count even if PATH has no sbin, as an ordinary user's often has not."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(program, path=f"{path}:/usr/local/sbin:/usr/sbin:/sbin")


def ensure(programs: Sequence[str], say: Callable[[str], None]) -> None:
    """Installs what is missing through the distribution's package manager, as root, after saying so.

    Raises LabError, naming the command to type, where that is not possible.
    """
    missing = [program for program in programs if find(program) is None]
    if not missing:
        return
    tool = next((tool for tool in PACKAGES if find(tool)), None)
    what = f"this machine lacks {', '.join(f'`{program}`' for program in missing)}"
    if tool is None:
        raise LabError(what, hint="install them, then try again")
    packages = sorted({name for program in missing for name in PACKAGES[tool][program].split()})
    typed = f"{INSTALL[tool]} {' '.join(packages)}"
    if os.geteuid() != 0:
        raise LabError(what, hint=f"sudo {typed}")
    if tool != "apt-get":
        raise LabError(what, hint=typed)
    say(f"{what}: installing {', '.join(packages)} with apt-get")
    install(packages)
    still = [program for program in missing if find(program) is None]
    if still:
        raise LabError(f"`{typed}` brought no {', '.join(f'`{program}`' for program in still)}")


def install(packages: Sequence[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if run(command, timeout=600, env=environment, check=False).returncode != 0:
        # The package lists may be missing or too old to name files that still exist.
        run(["apt-get", "update"], timeout=300, env=environment)
        run(command, timeout=600, env=environment)
