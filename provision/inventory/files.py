"""Files of the controller that an inventory names, and the inventory itself."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from provision.core.person import expanded, nameless
from provision.core.reading import NotAFile, read_given
from provision.core.wording import nearest
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.source import MAX_BYTES


def read_text(path: Path, problems: Problems) -> str:
    """The inventory's text. Raises InventoryError if it cannot be had."""
    try:
        raw = read_given(path, MAX_BYTES + 1)
    except FileNotFoundError:
        problems.at(0, 0, "no such file", _missing(path))
        problems.stop()
    except IsADirectoryError:
        found = sorted(p for p in path.glob("*.y*ml"))
        hint = f"name a file in it, such as `{found[0]}`" if found else "name the inventory file"
        problems.at(0, 0, "is a directory", hint)
        problems.stop()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "name the inventory file" if isinstance(error, NotAFile) else "look at its owner and mode with `ls -l`"
        problems.at(0, 0, f"cannot be read: {reason}", hint)
        problems.stop()
    if len(raw) > MAX_BYTES:
        problems.at(0, 0, f"is larger than {MAX_BYTES >> 20} MiB", "write the hosts as a range, such as `gpu-[01:64]`")
        problems.stop()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        problems.at(line, column, "is not UTF-8 text", "save the file as UTF-8")
        problems.stop()


def _missing(path: Path) -> str:
    try:
        here = sorted(p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml"))
    except OSError:
        return f"there is no folder `{path.parent}`"
    if here:
        return _meant(path, here) or f"did you mean `{path.parent / here[0]}`?"
    return "begin with an example of inventories/, or try it with virtual hosts: `provision lab up`"


def local_path(text: str, inventory: Path) -> Path:
    """`~` expanded; relative to the inventory's folder."""
    return inventory.absolute().parent / expanded(text)


def existing_file(node: YamlNode, inventory: Path, problems: Problems, what: str) -> YamlNode:
    """The node with its path made absolute; a problem if nothing readable is there."""
    if "-----BEGIN" in node.text:
        # Not repeated: it is no secret any more once it was shown.
        said, hint = f"the {what} itself stands here, expected a path", "put it into a file of mode 0600, and name that"
        problems.value(node, said, hint)
        return node
    path = local_path(node.text, inventory)
    text = str(path)
    try:
        if str(expanded(node.text)).startswith("~"):
            unknown = f"is in a home folder that cannot be determined: {nameless()}"
            problems.value(node, f"the {what} `{node.text}` {unknown}")
        elif not path.exists():
            problems.value(node, f"the {what} `{node.text}` does not exist", _nearby(path))
        # Devices and pipes will do: ssh's own way to say "no file" is /dev/null.
        elif path.is_dir():
            problems.value(node, f"the {what} `{node.text}` is a folder")
        elif not os.access(path, os.R_OK):
            problems.value(node, f"the {what} `{node.text}` cannot be read", f"chmod u+r {shlex.quote(str(path))}")
    except (OSError, ValueError) as error:
        problems.value(node, f"the {what} `{node.text}` cannot be accessed: {error}")
    return node.with_text(text)


def _nearby(path: Path) -> str:
    try:
        names = [p.name for p in path.parent.iterdir() if p.is_file() and p.suffix != ".pub"]
    except OSError:
        return f"there is no folder `{path.parent}`"
    return _meant(path, names)


def _meant(path: Path, names: Iterable[str]) -> str:
    """With the folder, so that it can be typed. Names of files differ in their last part: the folder tells nothing."""
    near = nearest(path.name, names)
    return f"did you mean `{path.parent / near}`?" if near else ""
