"""The one way to send what is in this package: a program of several modules as one text, and files of shell.

A bundle is start.py, and behind it the text of every module that the program imports, each under its own name, as it
is. Nothing is cut out of a text or put together from parts, so whatever is Python in a file is Python on the host.
"""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from importlib.util import resolve_name

PACKAGE = "provision.payload"

#: The oldest Python of a host's own that is asked to do anything: without one as new, a host takes part in less.
HOST_PYTHON = (3, 7)

#: The oldest Python of an environment that we build: no Ray of checks/compatibility_table.py runs on an older one.
ENVIRONMENT_PYTHON = (3, 9)

#: Every program that is sent: the module below this package and its function, and the oldest Python that it must run
#: on.
PROGRAMS = {
    "alive:main": ENVIRONMENT_PYTHON,
    "all_reduce.host:main": ENVIRONMENT_PYTHON,
    "answering:main": ENVIRONMENT_PYTHON,
    "ask:main": ENVIRONMENT_PYTHON,
    "ask:wait": ENVIRONMENT_PYTHON,
    "bench_result:main": ENVIRONMENT_PYTHON,
    "bench_start:main": ENVIRONMENT_PYTHON,
    "deployments:main": ENVIRONMENT_PYTHON,
    "firewall.look:main": HOST_PYTHON,
    "health:main": ENVIRONMENT_PYTHON,
    "imports:main": ENVIRONMENT_PYTHON,
    "lifeline:greets": ENVIRONMENT_PYTHON,
    "lifeline:hold": ENVIRONMENT_PYTHON,
    "lifeline:reach": ENVIRONMENT_PYTHON,
    "listing:main": ENVIRONMENT_PYTHON,
    "metrics:main": ENVIRONMENT_PYTHON,
    "network.host:main": HOST_PYTHON,
    "ray_members:main": ENVIRONMENT_PYTHON,
    "reached:main": HOST_PYTHON,
    "records.look:main": HOST_PYTHON,
    "relay.host:main": HOST_PYTHON,
    "serve_arguments:main": ENVIRONMENT_PYTHON,
    "signals:main": HOST_PYTHON,
    "weights.download:main": ENVIRONMENT_PYTHON,
    "weights.seal:main": ENVIRONMENT_PYTHON,
    "weights.spread:main": ENVIRONMENT_PYTHON,
}

#: Every module that is put on a host as a file of its own, for a program there to import: it imports none of ours.
FILES = {"guard": ENVIRONMENT_PYTHON, "ray_start": ENVIRONMENT_PYTHON}

#: Files of shell in which lines that begin with # are part of what is written or printed.
WITH_HASHES = frozenset({"figures/gpus.sh", "firewall/apply.sh"})

#: What is in a text that imports one of ours, by its name or from where it is itself. Most have neither, and need not
#: be parsed to see that: some milliseconds of each command that describes services.
_MAY_IMPORT_OURS = re.compile(rf"{PACKAGE.partition('.')[0]}|\bfrom[\s\\]*\.")

#: Module name → its source; None where there is no such module; "" for a package.
Source = Callable[[str], str | None]


#: Hosts are prepared in several threads, and Python up to 3.12 loses count of its depth where two of them parse at
#: once: SystemError, "AST constructor recursion depth mismatch" (python/cpython#106905).
_PARSING = threading.Lock()


class NotSent(Exception):
    """A module of the payload imports what a host does not get."""


@cache
def bundle(program: str) -> str:
    """The text of one of PROGRAMS, for a Python that reads it from standard input."""
    if program not in PROGRAMS:
        raise KeyError(f"`{program}` is not in PROGRAMS: no test would know which Python it must run on")
    return assemble(f"{PACKAGE}.{program}", source)


@cache
def module(name: str) -> str:
    """The text of one of FILES. Raises NotSent, if it imports one of ours."""
    if name not in FILES:
        raise KeyError(f"`{name}` is not in FILES: no test would know which Python it must run on")
    (text,) = collect(f"{PACKAGE}.{name}", source).values()
    return text


@cache
def standalone(program: str) -> str:
    """The text of one of PROGRAMS that is a single module, as a file for a person to read and run. Raises ValueError
    where it is more than one."""
    place, _, function = program.partition(":")
    if program not in PROGRAMS:
        raise KeyError(f"`{program}` is not in PROGRAMS: no test would know which Python it must run on")
    (text,) = collect(f"{PACKAGE}.{place}", source).values()
    return f'{text}\n\nif __name__ == "__main__":\n    {function}()\n'


@cache
def shell(*names: str) -> str:
    """The files of shell at `names` below this package, one after the other, as the body of a script or a part of one.

    Comments are for readers and for shellcheck, and stay here: they are a third of the text, which each host takes in
    at each batch.
    """
    return "\n".join(_sent(name) for name in names)


def assemble(entry: str, source: Source) -> str:
    """The program that starts at `entry`, a module and its function. Raises NotSent."""
    texts = collect(entry.partition(":")[0], source)
    each = ",\n".join(f"{literal(name)}: {literal(text)}" for name, text in texts.items())
    return "\n\n".join([source(f"{PACKAGE}.start") or "", f"start({{{each}}}, {literal(entry)})\n"])


def collect(main: str, source: Source) -> dict[str, str]:
    """Module name → source, of `main` and of all that it imports of ours, wherever in its text. Raises NotSent."""
    texts: dict[str, str] = {}
    waiting = [main]
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        text = source(name)
        if text is None:
            raise NotSent(f"there is no module `{name}`")
        texts[name] = text
        waiting += imported(name, text, source)
    return dict(sorted(texts.items()))


def imported(name: str, text: str, source: Source) -> Iterator[str]:
    """The modules of the payload that the module `name` imports. Raises NotSent for another of provision's."""
    if not _MAY_IMPORT_OURS.search(text):
        return
    with _PARSING:
        tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _ours(name, alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), name.rpartition(".")[0])
            if not _ours(name, base):
                continue
            # A package arrives without what stands in its __init__.py: only its modules can be imported from it.
            yield from [base] if source(base) else [f"{base}.{alias.name}" for alias in node.names]


def _ours(importer: str, name: str) -> bool:
    if name == PACKAGE or name.startswith(f"{PACKAGE}."):
        return True
    if name.partition(".")[0] == PACKAGE.partition(".")[0]:
        raise NotSent(f"`{importer}` imports `{name}`: a host gets the standard library and what is in `{PACKAGE}`")
    return False


def source(name: str) -> str | None:
    """The source of an installed module of this package; "" for a package."""
    *folders, stem = name.removeprefix(PACKAGE).strip(".").split(".")
    place = files(PACKAGE).joinpath(*folders) if folders else files(PACKAGE)
    if stem == "" or place.joinpath(stem).is_dir():
        return ""
    file = place.joinpath(f"{stem}.py")
    return file.read_text(encoding="utf-8") if file.is_file() else None


def literal(text: str) -> str:
    """As a string of Python on one line, in ASCII, and without the quote that is dear in a shell."""
    escaped = text.encode("unicode_escape").decode("ascii")
    return '"' + escaped.replace('"', '\\"').replace("'", "\\x27") + '"'


def _sent(name: str) -> str:
    lines = files(PACKAGE).joinpath(name).read_text(encoding="utf-8").splitlines(keepends=True)
    if name in WITH_HASHES:
        first = next((index for index, line in enumerate(lines) if not line.startswith("#")), 0)
        return "".join(lines[first:]).lstrip("\n")
    return "".join(line for line in lines if not line.lstrip().startswith("#")).lstrip("\n")
