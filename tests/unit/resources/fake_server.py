"""A model server as far as `ask` can see: a function from path and body to an answer."""

import io
import json
import urllib.error
from collections.abc import Mapping
from email.message import Message
from typing import Any

Said = tuple[int, Any]


def events(*parts: Any) -> bytes:
    """Server-sent events, as vLLM streams them."""
    return b"".join(b"data: " + json.dumps(part).encode() + b"\n\n" for part in parts) + b"data: [DONE]\n\n"


def chat(*pieces: str, field: str = "content") -> bytes:
    deltas = [{"choices": [{"delta": {field: piece}}]} for piece in pieces]
    return events({"choices": [{"delta": {"role": "assistant", "content": ""}}]}, *deltas, usage(len(pieces)))


def usage(tokens: int) -> dict[str, Any]:
    return {"choices": [], "usage": {"completion_tokens": tokens}}


class Fake:
    """`answers`: path → body of a good answer, or (status, JSON); others are 404. `asked`: paths, in order."""

    def __init__(self, answers: Mapping[str, bytes | Said]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, path: str, body: Any, timeout: float) -> io.BytesIO:
        self.asked.append(path)
        answer = self.answers.get(path, (404, {"detail": "Not Found"}))
        if isinstance(answer, bytes):
            return io.BytesIO(answer)
        status, said = answer
        text = said if isinstance(said, str) else json.dumps(said)
        raise urllib.error.HTTPError(path, status, "reason", Message(), io.BytesIO(text.encode()))
