"""What a fact of a host is that one file says everything about, and all that there are of them."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.core.script import Script
from provision.core.values import dataclass
from provision.core.wording import typed
from provision.facts import Facts

#: Where a login of an ordinary user finds no tools of the system.
_PATH = 'case $PATH in *:/sbin) ;; *) PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" ;; esac\n'

#: Seconds for one of them.
_PATIENCE = 10


def first_line(printed: str) -> str:
    return printed.strip().partition("\n")[0].rstrip()


@dataclass(frozen=True)
class HostCheck:
    """`fact` of each host, in `area` (one of AREAS): a cell of the table, remembered in snapshots, and judged.

    `ask`: a few lines of POSIX sh that print the value; they print nothing, or fail, where the host has none. They
    write nothing, take a moment, and never say `exit`: all questions are one script. `read` makes the cell of what was
    printed, by default its first line; an empty cell is neither shown nor judged.

    `sound`: whether a cell is as it should be; None where there is nothing to judge. If it is not, there is a finding
    of `severity` with `expected`, `why` it matters and a `hint` of what to do. `said`: the whole sentence, where the
    fact, what was found and what was expected do not make one. In `hint` and `said`: {host} and {found}.

    `causes`: facts that explain it: while one of them is reported for a host, this one is not. `lasting`: whether
    another value than last week's is worth a word. `good` and `bad`: examples of what hosts print, for the tests.
    """

    area: str
    fact: str
    ask: str
    read: Callable[[str], str] = first_line
    sound: Callable[[str], bool] | None = None
    severity: Severity = Severity.WARNING
    expected: str = ""
    why: str = ""
    hint: str = ""
    said: str = ""
    causes: tuple[str, ...] = ()
    lasting: bool = True
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()

    def cell(self, facts: Facts) -> str:
        return self.read(facts.printed.get(self.fact, ""))

    def judge(self, node: Node, facts: Facts) -> Iterator[Finding]:
        cell = self.cell(facts)
        if not cell or self.sound is None or self.sound(cell):
            return
        words = {"host": node.name, "found": cell}
        yield Finding(
            node.name,
            self.area,
            self.fact,
            self.severity,
            found=cell,
            expected=self.expected,
            against=Against.SOUND,
            why=self.why,
            hint=typed(self.hint, words),
            said=self.said.format(**words),
        )


@functools.cache
def host_checks() -> tuple[HostCheck, ...]:
    """Of all files of this folder, by their names."""
    from provision.checks import host

    names = sorted(module.name for module in pkgutil.iter_modules(host.__path__))
    modules = [import_module(f"{host.__name__}.{name}") for name in names]
    return tuple(module.CHECK for module in modules if hasattr(module, "CHECK"))


def questions() -> Mapping[str, Script]:
    """Fact → what a host is asked about it."""
    return {check.fact: Script(_PATH + check.ask, timeout=_PATIENCE) for check in host_checks()}


def of_host(cluster: Cluster) -> Iterator[Finding]:
    for node in cluster.nodes:
        if node.facts is not None:
            for check in host_checks():
                yield from check.judge(node, node.facts)
