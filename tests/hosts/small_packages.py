"""Settings for two small packages, from an index of files: environments without a network."""

import subprocess
from pathlib import Path

import pytest
from package_index import Index

from provision.inventory.models import Python


def publish(folder: Path) -> Index:
    index = Index(folder)
    for name, version in (("tiny", "1.0"), ("tiny", "2.0"), ("small", "1.5"), ("foreign", "3.0")):
        index.add(name, version)
    return index


def two_packages(index: Index) -> Python:
    """For the Python that an SSH session without a login finds."""
    show = "import sys; print('%d.%d' % sys.version_info[:2])"
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    found = subprocess.run(["/usr/bin/env", "python3", "-c", show], env=path, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("no Python on the system's search path")
    version = found.stdout.strip()
    packages = ("tiny==2.0", "small")
    return Python(version=version, packages=packages, index=index.url, wheels="controller", compile=False)
