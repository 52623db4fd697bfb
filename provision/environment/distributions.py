"""Which Pythons a host's distribution has, and what to type to install one, with the headers that Triton needs."""

from __future__ import annotations

from provision.environment.python_version import minor

#: Those that have the packages of Red Hat's, by the ID of os-release.
_REDHAT = ("rhel", "rocky", "almalinux", "centos", "ol")

#: Distribution and release (os-release's ID, and the first part of its VERSION_ID; all of it for Ubuntu) → versions of
#: Python in its own repositories. https://packages.debian.org, https://packages.ubuntu.com, and the package lists
#: of each; of these, only Debian 12 was asked by a test.
_HAS = {
    "debian 11": ("3.9",),
    "debian 12": ("3.11",),
    "debian 13": ("3.13",),
    "ubuntu 20.04": ("3.8", "3.9"),
    "ubuntu 22.04": ("3.10", "3.11"),
    "ubuntu 24.04": ("3.12",),
    "redhat 8": ("3.9", "3.11", "3.12"),
    "redhat 9": ("3.9", "3.11", "3.12"),
    "redhat 10": ("3.12",),
    "amzn 2023": ("3.9", "3.11", "3.12"),
}
#: The names that are not `python3.12`.
_NAMED = {("redhat 8", "3.9"): "python39", ("redhat 9", "3.9"): "python3", ("redhat 10", "3.12"): "python3"}
_NAMED |= {("amzn 2023", "3.9"): "python3"}


def how_to_install(os_id: str, os_version: str, version: str) -> str:
    """The command that installs Python `version` (`3.12`) from the distribution; empty where it has none, or is not
    known, and for a patch version, of which nobody says what the distribution has by now."""
    if version != minor(version):
        return ""
    family = "redhat" if os_id in _REDHAT else os_id
    release = f"{family} {os_version if family == 'ubuntu' else os_version.partition('.')[0]}"
    if version not in _HAS.get(release, ()):
        return ""
    name = _NAMED.get((release, version), f"python{version}")
    if family in ("debian", "ubuntu"):
        return f"sudo apt-get install {name} {name}-dev"
    return f"sudo dnf install {name} {name}-devel"
