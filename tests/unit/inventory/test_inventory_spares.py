"""`spares`: how many of the hosts are prepared and not started."""

import pytest

HOSTS = "cluster: demo\nhosts: {a: {address: 10.0.0.1, role: head}, b: 10.0.0.2}\n"


@pytest.mark.parametrize(("text", "spares"), [("", 0), ("spares: 1\n", 1)])
def test_so_many_are_spares(read, text, spares):
    assert read(HOSTS + text).spares == spares


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2", "2 spares leave none of 2 hosts to serve"),
        ("-1", "should be a whole number of at least 0"),
        ("one", "should be a whole number of at least 0"),
    ],
)
def test_one_at_least_serves(problem, text, said):
    place, path, message, _ = problem(f"{HOSTS}spares: {text}\n")
    assert (place, path) == ("3:9", "spares")
    assert said in message
