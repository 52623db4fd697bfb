"""Short questions of a host, all in one script: a shell for each of them costs the host more than the answer does."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Script

#: In front of the exit code of each question, behind what it has printed.
_ENDED = "\036"


def in_one(questions: Mapping[str, Script]) -> Script:
    """`questions`: such as have no variables. One that fails keeps no other from its answer; none may end the shell."""
    body = "".join(f"{question.body}\nprintf '{_ENDED}%s\\n' $?\n" for question in questions.values())
    return Script(body, timeout=sum(question.timeout for question in questions.values()), whole=True)


def out_of_one(questions: Mapping[str, Script], printed: str) -> dict[str, str]:
    """By the names of `questions`, what each printed; without those that failed, or printed nothing. Raises ValueError
    if the script has not come to its end."""
    found, rest = {}, printed
    for name in questions:
        said, ended, rest = rest.partition(_ENDED)
        code, line, rest = rest.partition("\n")
        if not (ended and line):
            raise ValueError(f"the question `{name}` has ended the shell")
        if code == "0" and said:
            found[name] = said
    return found
