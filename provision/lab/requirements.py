"""The programs and libraries that labs, the demo, the benchmarks and the tests need from this machine, and the packages
that bring them."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from provision.lab.command import LabError, environment, run

#: The package managers that PACKAGES knows, in its order; the first one found is the machine's.
MANAGERS = ("apt-get", "dnf", "zypper", "pacman")
#: Program or library → the package that brings it, per package manager. The names of libraries hold `.so`.
PACKAGES: dict[str, tuple[str, str, str, str]] = {
    "bash": ("bash", "bash", "bash", "bash"),
    "busybox": ("busybox", "busybox", "busybox", "busybox"),
    "cc": ("gcc libc6-dev", "gcc", "gcc", "gcc"),
    "chage": ("passwd", "shadow-utils", "shadow", "shadow"),
    "chromedriver": ("chromium-driver", "chromedriver", "chromedriver", "chromium"),
    "chromium": ("chromium", "chromium", "chromium", "chromium"),
    "curl": ("curl", "curl", "curl", "curl"),
    "debootstrap": ("debootstrap", "debootstrap", "debootstrap", "debootstrap"),
    "fish": ("fish", "fish", "fish", "fish"),
    "git": ("git", "git", "git", "git"),
    "ip": ("iproute2", "iproute", "iproute2", "iproute2"),
    "iptables": ("iptables", "iptables-nft", "iptables", "iptables"),
    "libgomp.so.1": ("libgomp1", "libgomp", "libgomp1", "gcc-libs"),
    "libnuma.so.1": ("libnuma1", "numactl-libs", "libnuma1", "numactl"),
    "man": ("man-db", "man-db", "man", "man-db"),
    "mkfs.ext4": ("e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs"),
    "mkfs.xfs": ("xfsprogs", "xfsprogs", "xfsprogs", "xfsprogs"),
    "nft": ("nftables", "nftables", "nftables", "nftables"),
    "nsenter": ("util-linux", "util-linux", "util-linux", "util-linux"),
    "openssl": ("openssl", "openssl", "openssl", "openssl"),
    "prometheus": ("prometheus", "golang-github-prometheus", "golang-github-prometheus-prometheus", "prometheus"),
    "ps": ("procps", "procps-ng", "procps", "procps-ng"),
    "scp": ("openssh-client", "openssh-clients", "openssh-clients", "openssh"),
    "setpriv": ("util-linux", "util-linux", "util-linux", "util-linux"),
    "ssh": ("openssh-client", "openssh-clients", "openssh-clients", "openssh"),
    "ssh-agent": ("openssh-client", "openssh-clients", "openssh-clients", "openssh"),
    "ssh-keygen": ("openssh-client", "openssh", "openssh-clients", "openssh"),
    "sshd": ("openssh-server", "openssh-server", "openssh-server", "openssh"),
    "sudo": ("sudo", "sudo", "sudo", "sudo"),
    "tc": ("iproute2", "iproute-tc", "iproute2", "iproute2"),
    "tcsh": ("tcsh", "tcsh", "tcsh", "tcsh"),
    "tmux": ("tmux", "tmux", "tmux", "tmux"),
    "ufw": ("ufw", "ufw", "ufw", "ufw"),
    "unshare": ("util-linux", "util-linux", "util-linux", "util-linux"),
    "zsh": ("zsh", "zsh", "zsh", "zsh"),
}
INSTALL = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "zypper": "zypper install",
    "pacman": "pacman -S",
}

#: For hosts made of namespaces, and for hosts on loopback addresses.
NAMESPACES = ("ip", "nsenter", "setpriv", "unshare", "debootstrap", "cc", "ssh-keygen")
LOOPBACK = ("sshd", "cc", "ssh-keygen")
#: What vLLM's CPU build loads from the system. Namespace hosts have them in their base.
VLLM_LIBRARIES = ("libnuma.so.1", "libgomp.so.1")


def find(program: str) -> str | None:
    """Where `program` is; system programs count even if PATH has no sbin, as an ordinary user's often has not. For a
    library, its name, if the dynamic linker finds it."""
    if ".so" in program:
        return program if _loads(program) else None
    return shutil.which(program, path=environment()["PATH"])


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing(programs: Sequence[str]) -> list[str]:
    """Those of `programs` that this machine lacks, in their order."""
    return [program for program in dict.fromkeys(programs) if find(program) is None]


def ensure(programs: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Installs what is missing through the distribution's package manager, as root, after saying so; the packages that
    it installed. Raises LabError, naming the command to type, where that is not possible."""
    what, typed, packages = installable(programs)
    if not packages:
        return []
    say(f"{what}: installing {', '.join(packages)} with apt-get")
    install(packages)
    still = missing(programs)
    if still:
        raise LabError(f"`{typed}` brought no {', '.join(f'`{program}`' for program in still)}")
    return packages


def installable(programs: Sequence[str]) -> tuple[str, str, list[str]]:
    """What is missing, as it is said; the command that installs it; and its packages, none if nothing is missing.
    Raises LabError, naming that command, where it is not for us to run."""
    lacking = missing(programs)
    if not lacking:
        return "", "", []
    tool = manager()
    what = f"this machine lacks {', '.join(f'`{program}`' for program in lacking)}"
    if tool is None:
        raise LabError(what, hint="install them, then try again")
    packages = packages_of(lacking, tool)
    typed = f"{INSTALL[tool]} {' '.join(packages)}"
    if os.geteuid() != 0:
        raise LabError(what, hint=f"sudo {typed}")
    if tool != "apt-get":
        raise LabError(what, hint=typed)
    return what, typed, packages


def manager() -> str | None:
    """This machine's package manager, if it is one that PACKAGES knows."""
    return next((tool for tool in MANAGERS if find(tool)), None)


def packages_of(programs: Sequence[str], tool: str) -> list[str]:
    """The packages of `tool`, one of MANAGERS, that bring these programs."""
    column = MANAGERS.index(tool)
    return sorted({name for program in programs for name in PACKAGES[program][column].split()})


#: What scripts of packages call to start their services, and to have them start at boot.
_SERVICES = ("deb-systemd-invoke", "invoke-rc.d", "deb-systemd-helper")


def install(packages: Sequence[str]) -> None:
    """Installs Debian packages, as root, without starting their services now or at boot: the programs are wanted, and
    an SSH server that a demo leaves behind would be a door. Raises LabError."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with TemporaryDirectory(prefix="provision-install-") as folder:
        for name in _SERVICES:
            program = Path(folder, name)
            program.write_bytes(files("provision.lab").joinpath("installing.sh").read_bytes())
            program.chmod(0o755)
        # Somebody else may be installing: apt then waits for its lock instead of giving up.
        options = ["-o", "DPkg::Lock::Timeout=600", "-o", f"DPkg::Path={folder}:/usr/sbin:/usr/bin:/sbin:/bin"]
        command = ["apt-get", *options, "install", "--yes", "--no-install-recommends", *packages]
        if run(command, timeout=1800, env=quiet, check=False).returncode != 0:
            # The package lists may be missing or too old to name files that still exist.
            run(["apt-get", *options, "update"], timeout=600, env=quiet)
            run(command, timeout=1800, env=quiet)
