"""Whether a server that says it is well does its work: one token is asked for, in the way that its model answers.

`/health` of vLLM is answered by the process with the API, also where the engine behind it hangs or was stopped. A
server may be slow because it has much to do: then the number of tokens that it has made grows meanwhile, and it is
well.
"""

from __future__ import annotations

import http.client
import os
import re
import sys
import time
import urllib.error
from typing import Any

from provision.payload import ask, bounded
from provision.payload.posting import LATE, Post, over_http, reason

#: Of vLLM's metrics, what grows while it works.
COUNTED = re.compile(
    r"^vllm:(?:prompt|generation)_tokens_total(?:\{.*\})? ([0-9]{1,30}(?:\.[0-9]{1,30})?(?:e\+[0-9]{1,2})?)(?=\s|$)",
    re.MULTILINE,
)


def main() -> None:
    """Prints what is wrong; nothing if it answers, be it with a refusal."""
    seconds = float(os.environ["SECONDS_LEFT"])
    post = over_http(os.environ["URL"], ask._key(), ask._ours, os.environ.get("CERTIFICATE", ""))
    found = fault(post, os.environ["MODEL"], os.environ["KIND"], seconds)
    if found:
        sys.stdout.write(f"{found}\n")


def fault(post: Post, model: str, kind: str, seconds: float) -> str:
    path, body = next(((path, body) for known, path, body in ask.questions(model) if known == kind), ("", {}))
    if not path:
        return "it is not known how it answers"
    before = made(post)
    began = time.monotonic()
    why = ""
    try:
        with post(path, {**body, "max_tokens": 1} if "max_tokens" in body else body, seconds) as answer:
            bounded.whole(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return "" if error.code < 500 else f"a question is answered with HTTP {error.code}"
    except (OSError, http.client.HTTPException) as error:
        why = reason(error)
    # When its time is up, a connection is cut, which looks like one that has ended.
    late = why == LATE or time.monotonic() - began >= seconds
    if not why and not late:
        return ""
    now = made(post)
    if now is not None and before is not None and now > before:
        return ""
    return f"no answer to a question within {seconds:.0f} s" if late else f"no answer to a question: {why}"


def made(post: Any) -> float | None:
    """How many tokens it has made and read so far; None where it does not say."""
    try:
        with post("/metrics", None, 5) as answer:
            numbers = COUNTED.findall(bounded.whole(answer, bounded.METRICS).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException):
        return None
    return sum(map(float, numbers)) if numbers else None
