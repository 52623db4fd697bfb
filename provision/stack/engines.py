"""What runs the containers, of all hosts against each other: none of it keeps a cluster from coming up, and each is
where hosts that should be alike begin to differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.core.finding import Against, Finding, Known, Severity
from provision.core.majority import reference
from provision.core.values import dataclass
from provision.resources.container_engine import ENGINES

_OTHER = "what works on one host then fails on another: flags, limits and logs differ between versions"

#: Fact → why a difference matters, and what the engine calls it.
_ALIKE: Mapping[str, tuple[str, str]] = {
    "{engine}": (_OTHER, ""),
    "{engine} storage": (
        "the same image takes other room and time there, and `vfs` copies all of it for each container",
        "storage",
    ),
    "{engine} cgroups": (
        "limits of memory and processes are kept by another program there, or not at all",
        "cgroups",
    ),
    "NVIDIA's toolkit": ("containers see GPUs, driver libraries and RDMA devices in another way there", "toolkit"),
}
_VERSION = "install {engine} {expected} on {host}, as on {example}"


@dataclass(frozen=True)
class Engines:
    """A review, for `Playbook.reviews`: called with host → what is known of it. `engine`: what runs containers."""

    engine: str
    head: str

    def __call__(self, known: Mapping[str, tuple[Known, ...]]) -> Iterator[Finding]:
        for name, (why, called) in _ALIKE.items():
            hint = ENGINES[self.engine].alike[called] if called else _VERSION
            fact = name.format(engine=self.engine)
            cells = {host: cell.value for host, cells in known.items() for cell in cells if cell.fact == fact}
            example = reference(cells, self.head)
            for host, value in cells.items():
                if value != cells[example]:
                    words = {"engine": self.engine, "host": host, "expected": cells[example], "example": example}
                    yield Finding(
                        host,
                        "packages",
                        fact,
                        Severity.WARNING,
                        found=value,
                        expected=cells[example],
                        against=Against.PEERS,
                        why=why,
                        hint=hint.format(**words),
                        evidence=tuple(f"{other}: {seen}" for other, seen in cells.items())[:8],
                        said=f"{fact} is `{value}`, {example} has `{cells[example]}`" if len(cells) == 2 else "",
                    )
