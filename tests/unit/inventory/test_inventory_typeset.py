"""Inventories that went through a word processor, a chat or a web page."""

import pytest

from provision.core.errors import Problem

OK = "cluster: demo\nhosts: {a: {role: head}}\n"

SPACE = "U+00A0 (no-break space)"


def told(found: list[Problem]) -> list[tuple[int, int, str]]:
    return [(p.line, p.column, p.message) for p in found]


@pytest.mark.parametrize(
    ("text", "line", "column", "named"),
    [
        ("cluster: demo\nhosts:\n\u00a0\u00a0a: {role: head}\n", 3, 1, SPACE),
        ("cluster: demo\nhosts:\n  a:\n    role:\u00a0head\n", 4, 5, SPACE),
        ("cluster: demo\nhosts: {a: {role: head, address: 10.0.0.1\u00a0}}\n", 2, 34, SPACE),
        (OK + "sudo: true\u200b\n", 3, 7, "U+200B (zero width space)"),
        (OK + "root: /data\u3000x\n", 3, 7, "U+3000 (ideographic space)"),
        (OK + "root: /data\u202ex\n", 3, 7, "U+202E (right-to-left override)"),
    ],
)
def test_what_looks_like_a_space_is_named_at_its_place(problems, text, line, column, named):
    found = problems(text)
    assert (line, column) in [(p.line, p.column) for p in found if named in p.message], told(found)
    assert any(p.hint == "replace it by a space, or remove it" for p in found)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (OK + "python: {version: “3.12”}\n", "the quotes of `“3.12”` are letters to YAML", 'write `"3.12"`'),
        (OK + "root: ‘/data’\n", "the quotes of `‘/data’` are letters to YAML", 'write `"/data"`'),
        (OK + "“sudo”: true\n", "the quotes of `“sudo”` are letters to YAML", 'write `"sudo"`'),
        (OK + "env: {A: „a: b“}\n", "`„` is no quote to YAML", "replace it by the quote of the keyboard"),
    ],
)
def test_quotes_that_are_letters_are_named(problems, text, said, hint):
    found = problems(text)
    assert any(p.message.startswith(said) and p.hint == hint for p in found), told(found)


def test_in_text_and_in_quotes_they_may_stand(read):
    quoted = 'env: {A: "a\u00a0b“c”"}\nvars: {note: “so”}\n# a\u00a0comment “with” quotes\n'
    said = "accept: [{id: CVE-2025-32444, reason: don’t mind\u00a0it}]\n"
    assert read(OK + quoted + said).head.env == {"A": "a\u00a0b“c”"}
    assert read(OK + "env: {A: it’s so}\n").head.env == {"A": "it’s so"}
