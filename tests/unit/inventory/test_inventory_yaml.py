"""Files that are no inventory, and YAML that surprises."""

import pytest

from provision.core.errors import InventoryError
from provision.inventory import load

OK = "cluster: demo\nhosts: {a: {role: head}}\n"


def test_a_key_that_stands_twice(problem):
    assert problem(OK + "sudo: true\nsudo: false\n") == (
        "4:1",
        "",
        "the key `sudo` occurs twice, first in line 3",
        "remove one of the two",
    )


def test_tabs_in_the_indentation_all_of_them(problems):
    found = problems("cluster: demo\nhosts:\n\ta:\n  \tb:\n")
    assert [(p.line, p.column) for p in found] == [(3, 1), (4, 3)]
    assert found[0].message == "a tab in the indentation: YAML allows only spaces there"


@pytest.mark.parametrize("word, truth", [("no", "false"), ("Yes", "true"), ("on", "true"), ("OFF", "false")])
def test_words_that_half_of_all_readers_take_for_truth_values(problem, word, truth):
    where, path, message, hint = problem(OK + f"env: {{X: {word}}}\n")
    assert (where, path) == ("3:10", "env.X")
    assert message == f"`{word}` without quotes may be read as a boolean or as text"
    assert hint == f'write `{truth}`, or `"{word}"` for the text'


def test_such_a_word_where_a_truth_value_is_wanted_is_one_mistake(problem):
    assert problem(OK + "sudo: yes\n")[0] == "3:7"


def test_such_a_word_in_quotes_is_text(read):
    assert read(OK + 'env: {X: "no"}\n').head.env == {"X": "no"}


@pytest.mark.parametrize("key", ["1", "true", "no", "~", "3.5"])
def test_a_key_that_is_no_word(problem, key):
    where, path, message, hint = problem(OK + f"env:\n  {key}: x\n")
    assert (where, path) == ("4:3", "env")
    assert message == f"a key should be a word, found `{key}` without quotes"
    assert hint == f'write `"{key}"`'


def test_a_host_that_is_named_without_quotes_is_not_none(problem):
    found = problem("cluster: llama\nhosts:\n  1: {address: 10.0.0.1}\n")
    assert found[2:] == ("a key should be a word, found `1` without quotes", 'write `"1"`')


@pytest.mark.parametrize("first", ["hosts:\n  1: {role: head}\n", "groups:\n  1: {hosts: [b], role: head}\nhosts:\n"])
def test_a_head_that_is_named_without_quotes_is_not_missed(problem, first):
    found = problem("cluster: llama\n" + first + "  b: {address: 10.0.0.2}\n  c: {address: 10.0.0.3}\n")
    assert found[2:] == ("a key should be a word, found `1` without quotes", 'write `"1"`')


def test_a_list_as_a_key(problem):
    assert problem(OK + "env:\n  [a]: x\n")[:3] == ("4:3", "env", "a key should be a word, found a list")


def test_a_second_document(problem):
    where, _, message, _ = problem(OK + "---\ncluster: other\n")
    assert (where, message) == ("3:1", "a second document begins here: an inventory is one")


def test_a_bomb_of_aliases(problem):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for low, high in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{high}: &{high} [{', '.join([f'*{low}'] * 9)}]\n"
    _, _, message, hint = problem(bomb)
    assert message == "aliases expand to more than 50000 values"
    assert "gpu-[01:64]" in hint


def test_an_alias_of_what_it_is_part_of(problem):
    _, _, message, _ = problem("a: &a [*a]\n")
    assert message == "an alias refers to what it is part of"


def test_nesting_without_end(problem):
    _, _, message, _ = problem("a: " + "[" * 5000 + "]" * 5000)
    assert message == "nested deeper than 32 levels"


def test_a_file_too_large(problem):
    assert problem("# " + "x" * (1 << 20))[2] == "is larger than 1 MiB"


def test_an_empty_file(problem):
    assert problem("# nothing\n")[:3] == ("1:1", "", "the file is empty")


@pytest.mark.parametrize("text, found", [("- a\n- b\n", "a list"), ("word\n", "`word`")])
def test_a_file_that_is_no_mapping(problem, text, found):
    assert problem(text)[:3] == ("1:1", "", f"the file should be a mapping of settings, found {found}")


def test_a_tag(problem):
    where, path, message, _ = problem(OK + "vars: {x: !!python/name:os.system y}\n")
    assert (where, path) == ("3:11", "vars.x")
    assert message == "the tag `!!python/name:os.system` has no meaning in an inventory"


def test_an_ansible_vault(problem):
    assert "secrets" in problem(OK + "vars:\n  x: !vault |\n    $ANSIBLE_VAULT\n")[3]


def test_a_control_character(problem):
    assert problem(OK + 'env: {X: "a\\0b"}\n')[:3] == ("3:10", "env.X", "a control character cannot be part of a value")


@pytest.mark.parametrize(
    "line, where, message, hint",
    [
        ("driver: >=580", "4:11", "`>` or `|` begins a block of text here", '">=580"'),
        ("x: {driver: >=580}", "4:15", "`>` begins a block of text", '">=580"'),
        ("x: [ray[default]]", "4:10", "this list in `[]` does not go on here with `,` or `]`", "quotes"),
        ("a: b: c", "4:7", "a second `key: value` in one line", "quotes"),
        ("a: *b", "4:6", "this alias `*…` has no anchor `&…` above it", "quotes"),
        ('a: "b', "4:6", "the quotes that begin here are never closed", "closing quote"),
        ("a: @b", "4:6", "a value cannot begin with `@`", "quotes"),
    ],
)
def test_broken_yaml_is_explained(problem, line, where, message, hint):
    found = problem(OK + f"expect:\n  {line}\n")
    assert (found[0], found[2]) == (where, message)
    assert hint in found[3]


def test_a_misfit_of_indentation(problem):
    where, _, message, _ = problem("cluster: demo\nhosts:\n    a:\n  b:\n")
    assert (where, message) == ("4:3", "the indentation does not fit that of the lines above")


def test_a_missing_file_names_one_nearby(tmp_path):
    (tmp_path / "inventory.yaml").write_text(OK)
    with pytest.raises(InventoryError) as caught:
        load(tmp_path / "inventroy.yaml")
    (found,) = caught.value.problems
    assert str(found) == f"{tmp_path}/inventroy.yaml: no such file"
    assert found.hint == f"did you mean `{tmp_path}/inventory.yaml`?"


def test_a_missing_file_in_an_empty_folder_points_to_the_examples(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InventoryError) as caught:
        load(tmp_path / "empty" / "inventory.yaml")
    assert "provision lab up" in caught.value.problems[0].hint


def test_a_folder_instead_of_a_file(tmp_path):
    with pytest.raises(InventoryError, match="is a directory"):
        load(tmp_path)


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "i.yaml"
    path.write_bytes(b"cluster: demo\nhosts: {\xff: }\n")
    with pytest.raises(InventoryError) as caught:
        load(path)
    (found,) = caught.value.problems
    assert (found.line, found.column, found.message) == (2, 9, "is not UTF-8 text")


@pytest.mark.parametrize("text", ["[head]\ngpu-01 ansible_host=10.0.0.1\n", "gpu-01 ansible_host=10.0.0.1\n"])
def test_ansibles_ini_format(problem, text, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "ansible-inventory" in problem(text)[3]
