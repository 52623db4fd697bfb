"""A server that means harm to whoever asks it: it goes on without end, or as slowly as it may, or says what is no
answer. What asks ends, says what was wrong, and takes none of it for well."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from provision.payload import bounded
from provision.payload.alive import fault, made
from provision.payload.ask import ask, told_answer, unguarded
from provision.payload.posting import Post, over_http, reason

Serve = Callable[[Callable[[socket.socket], None]], Post]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """What asks a server that does this with each connection."""
    listeners: list[socket.socket] = []

    def start(does: Callable[[socket.socket], None]) -> Post:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.recv(65536)
                    does(connection)
                except OSError:
                    pass  # whoever asked has had enough

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return over_http(f"http://127.0.0.1:{listener.getsockname()[1]}")

    yield start
    for listener in listeners:
        listener.close()


def without_end(first: bytes, piece: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def does(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return does


def says(*parts: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(b"".join(parts))


EVENT = b'data: {"choices":[{"delta":{"content":"' + b"x" * 60000 + b'"}}]}\n\n'


@pytest.mark.parametrize(
    "does",
    [
        without_end(OK, EVENT),
        without_end(OK, b"x" * 65536),
        without_end(CHUNKED, b"10000\r\n" + b"y" * 65536 + b"\r\n"),
    ],
    ids=["events", "a line", "chunks"],
)
def test_one_that_answers_without_end_is_cut_off(serve: Serve, does: Callable[[socket.socket], None]) -> None:
    post = serve(does)
    with pytest.raises(OSError, match=r"more than|cannot be read|no HTTP"):
        ask(post, "m", timeout=30)
    assert fault(post, "m", "completion", 30).startswith("no answer to a question: more than 8 MiB came")
    assert made(post) is None


@pytest.mark.parametrize(
    ("first", "piece"),
    [(OK, b": \n"), (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), (b"", b"H"), (CHUNKED, b"1\r\n:\r\n")],
    ids=["body", "headers", "status", "chunks"],
)
def test_one_that_sends_a_byte_now_and_then_has_no_more_than_its_time(serve: Serve, first: bytes, piece: bytes) -> None:
    post = serve(without_end(first, piece, 0.05))
    with pytest.raises(OSError) as caught:
        ask(post, "m", timeout=0.6)
    assert reason(caught.value) == "no answer in time"

    def without_metrics(path: str, body: Any, seconds: float) -> Any:
        if path == "/metrics":
            raise ConnectionRefusedError
        return post(path, body, seconds)

    assert fault(without_metrics, "m", "completion", 0.6) == "no answer to a question within 1 s"


ANSWERS: dict[str, bytes] = {
    "no status": b"\x1b]0;pwned\x07garbage\r\n\r\n",
    "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "less than announced": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\ndata: {",
    "a wrong chunk": CHUNKED + b"zz\r\n",
    **{
        f"event {text[:30]!r}": OK + b"data: " + text + b"\n"
        for text in (
            b"5",
            b"[]",
            b'"error"',
            b'{"choices":5}',
            b'{"choices":[5]}',
            b'{"choices":{"delta":1}}',
            b'{"usage":5}',
            b'{"usage":{"completion_tokens":"many"},"choices":[]}',
            b'{"usage":{"completion_tokens":1e999},"choices":[]}',
            b"[" * 100_000,
            b"\xff\xfe",
            b"not JSON",
        )
    },
}


@pytest.mark.parametrize("said", ANSWERS)
def test_what_is_no_answer_is_said_to_be_none_and_is_no_bug(serve: Serve, said: str) -> None:
    post = serve(says(ANSWERS[said]))
    with pytest.raises(OSError) as caught:
        ask(post, "m", timeout=10)
    # A server that closes before it has read the question may reset the connection.
    assert reason(caught.value).startswith(("what it answers ", "more than ", "connection reset by peer"))
    assert reason(caught.value).isprintable()


@pytest.mark.parametrize("said", ["no status", "a long header", "many headers"])
def test_nor_is_one_to_whom_no_key_is_shown(serve: Serve, said: str) -> None:
    """`wait` goes on until the time is up."""
    import http.client

    with pytest.raises((OSError, http.client.HTTPException)):
        unguarded(serve(says(ANSWERS[said])))


@pytest.mark.parametrize("body", [b"{}" * 65536, b'{"error":5}', b'{"error":{"message":{"a":1}}}', b"[]", b"\xff"])
def test_an_error_is_told_in_few_words_whatever_it_says(serve: Serve, body: bytes) -> None:
    from provision.payload.ask import Refused

    post = serve(says(b"HTTP/1.1 500 No\r\n\r\n", body))
    with pytest.raises(Refused, match="HTTP 500: ") as caught:
        ask(post, "m", timeout=10)
    assert len(str(caught.value)) < 600
    if len(body) > bounded.ERROR:
        assert "more than 64 KiB came" in str(caught.value)


@pytest.mark.parametrize("number", [b".", b"1.1.1", b"e+e", b"1e+999", b"9" * 400, b"nan", b"+"])
def test_a_number_of_tokens_that_is_none_counts_for_none(serve: Serve, number: bytes) -> None:
    assert made(serve(says(OK, b"vllm:generation_tokens_total " + number + b"\n"))) is None


@pytest.mark.parametrize(
    "text",
    ["5", "[]", "{}", '{"kind":"x"}', '{"kind":"x","text":"","first":"a","seconds":1,"tokens":1}', "[" * 100_000,
     '{"kind":"x","text":"","first":1,"seconds":1,"tokens":1e999}', "not JSON"],
)  # fmt: skip
def test_what_a_process_of_the_servers_user_prints_is_read_with_care(text: str) -> None:
    assert told_answer(text) is None


def test_an_answer_that_is_one_is_read() -> None:
    said: dict[str, Any] = {
        "kind": "completion",
        "text": "x" * 5000,
        "first": 1,
        "seconds": 2.5,
        "tokens": 3,
        "more": 1,
    }
    answer = told_answer(json.dumps(said))
    assert answer is not None and (answer.kind, answer.seconds, answer.tokens) == ("completion", 2.5, 3)
    assert len(answer.text) == 1000
