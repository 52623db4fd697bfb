"""`firewall`: a word, or a mapping."""

import pytest

SMALL = "cluster: demo\nhosts: {a: 10.0.0.1}\n"


@pytest.mark.parametrize(
    ("text", "enabled"),
    [
        ("", None),
        ("firewall: true\n", True),
        ("firewall: false\n", False),
        ("firewall: {api_from: [10.0.0.0/8]}\n", True),
        ("firewall: {enabled: false, ephemeral: false}\n", False),
    ],
)
def test_whether_it_is_asked_for(read, text, enabled):
    assert read(SMALL + text).firewall.enabled is enabled


def test_what_it_says(read):
    said = read(SMALL + "firewall: {api_from: [10.0.0.0/8, '2001:db8::/32', 192.0.2.7], leave: [50051]}\n").firewall
    assert said.api_from == ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7")
    assert (said.leave, said.ephemeral) == ((50051,), True)


def test_a_network_is_a_network(problem):
    place, path, message, hint = problem(SMALL + "firewall: {api_from: [10.0.0.7/8]}\n")
    assert (place, path, message) == ("3:23", "firewall.api_from[0]", "`10.0.0.7/8` is no network")
    assert hint == "write `10.0.0.0/8`"
    assert problem(SMALL + "firewall: {api_from: [office]}\n")[3] == "write `10.0.0.0/8`"


def test_another_word_is_a_mistake(problem):
    assert problem(SMALL + "firewall: yes please\n")[2:] == (
        "should be a mapping, found `yes please`",
        "write `firewall: true`",
    )
