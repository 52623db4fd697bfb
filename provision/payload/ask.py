"""One question to a model server, in whichever way the model answers: chat, text, a vector.

It is imported by the controller, and sent to hosts, where their environment's Python runs it. A vLLM server offers the
endpoints that its model can do: what it refuses for its kind (400: no chat template; 404: no such endpoint) is no
failure, and the next is tried.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provision.payload import bounded, listener, pinned
from provision.payload.posting import LATE, NotAnAnswer, Post, over_http, reason

CHAT, COMPLETION, EMBEDDING, POOLING = "chat completion", "completion", "embedding", "pooling"
QUESTION = "Say hello."
TOKENS = 16
_USER = {"role": "user", "content": QUESTION}

#: Paths that vLLM itself guards with no key (entrypoints/serve/middleware/authenticate.py, 0.32.0), and one that no
#: server has. A request without content changes nothing where it is answered.
UNGUARDED_BY_VLLM = ("/invocations", "/tokenize", "/no-such-path")

#: How it is said of a server that does.
OPEN = "it answers without the API key"

#: Characters of an answer that are kept.
_KEPT = 1000

#: Bytes of a log of which the last line is shown while its service is waited for, and characters of that line.
_LOOK_BACK, _SHOWN = 4000, 120

#: `(EngineCore pid=4711) INFO 11-29 16:45:35 [compilation.py:317] `, as vLLM's ranks and its engine begin their lines.
_BEFORE = re.compile(r"(?:\([^()]* pid=\d+[^()]*\) *)*(?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d (?:\[[^]]*\] )?)?")

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


def told_answer(text: str) -> Answer | None:
    """Of a line of `main`, which runs as the user whose server is asked; None of any other."""
    try:
        said = json.loads(text)
        kind, words = str(said["kind"]), str(said["text"])[:_KEPT]
        return Answer(kind, words, float(said["first"]), float(said["seconds"]), int(said["tokens"]))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


class Refused(Exception):
    """The server answers, but not this. `status`: of HTTP; 0: within an answer that had begun well."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def ask(post: Post, model: str, *, timeout: float = 120.0) -> Answer:
    """Raises Refused, with what the server said to the first question, if it refuses them all; OSError if it cannot be
    reached, or has not answered within `timeout` seconds, or not as a model server does."""
    refusal: Refused | None = None
    for kind, path, body in questions(model):
        try:
            return _understood(_streamed if "max_tokens" in body else _vector, post, kind, path, body, timeout)
        except urllib.error.HTTPError as error:
            said_no = Refused(error.code, _message(error))
            if error.code not in _NOT_ITS_KIND:
                raise said_no from None
            refusal = refusal or said_no
    assert refusal is not None
    raise refusal


def _understood(
    way: Callable[..., Answer], post: Post, kind: str, path: str, body: dict[str, Any], timeout: float
) -> Answer:
    """Whoever has the port may answer anything at all."""
    began = time.monotonic()
    try:
        answer = way(post, kind, path, body, timeout)
    except (Refused, urllib.error.HTTPError):
        raise
    except (OSError, http.client.HTTPException, *_ODD) as error:
        if isinstance(error, OSError) and time.monotonic() - began < timeout:
            raise
        failed: Exception = error
    else:
        # A connection that was cut when its time was up looks like one that has ended.
        if time.monotonic() - began < timeout:
            return answer
        failed = TimeoutError()
    if time.monotonic() - began >= timeout:
        raise TimeoutError(LATE) from None
    raise NotAnAnswer(reason(failed)) from None


