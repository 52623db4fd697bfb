"""What a build that failed printed, and what to do about it."""

import pytest

from provision.resources.venv_failed import explained


@pytest.mark.parametrize(
    ("printed", "hint"),
    [
        ("Python 3.12 is not on this host (found: 3.9.2 3.11.2)", 'set `python.version: "3.11"`, which it has'),
        ("Python 3.12 is not on this host (found: none)", "set python.version to one that every host has"),
        ("programs cannot be run in /mnt: its file system is mounted noexec", "mount it with `exec`"),
        ("`vllm` cannot be imported: ImportError: libcudart.so.13: no such file", "install what it wants on the host"),
    ],
)
def test_the_way_out_names_what_is_there(printed: str, hint: str) -> None:
    said, way_out = explained(printed)
    assert said == (printed,)
    assert hint in way_out
