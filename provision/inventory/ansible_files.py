"""What stands beside an Ansible inventory: `group_vars` and `host_vars`, which say where and as whom one connects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provision.core.values import dataclass
from provision.inventory.files import read_text
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.source import ANSIBLE_TAGS, OddKey, parse

_ENDINGS = ("", ".yml", ".yaml", ".json")


@dataclass(frozen=True)
class VarsFile:
    """`problems`: of this file, whose lines its nodes have."""

    vars: dict[str, YamlNode]
    problems: Problems


class VarsFiles:
    """Of one inventory; of none without. Each file is read once."""

    def __init__(self, inventory: Path | None) -> None:
        self._folder = inventory.parent if inventory else None
        self._read: dict[Path, VarsFile] = {}

    def of(self, kind: str, name: str) -> list[VarsFile]:
        """`kind`: `group_vars` or `host_vars`. A file named as the group or host, or all files of a folder that is."""
        if self._folder is None:
            return []
        try:
            found = list(_files(self._folder / kind, name))
        except OSError as error:
            problems = Problems(str(error.filename))
            problems.at(1, 1, f"cannot be read: {(error.strerror or str(error)).lower()}", "let this user read it")
            problems.stop()
        return [self._file(path) for path in found]

    @property
    def problems(self) -> list[Problems]:
        return [file.problems for file in self._read.values() if file.problems]

    def _file(self, path: Path) -> VarsFile:
        if path not in self._read:
            problems = Problems(str(path))
            text = read_text(path, problems)
            if text.startswith("$ANSIBLE_VAULT"):
                hint = "keep secrets in `secrets` of `provision`, and what says where to connect in a file without them"
                problems.at(1, 1, "the file is encrypted: what it says of the hosts is not known here", hint)
                problems.stop()
            plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).strip()
            odd: list[OddKey] = []
            found = {} if plain in ("", "---", "{}") else parse(text, problems, tags=ANSIBLE_TAGS, odd=odd).children
            for key in odd:
                if "provision" in key.path:
                    key.refuse(problems)
            self._read[path] = VarsFile(found, problems)
        return self._read[path]


def _files(folder: Path, name: str) -> Iterator[Path]:
    """Of the first that is there, a folder before a file: Ansible looks no further."""
    found = next((path for ending in _ENDINGS if (path := folder / f"{name}{ending}").exists()), None)
    if found is not None:
        yield from _within(found) if found.is_dir() else (found,)


def _within(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            yield from _within(path)
        elif path.is_file() and path.suffix in _ENDINGS:
            yield path
