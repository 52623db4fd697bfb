"""A RECORD's rows are whatever a wheel's builder wrote: none ends the look at the rest."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from provision.payload.records.seal import Seal
from provision.payload.records.site import Site, sites

INFO = "tiny-1.0.dist-info"


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def looked_at(env: Path, more: bytes, *, start: bytes = b"", content: bytes = b"x") -> Site:
    site = env / "lib/python3.11/site-packages"
    (site / INFO).mkdir(parents=True)
    env.chmod(0o755)
    (site / "tiny.py").write_bytes(content)
    rows = f"tiny.py,sha256={digest(b'x')},1\n" + "".join(f"{INFO}/{n},,\n" for n in ("METADATA", "WHEEL", "RECORD"))
    (site / INFO / "RECORD").write_bytes(start + rows.encode() + more)
    (found,) = sites(str(env), Seal(str(env), ""))
    found.check()
    return found


@pytest.mark.parametrize(
    "row",
    [b"tiny.py,shake_128=abcd,1", "tiny.py,sha256={},\u00b2".encode(), b"tiny.py,sha256={}," + b"9" * 5000],
    ids=["a hash without a length", "a digit that is no number", "a number too long"],
)
def test_a_row_that_says_nothing_is_none(tmp_path: Path, row: bytes) -> None:
    row = row.replace(b"{}", digest(b"x").encode())
    assert not looked_at(tmp_path / "whole", row + b"\r\n").faults
    assert looked_at(tmp_path / "edited", row, content=b"y").faults == {INFO: {"edited": ["tiny.py"]}}


@pytest.mark.parametrize(
    "row",
    [
        b"a\0b.py,sha256=abcd,1",
        b"/etc/passwd,,",
        b"../../../../passwd,,",
        b"../site-packages,,",
        b"tiny.py",
        b"a,b,c,d",
    ],
    ids=["NUL", "absolute", "outside", "the folder itself", "one field", "four fields"],
)
def test_a_row_that_is_none_makes_the_list_unreadable(tmp_path: Path, row: bytes) -> None:
    found = looked_at(tmp_path, row)
    assert found.unread
    assert found.faults == {INFO: {"unreadable": [f"{INFO}/RECORD"]}}
    assert all(path.startswith(f"{tmp_path}/") for path in found.owned)


@pytest.mark.parametrize("row", [b"", b"caf\xe9.py,,", b"tiny.py,,\r\n\r\n"], ids=["no newline", "no UTF-8", "twice"])
def test_what_is_only_odd_is_read(tmp_path: Path, row: bytes) -> None:
    assert not looked_at(tmp_path, row).faults
