"""`transfer`."""

import pytest

HEAD = "cluster: demo\nhosts:\n  gpu-01: {address: 192.0.2.1, role: head}\n"


@pytest.mark.parametrize(("written", "rate"), [("5 Gbit", 625e6), ("10 Mbit", 1.25e6), ("999999 Mbit", 124999.875e6)])
def test_a_limit_is_bits_in_a_second(read, written, rate):
    assert read(f"{HEAD}transfer: {{limit: {written}}}\n").transfer.rate == rate


def test_without_one_there_is_none(read):
    assert read(HEAD).transfer.rate == 0


@pytest.mark.parametrize("written", ["fast", "5", "9 Mbit", "0 Gbit", "5 GB", "5 Gbit/s", "-1 Gbit"])
def test_what_is_no_limit(problem, written):
    place, key, message = problem(f"{HEAD}transfer: {{limit: {written}}}\n")[:3]
    assert (place, key) == ("4:19", "transfer.limit")
    assert "a rate of `10 Mbit` to `999 Gbit`" in message
