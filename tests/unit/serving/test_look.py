"""What is said of a look from outside."""

import pytest

from provision.render.look import look_lines
from provision.serving.look import Look, Tried

API = Tried("a", "10.0.0.1", 8000, "open", True)
RAY = Tried("a", "10.0.0.1", 6379, "open", False)


def test_what_is_open_besides_the_api_is_what_should_not_be() -> None:
    assert Look("", (API, RAY)).reached == (RAY,)
    assert look_lines(Look("", (API, RAY)))[-1] == (
        "this machine reaches 1 socket of the cluster besides the API: `provision firewall --apply` closes them"
    )


@pytest.mark.parametrize(("answer", "word"), [("silent", "dropped: no answer"), ("refused", "closed")])
def test_what_is_closed_is_said_with_what_came_back(answer: str, word: str) -> None:
    lines = look_lines(Look("ops@far", (API, Tried("a", "10.0.0.1", 6379, answer, False))))
    assert lines[0].split() == ["host", "address", "port", "from", "ops@far"]
    assert lines[2].endswith(word)
    assert lines[-1] == "ops@far reaches none of the cluster's sockets but the API's: 1 of 2 are closed to it"


def test_where_nothing_listens_there_is_nothing_to_try() -> None:
    assert "has nothing to try" in look_lines(Look("", ()))[0]
