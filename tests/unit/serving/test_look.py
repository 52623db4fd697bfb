"""What is said of a look from outside."""

import pytest
from cluster_samples import cluster, facts

from provision.core.errors import UsageError
from provision.facts.model import Interface
from provision.inventory.models import Serve
from provision.render.look import look_lines
from provision.serving.look import Look, TriedSocket, look, sockets_of

API = TriedSocket("a", "10.0.0.1", 8000, "open", True)
RAY = TriedSocket("a", "10.0.0.1", 6379, "open", False)


def test_what_is_open_besides_the_api_is_what_should_not_be() -> None:
    assert Look("", (API, RAY)).reached == (RAY,)
    assert look_lines(Look("", (API, RAY)))[-1] == (
        "this machine reaches 1 socket of the cluster besides the API: `provision firewall --apply` closes them"
    )


@pytest.mark.parametrize(("answer", "word"), [("silent", "dropped: no answer"), ("refused", "closed")])
def test_what_is_closed_is_said_with_what_came_back(answer: str, word: str) -> None:
    lines = look_lines(Look("ops@far", (API, TriedSocket("a", "10.0.0.1", 6379, answer, False))))
    assert lines[0].split() == ["host", "address", "port", "from", "ops@far"]
    assert lines[2].endswith(word)
    assert lines[-1] == "ops@far reaches none of the cluster's sockets but the API's: 1 of 2 are closed to it"


def test_where_nothing_listens_there_is_nothing_to_try() -> None:
    assert "has nothing to try" in look_lines(Look("", ()))[0]


@pytest.mark.parametrize("source", ["gpu-02", "ubuntu@10.0.0.2", "10.0.0.1:22"])
def test_a_host_of_the_cluster_cannot_look_at_it(source: str) -> None:
    with pytest.raises(UsageError, match="is of the cluster"):
        look(cluster().inventory, source)


def test_what_is_no_host_is_said_to_be_none() -> None:
    with pytest.raises(UsageError, match="no `\\[user@\\]host"):
        look(cluster().inventory, "a b")


def test_a_listener_on_every_address_is_tried_on_each_that_others_know() -> None:
    eth = Interface("eth0", ("10.0.0.1", "10.0.0.11"), 24, prefixes=(24, 24), up=True)
    made = cluster(serve=Serve(model="m"), head=facts("10.0.0.1", interfaces=(eth,)))
    lines = ["00000000:18EB", "0100000A:1F40", "0100007F:2382", "00000000000000000000000001000000:0009", "odd"]
    assert list(sockets_of(made, made.head, lines)) == [
        TriedSocket("gpu-01", "10.0.0.1", 6379, "", False),
        TriedSocket("gpu-01", "10.0.0.11", 6379, "", False),
        TriedSocket("gpu-01", "10.0.0.1", 8000, "", True),
    ]
