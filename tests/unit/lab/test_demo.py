from pathlib import Path

import pytest

from provision.core.errors import Busy
from provision.core.exits import Exit
from provision.lab.demo import alone
from provision.lab.lab import Lab


def test_a_second_demo_on_the_same_lab_is_told_that_it_is_busy(tmp_path: Path) -> None:
    lab, other = Lab(name="demo", root=tmp_path), Lab(name="other", root=tmp_path)
    with alone(lab, rootless=True), alone(other, rootless=True):
        with (
            pytest.raises(Busy, match="another demo is at work on the lab `demo`") as caught,
            alone(lab, rootless=True),
        ):
            raise AssertionError("both are at work")
        assert caught.value.exit_code is Exit.BUSY
    with alone(lab, rootless=True):
        pass
