"""What a newcomer does, step by step, and what each step has to come to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import left
import readme
from base import USER, USER_ID
from machine import Machine, Typed
from who import ROOT, Who

#: The machines that newcomers have. Each is tried with every suite.
WHO = {
    "root": ROOT,
    "user": Who(USER_ID, USER, f"/home/{USER}"),
    "container": replace(ROOT, confined=True),
    "no-passwd": Who(12345, "", ""),
}
#: Whose machine a command is typed on unless said otherwise: whom passwd does not know owns no folder for a `.venv`.
TYPED = {"demo": [*WHO], "tests": [name for name, who in WHO.items() if who.name]}
#: What a look at what is missing may take in: names that are resolved, no package.
NOTHING = 100_000  # bytes
PLAN = """\
cluster: first
hosts:
  a: {address: 127.0.0.9}
"""


@dataclass(frozen=True)
class Step:
    """What was typed, and what is wrong about what came of it: empty if nothing is."""

    typed: Typed
    wrong: str = ""

    def verdict(self) -> str:
        code = "–" if self.typed.code is None else self.typed.code
        measured = f"exit code {code}  {self.typed.seconds:4.0f} s  {self.typed.received / 1e6:6.1f} MB"
        first, *more = self.typed.command.splitlines()
        verdict = f"WRONG: {self.wrong}" if self.wrong else "as it should"
        return f"{measured}  {verdict}  $ {first}{' …' if more else ''}"


def demo(machine: Machine, who: Who) -> Iterator[Step]:
    """The README's first command. Where it names programs that only root can install, they are installed as it says,
    and it is typed again."""
    command, _ = readme.commands(readme.README.read_text())
    _, last = readme.split(command)
    before = left.there(machine, who)
    first = machine.type(who, command)
    hint = asked_for(first.output)
    if first.code in (0, None) or not hint or who == ROOT:
        yield Step(first, must_end_well(first) or must_leave_nothing(machine, who, before, first))
        return
    yield Step(first, must_be_clear(first))
    again = machine.type(who, last)
    fetched = again.received > NOTHING and f"it fetched {again.received} bytes before it said what is missing"
    yield Step(again, must_be_clear(again) or fetched or "")
    yield from must_all_end_well(machine.type(ROOT, hint, folder="/", answer="y\n"))
    before = left.there(machine, who)
    then = machine.type(who, last)
    yield Step(then, must_end_well(then) or must_leave_nothing(machine, who, before, then))


def tests(machine: Machine, who: Who) -> Iterator[Step]:
    """The README's second command, after what it takes from the first."""
    first, second = readme.commands(readme.README.read_text())
    yield from must_all_end_well(machine.type(who, readme.split(first)[0]))
    yield from must_all_end_well(machine.type(who, second))


def nobody(machine: Machine, who: Who) -> Iterator[Step]:
    """Commands of a user whom passwd does not know, without HOME, in a folder that root owns, as an image's user has
    them: each works, or says what stands in its way."""
    install, demo = readme.split(readme.commands(readme.README.read_text())[0])
    yield from must_all_end_well(machine.type(ROOT, install, folder=who.tree))
    yield from must_all_end_well(machine.type(who, ".venv/bin/provision --version"))
    yield from must_all_end_well(machine.type(ROOT, f"cat > inventory.yaml <<'END'\n{PLAN}END", folder=who.tree))
    plan = machine.type(who, ".venv/bin/provision plan inventory.yaml")
    # Nothing listens there: 4 is "a host could not be reached".
    yield Step(plan, must_be_clear(plan) or ("" if plan.code == 4 else "4 was expected"))
    first = machine.type(who, demo)
    yield Step(first, must_be_clear(first))
    if hint := asked_for(first.output):
        yield from must_all_end_well(machine.type(ROOT, hint, folder="/", answer="y\n"))
        again = machine.type(who, demo)
        yield Step(again, must_be_clear(again))


def must_all_end_well(typed: Typed) -> Iterator[Step]:
    yield Step(typed, must_end_well(typed))


def must_end_well(typed: Typed) -> str:
    return "" if typed.code == 0 else "it took too long" if typed.code is None else "it failed"


def must_leave_nothing(machine: Machine, who: Who, before: left.There, typed: Typed) -> str:
    """Nothing but what it names."""
    more = left.unnamed(left.there(machine, who).beside(before), typed.output)
    return f"it left, and did not say so: {'; '.join(more)}" if more else ""


def must_be_clear(typed: Typed) -> str:
    """An error that tells what to do, or none."""
    if typed.code == 0:
        return ""
    if typed.code is None:
        return "it took too long"
    if re.search(r"^Traceback|^bug:", typed.output, re.MULTILINE):
        return "it broke"
    return "" if re.search(r"^hint: ", typed.output, re.MULTILINE) else "it gave no hint"


def asked_for(output: str) -> str:
    """The command that a message says root should type to install something."""
    found = re.search(r"^hint: .*?((?:apt-get|apt) install [^`\n]*(?:\n +[^`\n]+)*)", output, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""
