"""What `smoke` and `bench` return, made up."""

from typing import Any

from provision.payload.ask import CHAT, Answer
from provision.serving.bench import Bench, Load, Times
from provision.serving.smoke import Smoke

URL = "http://10.0.0.1:8000"


def a_smoke(**changed: Any) -> Smoke:
    answer = Answer(CHAT, "Hello.", 0.05, 0.21, 16)
    return Smoke(
        **{"url": URL, "model": "llama", "host": "gpu-01", "direct": True, "why": "", "answer": answer} | changed
    )


def a_bench(**changed: Any) -> Bench:
    values: dict[str, Any] = {
        "url": URL,
        "model": "llama",
        "host": "gpu-01",
        "load": Load(),
        "seconds": 8.0,
        "completed": 32,
        "failed": 0,
        "requests_per_second": 4.0,
        "input_tokens": 4096,
        "output_tokens": 2048,
        "output_tokens_per_second": 256.0,
        "first": Times(41.0, 40.5, 63.25),
        "next": Times(12.0, 11.5, 20.0),
        "whole": Times(850.0, 840.0, 1200.0),
    }
    return Bench(**values | changed)
