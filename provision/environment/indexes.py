"""Where packages come from, as uv and pip are told: in variables and files, never in an argument list, since URLs may
hold passwords.

The main index goes first. To uv, extra indexes come before the default one, and the first that has a name is the only
one asked for it: whoever can publish on an extra index could replace any package. So the main index is named once
more, before them. https://docs.astral.sh/uv/concepts/indexes/#searching-across-multiple-indexes
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provision.core.person import expanded as home_expanded
from provision.environment.ambient import Ambient
from provision.inventory.models import Python

#: What both take where nothing is said.
PYPI = "https://pypi.org/simple"

#: A file whose hash is another one: what that means, in the evidence, and what to do about it.
REPLACED = "tampered or replaced: what the index serves is not the file that was locked"
INVESTIGATE = (
    "find out who changed it before you use it: compare its sha256 with the one that its publisher names; until then "
    "take the original from a folder in `python.find_links`, or another version"
)


def main_index(python: Python, here: Ambient) -> str:
    """Empty for PyPI."""
    return python.index or here.index


def extra_indexes(python: Python, here: Ambient) -> tuple[str, ...]:
    return python.extra_indexes or here.extra_indexes


#: Where a package is in none of `find_links`.
NO_INDEX = "pip is set up with `no-index` on this machine: put the wheels into its `find-links`, or set `python.index`"


def only_links(python: Python, here: Ambient) -> bool:
    """Whether no index is asked."""
    return here.no_index and not python.index and not python.extra_indexes


def index_variables(python: Python, here: Ambient) -> dict[str, str]:
    """The variables that tell uv the indexes."""
    main, extra = main_index(python, here), extra_indexes(python, here)
    found: dict[str, str] = {"UV_INDEX_STRATEGY": python.index_strategy}
    if main:
        found["UV_DEFAULT_INDEX"] = main
    if extra:
        found["UV_INDEX"] = " ".join([main or PYPI, *extra])
    return found


def pip_index_variables(python: Python, here: Ambient) -> dict[str, str]:
    """The same for pip, which prefers no index to another: it is told hashes, and they decide."""
    found = {
        "PIP_INDEX_URL": main_index(python, here),
        "PIP_EXTRA_INDEX_URL": " ".join(extra_indexes(python, here)),
    }
    if only_links(python, here):
        return {"PIP_NO_INDEX": "1"}
    return {name: value for name, value in found.items() if value}


def from_here(python: Python, here: Ambient) -> dict[str, tuple[str, ...]]:
    """What of this machine's settings counts, by the setting of the inventory that would count instead."""
    found = {
        "index": ("no-index",)
        if only_links(python, here)
        else (here.index,)
        if here.index and not python.index
        else (),
        "extra_indexes": () if python.extra_indexes else here.extra_indexes,
        "find_links": () if python.find_links else here.find_links,
    }
    return {name: values for name, values in found.items() if values}


def find_links(python: Python, base: Path, here: Ambient | None = None) -> list[str]:
    """The inventory's own, relative folders made absolute; else those of `here`, of folders those that are there."""
    if not python.find_links and here is not None:
        return [link for link in here.find_links if "://" in link or Path(link).exists()]
    return [link if "://" in link else str((base / home_expanded(link)).resolve()) for link in python.find_links]


def folders(links: Sequence[str]) -> list[str]:
    """Those of `links` that may stand in an argument list."""
    return [link for link in links if "://" not in link]


def as_lines(links: Sequence[str], indexes: Sequence[str] = ()) -> str:
    """Those of `links` that may not, and `indexes`, as lines of a requirements file."""
    pages = [f"--find-links {link}\n" for link in links if "://" in link]
    return "".join([*pages, *(f"--extra-index-url {index}\n" for index in indexes)])
