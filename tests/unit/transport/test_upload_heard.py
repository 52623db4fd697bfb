"""A host that prints without end instead of taking a file is given up, with what it printed last."""

import threading
from pathlib import Path
from typing import Any

import pytest

from provision.core.errors import ScriptFailed
from provision.core.script import Upload
from provision.transport import upload
from provision.transport.upload import Transfer


class Pipe:
    """Of a host that takes whatever it is sent."""

    over = False

    def __init__(self) -> None:
        self.channel = self

    def send(self, *_: object) -> None:
        pass

    def shutdown_write(self) -> None:
        pass

    def read(self, _: float) -> tuple[bytes, bytes]:
        return b"", b"welcome to gpu-01\n" * 5000


@pytest.mark.parametrize("size", [0, upload.PART], ids=["small, at the end", "large, before it begins"])
def test_it_is_bounded(tmp_path: Path, size: int) -> None:
    source = tmp_path / "file"
    with source.open("wb") as file:
        file.truncate(size)
    transfer = Transfer("gpu-01", [Upload(source, "/x")], lambda *_: None, threading.Event())
    pipe: Any = Pipe()
    with pytest.raises(ScriptFailed, match="it printed more than 64 MiB instead of taking files") as caught:
        transfer.send(pipe, 0)
    assert caught.value.evidence[-1] == "welcome to gpu-01"
