"""How every command ends, as a number that scripts can ask for. The one table: `--help` and docs/json.md show this."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """`meaning`: the same for every command. One that asks something ends with DONE or NO where there is an answer, and
    with FAILED where none could be worked out."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "done; or the answer is yes: in sync, nothing to change"
    FAILED = 1, "something failed, or could not be worked out"
    USAGE = 2, "wrong usage, inventory or playbook"
    NO = 3, "the answer is no: differences, drift, something to change"
    UNREACHABLE = 4, "a host could not be reached"
    BUSY = 5, "busy: another run is at work on the same"
    DECLINED = 6, "declined at the question"
    HUNG_UP = 129, "stopped: the terminal was closed (SIGHUP)"
    INTERRUPTED = 130, "stopped with Ctrl-C (SIGINT)"
    TERMINATED = 143, "stopped by SIGTERM"


#: A run ended so has said all that it was asked for: what comes after it may still make the number a worse one.
ANSWERED = (Exit.DONE, Exit.NO)

#: What a shell adds to the number of the signal that ended a program.
SIGNAL = 128


def table() -> str:
    """As docs/json.md has it."""
    return "".join(["| code | means |\n|---|---|\n", *(f"| {end.value} | {end.meaning} |\n" for end in Exit)])
