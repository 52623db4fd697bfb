"""One question to a model server, in whichever way the model answers: chat, text, a vector.

It is imported by the controller, and sent to hosts, where their environment's Python runs it. A vLLM server offers the
endpoints that its model can do: what it refuses for its kind (400: no chat template; 404: no such endpoint) is no
failure, and the next is tried.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provision.payload import listener, pinned
from provision.payload.pinned import Whose

#: Path, body, seconds to wait → the answer as a stream of lines. Raises HTTPError, OSError.
Post = Callable[[str, Any, float], Any]

CHAT, COMPLETION, EMBEDDING, POOLING = "chat completion", "completion", "embedding", "pooling"
QUESTION = "Say hello."
TOKENS = 16
_USER = {"role": "user", "content": QUESTION}

#: Paths that vLLM itself guards with no key (entrypoints/serve/middleware/authenticate.py, 0.32.0), and one that no
#: server has. A request without content changes nothing where it is answered.
UNGUARDED_BY_VLLM = ("/invocations", "/tokenize", "/no-such-path")

#: How it is said of a server that does.
OPEN = "it answers without the API key"

#: What vLLM answers where its model cannot do what the endpoint is for.
_NOT_ITS_KIND = (400, 404, 405, 501)


@dataclass(frozen=True)
class Answer:
    """`kind`: which of the four it was. `first`, `seconds`: from the question to the first token, and to the end.
    `tokens`: how many came; 0 for a vector."""

    kind: str
    text: str
    first: float
    seconds: float
    tokens: int = 0


class Refused(Exception):
    """The server answers, but not this. `status`: of HTTP; 0: within an answer that had begun well."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def ask(post: Post, model: str, *, timeout: float = 120.0) -> Answer:
    """Raises Refused, with what the server said to the first question, if it refuses them all; OSError if it cannot be
    reached or does not answer within `timeout` seconds."""
    refusal: Refused | None = None
    for kind, path, body in questions(model):
        try:
            return (_streamed if "max_tokens" in body else _vector)(post, kind, path, body, timeout)
        except urllib.error.HTTPError as error:
            said_no = Refused(error.code, _message(error))
            if error.code not in _NOT_ITS_KIND:
                raise said_no from None
            refusal = refusal or said_no
    assert refusal is not None
    raise refusal


def questions(model: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, path, body), in the order in which they are tried."""
    return [
        (CHAT, "/v1/chat/completions", {"model": model, "messages": [_USER], "max_tokens": TOKENS}),
        (COMPLETION, "/v1/completions", {"model": model, "prompt": "Hello", "max_tokens": TOKENS}),
        (EMBEDDING, "/v1/embeddings", {"model": model, "input": QUESTION}),
        (POOLING, "/pooling", {"model": model, "input": QUESTION}),
    ]


def over_http(url: str, key: str = "", whose: Whose = str, certificate: str = "") -> Post:
    """Posts to the server at `url`, past any proxy of the environment: a cluster's address is none's to reach. `whose`
    is asked for each connection, before anything is said through it; and with https nothing is said to who does not
    have the `certificate`, given by its SHA-256."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays(), _Checked(whose, certificate))

    def post(path: str, body: Any, timeout: float) -> Any:
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        return opener.open(urllib.request.Request(url + path, data, headers), timeout=timeout)

    return post