#: What reading anything else than an answer may raise.
_ODD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def questions(model: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, path, body), in the order in which they are tried."""
    return [
        (CHAT, "/v1/chat/completions", {"model": model, "messages": [_USER], "max_tokens": TOKENS}),
        (COMPLETION, "/v1/completions", {"model": model, "prompt": "Hello", "max_tokens": TOKENS}),
        (EMBEDDING, "/v1/embeddings", {"model": model, "input": QUESTION}),
        (POOLING, "/pooling", {"model": model, "input": QUESTION}),
    ]


def _streamed(post: Post, kind: str, path: str, body: dict[str, Any], timeout: float) -> Answer:
    began = time.monotonic()
    first, text, counted, parts, choices = 0.0, "", 0, 0, None
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with post(path, asked, timeout) as stream:
        for part in _events(stream):
            if "error" in part:
                raise Refused(0, _words(part["error"]))
            counted = (part.get("usage") or {}).get("completion_tokens", counted)
            choices = part.get("choices", choices)
            for choice in part.get("choices") or ():
                delta = choice.get("delta") or choice
                # A reasoning model thinks first, in a field of its own.
                piece = next(
                    (delta[k] for k in ("content", "text", "reasoning", "reasoning_content") if delta.get(k)), ""
                )
                text = f"{text}{piece}"[:_KEPT]
                parts += bool(piece)
                first = first or (time.monotonic() - began if piece else 0.0)
    if choices is None:
        raise NotAnAnswer("what it answers has no text in it")
    seconds = time.monotonic() - began
    return Answer(kind, text, first or seconds, seconds, int(counted) or parts)


def _events(stream: Any) -> Iterator[dict[str, Any]]:
    """Server-sent events: each a line of JSON behind `data:`."""
    for raw in bounded.lines(stream):
        line = raw.strip()
        if line.startswith(b"data:") and line != b"data: [DONE]":
            yield json.loads(line[5:])


def _vector(post: Post, kind: str, path: str, body: dict[str, Any], timeout: float) -> Answer:
    began = time.monotonic()
    with post(path, body, timeout) as stream:
        (entry, *_) = json.loads(bounded.whole(stream))["data"]
    seconds = time.monotonic() - began
    values = entry["embedding"] if kind == EMBEDDING else entry["data"]
    return Answer(kind, f"{len(values)} numbers", seconds, seconds)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        text = bounded.whole(error, bounded.ERROR).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as unread:
        return f"HTTP {error.code}: {reason(unread)}"
    try:
        said = json.loads(text)
        text = _words(said.get("error", said))
    except (ValueError, AttributeError, RecursionError):
        pass
    return f"HTTP {error.code}: {' '.join(text.split())[:500] or error.reason}"


def _words(error: Any) -> str:
    """Of what a server says of an error: OpenAI's form, or its own."""
    said = error.get("message") if isinstance(error, dict) else error
    return (said if isinstance(said, str) and said else json.dumps(error))[:_KEPT]


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


#: Seconds for the first answer, for which much may have to be compiled.
FIRST = 300.0


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
    began = told = time.monotonic()
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
            answer = ask(post, os.environ["MODEL"], timeout=FIRST)
            break
        except Refused as error:
            sys.exit(f"it is up, but refuses the question: {error}")
        except (OSError, http.client.HTTPException) as error:
            taken = getattr(error, "reason", error)
            if isinstance(taken, pinned.OtherCertificate):
                sys.exit(f"{taken}")
            said = str(taken) if isinstance(taken, listener.NotOurs) and taken.taken else _last_line()
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            _say(f"::progress {told - began:.0f} s  {said}")
        time.sleep(0.25)
    os.write(KIND, answer.kind.encode())
    _say(f"::note {article(answer.kind)} answered after {time.monotonic() - began:.0f} s: {answer.text[:200]!r}")


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


def _running(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _last_line() -> str:
    """Of the service's log, without what vLLM writes before what it says, and cut between words."""
    end = os.pread(LOG, _LOOK_BACK, max(0, os.fstat(LOG).st_size - _LOOK_BACK))
    lines = [line for line in end.decode("utf-8", "replace").splitlines() if line.strip()]
    return textwrap.shorten(_BEFORE.sub("", lines[-1]), _SHOWN, placeholder=" …") if lines else ""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
