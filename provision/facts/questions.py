"""Short questions of a host, all in one script: a shell for each of them costs the host more than the answer does."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Script

#: In front of the number and the exit code of each question, behind what it has printed.
_ENDED = "\036"

#: Seconds for all of them: each is done in a moment, and one that hangs is not to hold up the host for long.
_PATIENCE = 30.0


def in_one(questions: Mapping[str, Script]) -> Script:
    """`questions`: such as have no variables. One that fails keeps no other from its answer; none may end the shell."""
    asked = (f"{q.body}\nprintf '{_ENDED}{number} %s\\n' $?\n" for number, q in enumerate(questions.values()))
    return Script("".join(asked), timeout=_PATIENCE, whole=True)


def out_of_one(questions: Mapping[str, Script], printed: str) -> dict[str, str]:
    """By the names of `questions`, what each printed; without those that failed, or printed nothing. Raises ValueError
    if the script has not come to its end."""
    found, rest = {}, printed
    for number, name in enumerate(questions):
        said, ended, rest = rest.partition(f"{_ENDED}{number} ")
        code, line, rest = rest.partition("\n")
        if not (ended and line):
            raise ValueError(f"the question `{name}` has ended the shell")
        if code == "0" and said:
            found[name] = said
    return found
