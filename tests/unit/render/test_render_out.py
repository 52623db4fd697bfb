import os
from pathlib import Path

import pytest

from provision.render.out import Out


def test_a_reader_that_went_away_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        out = Out(stream)
        out.line("first")
        out.line("second")
        assert out.gone


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_not_kept_quiet() -> None:
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("w") as stream:
        Out(stream).line("x")
