"""What PyYAML's complaints mean for a person who edits an inventory."""

from __future__ import annotations

import yaml

INI_HINT = "turn Ansible's INI format into YAML: `ansible-inventory -i FILE --list --yaml`"

#: (part of PyYAML's words, our words, hint); the first match wins.
_WORDS = (
    ("but found another document", "a second document begins here: an inventory is one", "remove the line `---`"),
    ("expected '<document start>'", "not YAML: the first line is complete, and more follows", INI_HINT),
    ("nested deeper", "", "an inventory needs five levels at most"),
    ("more than", "", "write the hosts as a range, such as `gpu-[01:64]`"),
    (
        "expected chomping or indentation indicators",
        "`>` or `|` begins a block of text here",
        'put the value in quotes: `driver: ">=580"`',
    ),
    ("'>' that cannot start", "`>` begins a block of text", 'put the value in quotes: `driver: ">=580"`'),
    ("'%' that cannot start", "a value cannot begin with `%`", "put the value in quotes"),
    ("'@' that cannot start", "a value cannot begin with `@`", "put the value in quotes"),
    ("'`' that cannot start", "a value cannot begin with a backquote", "put the value in quotes"),
    ("'\\t' that cannot start", "a tab where YAML allows only spaces", "replace the tab by spaces"),
    (
        "expected ',' or ']'",
        "this list in `[]` does not go on here with `,` or `]`",
        'close the bracket, or put values that hold brackets in quotes: `"ray[default]==2.56.1"`',
    ),
    (
        "expected ',' or '}'",
        "this mapping in `{}` does not go on here with `,` or `}`",
        "close the brace, or put values that hold brackets or braces in quotes",
    ),
    ("mapping values are not allowed", "a second `key: value` in one line", "indent as its neighbours, or use quotes"),
    ("could not find expected ':'", "a key without its colon", "write `key: value`, with a space after the colon"),
    ("expected <block end>", "the indentation does not fit that of the lines above", "align it with its neighbours"),
    (
        "found undefined alias",
        "this alias `*…` has no anchor `&…` above it",
        "put values that begin with `*` in quotes",
    ),
    ("found duplicate anchor", "this anchor `&…` is defined twice", "give one of the two another name"),
    ("unexpected end of stream", "the quotes that begin here are never closed", "add the closing quote"),
    ("found unexpected document separator", "quotes are never closed", "add the closing quote"),
    ("found unknown escape", "a backslash inside double quotes begins an unknown escape", "use single quotes"),
    ("undefined tag handle", "a value cannot begin with `!`", "put the value in quotes"),
)


def explain(error: Exception, text: str) -> tuple[int, int, str, str]:
    """(line, column, message, hint); line and column count from 1."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        code = ord(error.character) if isinstance(error.character, str) else error.character
        return line, column, f"the character U+{code:04X} cannot be part of an inventory", "remove it"
    if not isinstance(error, yaml.MarkedYAMLError):
        return 1, 1, "not readable as YAML", "look for an escape such as `\\U…` with an impossible number"
    words = " ".join(part for part in (error.context, error.problem) if part)
    # A quote that never closes is noticed at the end of the file, and corrected where it opens.
    opened = error.context_mark is not None and ("unexpected end of stream" in words or "block scalar" in words)
    mark = error.context_mark if opened else error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for part, message, hint in _WORDS:
        if part in words:
            return line, column, message or str(error.problem), hint
    return line, column, f"not readable as YAML: {error.problem or error.context}", ""
