"""The models of a ServerlessLLM on its head: which there are, and how those come about that are wanted.

Its API (sllm/app_lib.py, 0.8.0) tells little: a name that is registered already, or that is not there to be deleted, is
answered with 200, and no setting of a model comes back. So it is asked for its list before and after, and what was
asked for is kept in a record, which `up` compares with the inventory.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import urllib.error
from collections.abc import Callable, Mapping
from typing import Any

from provision.payload import bounded
from provision.payload.posting import Post, over_http, reason

#: Who asked for a model: the inventory, or a person (`provision model deploy`). `up` deletes what only the first did.
UP, PERSON = "up", "person"

#: Bytes of a list, and seconds until it comes.
LONGEST, PATIENCE = 4 * 2**20, 30.0

#: Seconds for a name to be gone from the list, and for the actor of that name in Ray to end.
GOING = 30.0

#: Name → {"by": UP or PERSON, "is": its settings in words}.
Record = dict[str, dict[str, str]]


class NotDone(Exception):
    """In words for a person."""


def main() -> None:
    """WHAT: `list`, `settle` or `deploy`, `delete`. ASKED: for `settle` and `deploy` name → [settings in words, body],
    for `delete` names. RECORD: what is known so far. Prints what there is, and for all but `list` the new record."""
    post = over_http(os.environ["URL"])
    what, record = os.environ["WHAT"], read_record(os.environ["RECORD"])
    failed = ""
    try:
        if what == "list":
            _say("".join(f"{name}={told(record, name)}\n" for name in sorted(registered(post))))
        else:
            change(post, what, json.loads(os.environ["ASKED"]), record)
    except NotDone as error:
        failed = str(error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        failed = f"{os.environ['URL']}: {reason(error)}"
    if what != "list":
        keep(record)
    if failed:
        sys.exit(failed)


def change(post: Post, what: str, asked: Any, record: Record) -> None:
    if what == "delete":
        done = remove(post, asked, record)
    else:
        done = settle(post, asked, record, UP if what == "settle" else PERSON, float(os.environ["SECONDS_LEFT"]))
    for line in done:
        _say(f"::note {line}\n")


def read_record(text: str) -> Record:
    """Whatever it is that lies there."""
    try:
        found = json.loads(text or "{}")
        return {str(name): {"by": str(entry["by"]), "is": str(entry["is"])} for name, entry in found.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def keep(record: Record) -> None:
    """For whoever has the rights to write it: by descriptor 4."""
    with os.fdopen(4, "w") as out:
        out.write(json.dumps(record, sort_keys=True) + "\n")


def told(record: Record, name: str) -> str:
    """Its settings; with who asked for it, if that was not the inventory."""
    if name not in record:
        return "deployed by other means"
    return record[name]["is"] if record[name]["by"] == UP else f"{PERSON} {record[name]['is']}"


def settle(
    post: Post, asked: Mapping[str, tuple[str, Any]], record: Record, by: str, seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:  # fmt: skip
    """All of `asked` are there, with these settings, and of `by` UP no other that only the inventory had. Returns what
    was done. Changes `record` with each."""
    there, done = registered(post), []
    if by == UP:
        gone = [name for name, entry in record.items() if entry["by"] == UP and name not in asked]
        done += remove(post, gone, record, sleep)
    for name, (words, body) in asked.items():
        if name in there and record.get(name, {}).get("is") == words:
            if by == UP:
                record[name]["by"] = UP
            continue
        if name in there:
            done += remove(post, [name], record, sleep)
        _say(f"::progress deploying {name}\n")
        deploy(post, name, body, seconds)
        record[name] = {"by": by, "is": words}
        done.append(f"deployed {name}")
    return done


def deploy(post: Post, name: str, body: Any, seconds: float) -> None:
    """Raises NotDone."""
    status, said = answer(post, "/register", body, seconds)
    if status != 200:
        raise NotDone(f"{name} was not deployed: ServerlessLLM answers with HTTP {status}: {said}")
    if name not in registered(post):
        raise NotDone(f"{name} was not deployed: ServerlessLLM took the request, and does not list it")


def remove(post: Post, names: list[str], record: Record, sleep: Callable[[float], None] = time.sleep) -> list[str]:
    """Of names that are not there nothing is done."""
    there, done = registered(post), []
    for name in names:
        if name in there:
            status, said = answer(post, "/delete", {"model": name}, PATIENCE)
            if status != 200:
                raise NotDone(f"{name} was not deleted: ServerlessLLM answers with HTTP {status}: {said}")
            end = time.monotonic() + GOING
            while name in registered(post):
                if time.monotonic() > end:
                    raise NotDone(f"{name} was not deleted: ServerlessLLM took the request, and still lists it")
                sleep(0.5)
            done.append(f"deleted {name}")
        record.pop(name, None)
    return done


def registered(post: Post) -> list[str]:
    """Names of the models that there are. Raises OSError, ValueError, NotDone."""
    status, said = answer(post, "/v1/models", None, PATIENCE)
    if status != 200:
        raise NotDone(f"ServerlessLLM does not list its models: HTTP {status}: {said}")
    models = json.loads(said)["models"] if said.startswith("{") else None
    if not isinstance(models, list) or not all(isinstance(m, dict) and isinstance(m.get("id"), str) for m in models):
        raise NotDone("what lists the models there is not ServerlessLLM")
    return [model["id"] for model in models]


def answer(post: Post, path: str, body: Any, seconds: float) -> tuple[int, str]:
    """(HTTP status, text)."""
    try:
        with post(path, body, seconds) as said:
            return said.status, bounded.whole(said, LONGEST).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(300).decode("utf-8", "replace")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
