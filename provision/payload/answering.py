"""Waits until a model server answers a question of one token, or SECONDS_LEFT have passed. For a person who starts the
server without provision: URL, MODEL, and VLLM_API_KEY where it wants one.

Standard library alone. A certificate is not judged: it is the server of this very host that is asked.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from typing import Any

#: The first that the model can do counts: what it cannot, it refuses with one of REFUSED.
QUESTIONS = (
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 1}),
    ("/v1/completions", {"prompt": "Hello", "max_tokens": 1}),
    ("/v1/embeddings", {"input": "Hello"}),
    ("/pooling", {"input": "Hello"}),
)
REFUSED = (400, 404, 405, 501)


def main() -> None:
    url, model = os.environ["URL"], os.environ["MODEL"]
    end = time.monotonic() + float(os.environ["SECONDS_LEFT"])
    said = ""
    while True:
        try:
            post(f"{url}/health", None).close()
            for path, question in QUESTIONS:
                try:
                    post(url + path, {"model": model, **question}).close()
                except urllib.error.HTTPError as error:
                    if error.code not in REFUSED:
                        sys.exit(f"it is up, but refuses the question: HTTP {error.code} at {path}")
                else:
                    sys.stdout.write(f"{model} answers at {url}{path}\n")
                    return
            sys.exit("it is up, but refuses every kind of question")
        except OSError as error:
            said = str(getattr(error, "reason", error))
        if time.monotonic() > end:
            sys.exit(f"no answer from {url}: {said}")
        time.sleep(1)


def post(url: str, body: object) -> Any:
    """A GET without `body`. Raises OSError."""
    headers = {"Content-Type": "application/json"}
    if body is not None and os.environ.get("VLLM_API_KEY"):
        headers["Authorization"] = "Bearer " + os.environ["VLLM_API_KEY"]
    data = None if body is None else json.dumps(body).encode()
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
    request = urllib.request.Request(url, data, headers)
    return urllib.request.build_opener(*handlers).open(request, timeout=120)
