"""Whether a server does its work: a completion, and not that a port is open or `/health` answers."""

import io
import urllib.error
from collections.abc import Callable
from email.message import Message
from typing import Any

import pytest

from provision.payload.alive import fault

METRICS = 'vllm:num_requests_running{engine="0"} 3.0\nvllm:prompt_tokens_total{engine="0"} 5.0\n'


class Server:
    """Does `answer` when it is asked; `made`: the tokens that it says it has made, one number each time."""

    def __init__(self, answer: Callable[[], bytes], made: list[float] | None = None) -> None:
        self.answer, self.made = answer, made
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, path: str, body: Any, _: float) -> Any:
        if path == "/metrics":
            if self.made is None:
                raise refused(404)
            return io.BytesIO(f'{METRICS}vllm:generation_tokens_total{{engine="0"}} {self.made.pop(0)}\n'.encode())
        self.asked.append((path, body))
        return io.BytesIO(self.answer())


def refused(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("", status, "", Message(), io.BytesIO())


def fails(error: Exception) -> Callable[[], bytes]:
    def raises() -> bytes:
        raise error

    return raises


def test_one_that_answers_is_well_and_is_asked_for_one_token() -> None:
    server = Server(lambda: b"{}")
    assert fault(server, "m", "chat completion", 20) == ""
    ((path, body),) = server.asked
    assert (path, body["max_tokens"]) == ("/v1/chat/completions", 1)


def test_one_whose_kind_is_another_is_asked_in_that_way() -> None:
    server = Server(lambda: b"{}")
    assert fault(server, "m", "embedding", 20) == ""
    assert server.asked[0][0] == "/v1/embeddings"


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_a_refusal_is_an_answer(status: int) -> None:
    assert fault(Server(fails(refused(status))), "m", "completion", 20) == ""


def test_an_error_of_the_server_is_none() -> None:
    assert fault(Server(fails(refused(500))), "m", "completion", 20) == "a question is answered with HTTP 500"


def test_one_that_says_nothing_is_not_well_unless_it_is_at_work() -> None:
    late = fails(TimeoutError())
    assert fault(Server(late, made=[7, 7]), "m", "completion", 20) == "no answer to a question within 20 s"
    assert fault(Server(late, made=[7, 8]), "m", "completion", 20) == ""
    assert fault(Server(late), "m", "completion", 20) == "no answer to a question within 20 s"


def test_one_that_hangs_up_is_not_well() -> None:
    broken = fails(urllib.error.URLError(ConnectionResetError(104, "Connection reset by peer")))
    assert fault(Server(broken), "m", "completion", 20) == "no answer to a question: connection reset by peer"


@pytest.mark.parametrize("kind", ["", "well", "chat"])
def test_one_of_a_kind_that_cannot_be_asked_for_is_not_well(kind: str) -> None:
    server = Server(lambda: b"{}")
    assert fault(server, "m", kind, 20) == "it is not known how it answers"
    assert server.asked == []
