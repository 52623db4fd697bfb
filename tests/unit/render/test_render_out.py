import os

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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_not_kept_quiet() -> None:
    stream = open("/dev/full", "w")
    with pytest.raises(OSError, match="No space left"):
        Out(stream).line("x")
    with pytest.raises(OSError, match="No space left"):
        stream.close()
