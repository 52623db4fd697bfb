from collections.abc import Callable

import pytest
from click.testing import Result


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e12", "0", "-1"])
@pytest.mark.parametrize(
    "command", [["status", "--watch", "--interval"], ["exec", "--timeout"], ["smoke", "--timeout"]]
)
def test_a_time_that_cannot_be_waited_for_is_wrong_usage(
    call: Callable[..., Result], command: list[str], seconds: str
) -> None:
    result = call(*command, seconds)
    assert result.exit_code == 2
    assert f"invalid value for `{command[-1]}`" in result.stderr
