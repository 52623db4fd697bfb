"""What runs on a host is a file that is checked as what it is, and no string in a file of another kind."""

from pathlib import Path

import pytest
from programs_in_strings import programs

ROOT = Path(__file__).parents[3]
FILES = {
    path.relative_to(ROOT).as_posix(): path
    for folder in ("provision", "playbooks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}

#: File → why there is a longer one in it.
EXCEPTIONS = {
    "provision/checks/host/logout.py": "a check is one file, as a user's own is: what it asks, and how that is judged",
    "provision/checks/host/python_headers.py": "likewise",
    "provision/core/batch.py": "the frame around every script, made anew for each batch and its nonce",
    "provision/payload/bundle.py": "the call at the end of a program that a person runs as a file",
    "provision/transport/leash.py": "a login shell reads it first, csh too: there may be no quote and no newline in it",
}


def test_no_string_is_a_program() -> None:
    found = [
        f"{path}:{one.line}: {one.lines} lines of {one.kind}"
        for path in FILES
        if path not in EXCEPTIONS
        for one in programs(FILES[path].read_text())
    ]
    assert not found, "move it to a file below provision/payload, and send it with `bundle` or `shell`"


@pytest.mark.parametrize("path", EXCEPTIONS)
def test_an_exception_is_one(path: str) -> None:
    assert [*programs(FILES[path].read_text())] and EXCEPTIONS[path]


def test_no_file_is_called_something_else_than_it_is() -> None:
    assert not [*(ROOT / "provision").rglob("*.py.*"), *(ROOT / "provision").rglob("*.sh.*")]


SHELL_OF_6 = "cd /\\nexport A=1\\nfor f in *; do\\n    echo $f\\ndone\\nrm -f x\\n"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("shell", f'GATHER = "{SHELL_OF_6}"'),
        ("shell", f'Script(f"{{LIBRARY}}\\n{SHELL_OF_6}", variables)'),
        ("shell", f'X = "{SHELL_OF_6[:30]}" + more + "{SHELL_OF_6[30:]}"'),
        ("shell", "X = 'cd /; n=$1; while [ -f $n ]; do n=$(f $n); done; rm -f $n; exit'"),
        ("shell", "X = ('cd /; n=$1; while [ -f $n ]; '\n    'do n=$(f $n); done; rm -f $n; exit')"),
        ("Python", r"PROGRAM = 'import os\nprint(os.getpid())\n'"),
        ("Python", r"""PROGRAM = f'for name in {names!r}:\n    print(name)'"""),
        ("here-document", r"""X = '"$python" - <<"PY"\nimport os\nmain()\nPY\n'"""),
        ("here-document", r"""X = f'$python - <<PY\n{SOURCE}\nmain()\nPY'"""),
    ],
)
def test_a_program_in_a_string_is_found(kind: str, line: str) -> None:
    (found,) = programs(f'"""A file."""\n\n{line}\n')
    assert found.kind == kind


@pytest.mark.parametrize(
    "line",
    [
        '"""How it goes:\n\n    import this\n    print(that)\n"""',
        "X = 'import os'",
        "X = 'cd / && rm -f $1'",
        'X = "read_stamp && alive || exit 0\\necho answers=yes"',
        'X = f"it is larger than\\nthe disk, if [it is one]; then make room\\n\\nand\\nso on\\nand\\non"',
        "X = 'a: 1\\nb: 2\\nc: 3\\n'",
    ],
)
def test_words_data_and_a_few_lines_are_no_program(line: str) -> None:
    assert not [*programs(f'"""A file."""\n\n{line}\n')]
