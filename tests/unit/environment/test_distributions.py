"""What to type to have a distribution's own Python: only what it has."""

import platform
import shutil
import subprocess

import pytest

from provision.environment.distributions import _HAS, how_to_install


@pytest.mark.parametrize(
    ("os_id", "os_version", "version", "typed"),
    [
        ("debian", "12", "3.11", "sudo apt-get install python3.11 python3.11-dev"),
        ("ubuntu", "24.04", "3.12", "sudo apt-get install python3.12 python3.12-dev"),
        ("rocky", "9.4", "3.12", "sudo dnf install python3.12 python3.12-devel"),
        ("rhel", "8.10", "3.9", "sudo dnf install python39 python39-devel"),
        ("debian", "12", "3.12", ""),
        ("ubuntu", "24.04", "3.12.3", ""),
        ("arch", "", "3.12", ""),
        ("", "", "3.12", ""),
    ],
)
def test_only_what_a_distribution_has_is_said(os_id: str, os_version: str, version: str, typed: str) -> None:
    assert how_to_install(os_id, os_version, version) == typed


def test_this_machines_distribution_has_what_is_said_of_it() -> None:
    try:
        here = platform.freedesktop_os_release()
    except OSError:
        pytest.skip("this machine does not say which system it is")
    versions = _HAS.get(f"{here['ID']} {here.get('VERSION_ID', '')}", ())
    if here["ID"] not in ("debian", "ubuntu") or not versions or not shutil.which("apt-cache"):
        pytest.skip("needs a Debian or Ubuntu of the table")
    typed = (how_to_install(here["ID"], here["VERSION_ID"], version).split()[3:] for version in versions)
    packages = [name for names in typed for name in names]
    shown = subprocess.run(["apt-cache", "policy", *packages], capture_output=True, text=True, check=True)
    if not shown.stdout:
        pytest.skip("the lists of packages were not fetched here (`apt-get update`)")
    assert shown.stdout.count("Candidate: 3") == len(packages), shown.stdout