class _Stays(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the key would go along."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Checked(urllib.request.HTTPHandler):
    #: Before urllib's own for https.
    handler_order = 400

    def __init__(self, whose: Whose, certificate: str) -> None:
        super().__init__()
        self._whose, self._certificate = whose, certificate

    def http_open(self, request: urllib.request.Request) -> Any:
        connection, how = pinned.connections(request.type, self._certificate, self._whose)
        return self.do_open(connection, request, **how)

    https_open = http_open


def _streamed(post: Post, kind: str, path: str, body: dict[str, Any], timeout: float) -> Answer:
    began = time.monotonic()
    first, text, counted, parts = 0.0, "", 0, 0
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with post(path, asked, timeout) as stream:
        for part in _events(stream):
            if "error" in part:
                raise Refused(0, str(part["error"].get("message", part["error"])))
            counted = (part.get("usage") or {}).get("completion_tokens", counted)
            for choice in part.get("choices") or ():
                delta = choice.get("delta") or choice
                # A reasoning model thinks first, in a field of its own.
                piece = next(
                    (delta[k] for k in ("content", "text", "reasoning", "reasoning_content") if delta.get(k)), ""
                )
                text += piece
                parts += bool(piece)
                first = first or (time.monotonic() - began if piece else 0.0)
    seconds = time.monotonic() - began
    return Answer(kind, text, first or seconds, seconds, counted or parts)


def _events(stream: Any) -> Iterator[dict[str, Any]]:
    """Server-sent events: each a line of JSON behind `data:`."""
    for raw in stream:
        line = raw.strip()
        if line.startswith(b"data:") and line != b"data: [DONE]":
            yield json.loads(line[5:])


def _vector(post: Post, kind: str, path: str, body: dict[str, Any], timeout: float) -> Answer:
    began = time.monotonic()
    with post(path, body, timeout) as stream:
        (entry, *_) = json.load(stream)["data"]
    seconds = time.monotonic() - began
    values = entry["embedding"] if kind == EMBEDDING else entry["data"]
    return Answer(kind, f"{len(values)} numbers", seconds, seconds)


def _message(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        said = json.loads(text)
        said = said.get("error", said)
        text = said if isinstance(said, str) else said.get("message") or json.dumps(said)
    except (ValueError, AttributeError):
        pass
    return f"HTTP {error.code}: {' '.join(text.split())[:500] or error.reason}"


# What follows runs on a host: once (`main`), or until the server that was just started answers (`wait`).


def _key() -> str:
    """From descriptor 3: an environment can be read for as long as its process runs. Empty if there is none."""
    try:
        with os.fdopen(3, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


#: Descriptors: where to write how it answers, and the service's log, to be read. With sudo the log is root's, and this
#: runs as the service's user, who sees which process has a port also where root is kept from that (CAP_SYS_PTRACE).
KIND, LOG = 4, 5


def main() -> None:
    """Prints the answer as one line of JSON, or says why there is none and ends with 1."""
    post = over_http(os.environ["URL"], _key(), _ours, os.environ.get("CERTIFICATE", ""))
    try:
        answer = ask(post, os.environ["MODEL"], timeout=float(os.environ["SECONDS_LEFT"]))
    except Refused as error:
        sys.exit(f"refused={error.status} {error}")
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"silent={reason(error)}")
    _say("answer=" + json.dumps(asdict(answer)))


def wait() -> None:
    """Until it answers, its process ends, or the time is up. The key is shown to nobody but the server that was
    started, and only once it is well and is known to refuse those without one."""
    stranger = over_http(os.environ["URL"], "", _ours, os.environ.get("CERTIFICATE", ""))
    post = over_http(os.environ["URL"], _key(), _ours, os.environ.get("CERTIFICATE", ""))
    began = time.monotonic()
    deadline = began + float(os.environ["SECONDS_LEFT"])
    healthy = False
    while True:
        if not _running(os.environ["PID"]):
            sys.exit("vLLM ended while it was starting")
        if time.monotonic() > deadline:
            sys.exit("no answer within {} s".format(os.environ["SECONDS_LEFT"]))
        try:
            if not healthy:
                stranger("/health", None, 5).close()
                healthy = True
                if os.environ.get("GUARDED") and (open_paths := unguarded(stranger)):
                    sys.exit(f"{OPEN}: {', '.join(open_paths)}")
            answer = ask(post, os.environ["MODEL"])
            break
        except Refused as error:
            sys.exit(f"it is up, but refuses the question: {error}")
        except OSError as error:
            taken = getattr(error, "reason", error)
            if isinstance(taken, pinned.OtherCertificate):
                sys.exit(f"{taken}")
            said = str(taken) if isinstance(taken, listener.NotOurs) and taken.taken else _last_line()
        _say(f"::progress {time.monotonic() - began:.0f} s  {said}")
        time.sleep(1)
    os.write(KIND, answer.kind.encode())
    _say(f"::note {article(answer.kind)} answered after {time.monotonic() - began:.0f} s: {answer.text!r}")


def unguarded(stranger: Post) -> list[str]:
    """Those of a few paths that do not ask `stranger` for the key. Raises OSError if the server cannot be reached."""
    found = []
    for path in UNGUARDED_BY_VLLM:
        try:
            stranger(path, {}, 10).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 401:
                continue
        found.append(path)
    return found


def _ours() -> str:
    """Of the service with the mark MARK and the main process PID."""
    url = urlsplit(os.environ["URL"])
    return listener.require(url.hostname or "", url.port or 0, os.environ["MARK"], os.environ["PID"])


def article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def reason(error: Exception) -> str:
    """In a few words, without Python's own."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError):
        return (cause.strerror or str(cause) or type(cause).__name__).lower()
    return f"what it answers cannot be read: {cause}"


def _running(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _last_line() -> str:
    """Of the service's log."""
    end = os.pread(LOG, 2000, max(0, os.fstat(LOG).st_size - 2000))
    lines = [line for line in end.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][-100:] if lines else ""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
