"""Where packages come from, as uv and pip are told: in variables and files, never in an argument list, since URLs may
hold passwords.

The main index goes first. To uv, extra indexes come before the default one, and the first that has a name is the only
one asked for it: whoever can publish on an extra index could replace any package. So the main index is named once
more, before them. https://docs.astral.sh/uv/concepts/indexes/#searching-across-multiple-indexes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from provision.core.person import expanded as home_expanded
from provision.inventory.models import Python

#: What both take where nothing is said.
PYPI = "https://pypi.org/simple"

#: A file whose hash is another one: what that means, in the evidence, and what to do about it.
REPLACED = "tampered or replaced: what the index serves is not the file that was locked"
INVESTIGATE = (
    "find out who changed it before you use it: compare its sha256 with the one that its publisher names; until then "
    "take the original from a folder in `python.find_links`, or another version"
)


def index_variables(python: Python, ambient: Mapping[str, str]) -> dict[str, str]:
    """The variables that tell uv the inventory's indexes. uv does not read pip's settings, so `ambient` may name them
    in pip's words."""
    main = python.index or next((ambient[name] for name in _MAIN if ambient.get(name)), "")
    extra = list(python.extra_indexes)
    if not extra and not ambient.get("UV_INDEX"):
        extra = [url for name in _EXTRA for url in ambient.get(name, "").split()]
    found = {"UV_INDEX_STRATEGY": python.index_strategy, "UV_EXTRA_INDEX_URL": ""}
    if main:
        found["UV_DEFAULT_INDEX"] = main
    if extra:
        found["UV_INDEX"] = " ".join([main or PYPI, *extra])
    return found


_MAIN = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_EXTRA = ("UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")


def pip_index_variables(python: Python) -> dict[str, str]:
    """The same for pip, which prefers no index to another: it is told hashes, and they decide."""
    found = {"PIP_INDEX_URL": python.index or "", "PIP_EXTRA_INDEX_URL": " ".join(python.extra_indexes)}
    return {name: value for name, value in found.items() if value}


def find_links(python: Python, base: Path) -> list[str]:
    """The inventory's own, relative folders made absolute."""
    return [link if "://" in link else str((base / home_expanded(link)).resolve()) for link in python.find_links]


def folders(links: Sequence[str]) -> list[str]:
    """Those of `links` that may stand in an argument list."""
    return [link for link in links if "://" not in link]


def as_lines(links: Sequence[str], indexes: Sequence[str] = ()) -> str:
    """Those of `links` that may not, and `indexes`, as lines of a requirements file."""
    pages = [f"--find-links {link}\n" for link in links if "://" in link]
    return "".join([*pages, *(f"--extra-index-url {index}\n" for index in indexes)])
