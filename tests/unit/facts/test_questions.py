"""Short questions travel as one script, and each still has an answer of its own."""

import subprocess

import pytest

from provision.core.script import Script
from provision.facts.questions import in_one, out_of_one


def asked(**bodies: str) -> tuple[dict[str, Script], str]:
    questions = {name: Script(body, timeout=10) for name, body in bodies.items()}
    done = subprocess.run(["sh", "-c", in_one(questions).body], stdout=subprocess.PIPE, text=True, check=False)
    return questions, done.stdout


def test_each_question_has_what_it_printed_unless_it_failed_or_printed_nothing() -> None:
    told = asked(first="echo one; echo two", fails="echo no; false", says="true", open="printf end", last="echo $#")
    assert out_of_one(*told) == {"first": "one\ntwo\n", "open": "end", "last": "0\n"}


def test_one_that_ends_the_shell_is_named() -> None:
    with pytest.raises(ValueError, match="the question `ends` has ended the shell"):
        out_of_one(*asked(first="echo one", ends="exit 0", last="echo two"))


def test_what_a_host_prints_is_the_answer_of_no_other_question() -> None:
    told = asked(first="printf 'one\\0360\\n\\0361 0\\nx'", other="echo two")
    assert out_of_one(*told) == {"first": "one\0360\n\0361 0\nx", "other": "two\n"}
