"""Packages that stand in a project's own files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from package_index import Index

from provision import load
from provision.core.errors import InventoryError, LockError
from provision.environment.lock_inputs import inputs_of
from provision.environment.lockfile import make_lock
from provision.environment.requirement_files import expanded, lines_for_uv, promised
from provision.inventory.models import Python

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")

UV_LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "mine"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "outer", extra = ["more"] },
    { name = "elsewhere", marker = "sys_platform == 'win32'" },
    { name = "twice", version = "1.0", marker = "python_full_version < '3.12'" },
]

[[package]]
name = "outer"
version = "1.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "inner"
version = "1.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "twice"
version = "1.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "twice"
version = "2.0"
source = { registry = "https://pypi.org/simple" }
"""
PYLOCK = """
lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "outer"
version = "1.0"
index = "https://pypi.org/simple"

[[packages]]
name = "inner"
version = "1.0"
marker = "sys_platform == 'linux'"

[[packages]]
name = "gitted"
vcs = { type = "git", url = "https://example.org/gitted", commit-id = "0123456789abcdef0123456789abcdef01234567" }
"""
PYPROJECT = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["outer<2", "inner"]\n'


def test_of_a_uv_lock_the_projects_dependencies_are_asked_for_in_its_versions(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    assert expanded(["uv.lock"], tmp_path) == [
        "outer[more]==1.0",
        "elsewhere ; sys_platform == 'win32'",
        "twice==1.0 ; python_full_version < '3.12'",
    ]
    assert lines_for_uv(["uv.lock"], tmp_path, rules=True) == ["outer==1.0", "inner==1.0"]


def test_of_a_pylock_all_is_asked_for_and_of_a_pyproject_what_it_depends_on(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(PYLOCK)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    assert expanded(["pylock.toml"], tmp_path) == [
        "outer==1.0",
        "inner==1.0 ; sys_platform == 'linux'",
        "gitted @ git+https://example.org/gitted@0123456789abcdef0123456789abcdef01234567",
    ]
    assert expanded(["pyproject.toml", "another"], tmp_path) == ["outer<2", "inner", "another"]


def test_the_versions_of_a_uv_lock_are_those_that_are_locked(tmp_path: Path) -> None:
    index = Index(tmp_path / "index")
    for version in ("1.0", "2.0"):
        index.add("inner", version)
        index.add("outer", version, METADATA="Metadata-Version: 2.1\nName: outer\nVersion: 1.0\nRequires-Dist: inner\n")
    text = UV_LOCK.replace(', extra = ["more"]', "").split('    { name = "elsewhere')
    (tmp_path / "uv.lock").write_text(text[0] + "]\n" + text[1].partition("]\n")[2])
    python = Python(version="3.11", packages=("uv.lock",), index=index.url)
    assert make_lock(python, tmp_path / "c.lock").packages == {"outer": "1.0", "inner": "1.0"}
    before = inputs_of(python, tmp_path)
    newer = (tmp_path / "uv.lock").read_text().replace('"inner"\nversion = "1.0"', '"inner"\nversion = "2.0"')
    (tmp_path / "uv.lock").write_text(newer)
    assert {name for name, digest in inputs_of(python, tmp_path).items() if before[name] != digest} == {"packages"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[project]\n", "names no packages"),
        ("pyproject.toml", "not toml", "cannot be read"),
        ("uv.lock", "version = 1\n", "of no project"),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "here"\n', "`here` without a version"),
        ("missing.toml", "", "no such file"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    if text:
        (tmp_path / name).write_text(text)
    with pytest.raises(LockError, match=said):
        expanded([name], tmp_path)


@pytest.mark.parametrize("packages", ["{file: lists/mine.txt}", "[lists/mine.txt]"])
def test_one_file_may_stand_for_the_list(tmp_path: Path, packages: str) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/mine.txt").write_text("outer<2\n")
    (tmp_path / "i.yaml").write_text(
        f"cluster: c\nhosts: {{h: {{address: 192.0.2.1, role: head}}}}\npython: {{packages: {packages}}}\n"
    )
    assert expanded(load(tmp_path / "i.yaml").python.packages, tmp_path) == ["outer<2"]


@pytest.mark.parametrize("packages", ["{files: mine.txt}", "{file: [mine.txt]}", "mine.txt"])
def test_nothing_else_may(tmp_path: Path, packages: str) -> None:
    (tmp_path / "i.yaml").write_text(
        f"cluster: c\nhosts: {{h: {{address: 192.0.2.1, role: head}}}}\npython: {{packages: {packages}}}\n"
    )
    with pytest.raises(InventoryError, match="packages"):
        load(tmp_path / "i.yaml")


HASHES = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def test_what_a_uv_lock_has_from_elsewhere_is_not_taken_from_an_index(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    text = UV_LOCK.replace(
        'name = "outer"\nversion = "1.0"\nsource = { registry = "https://pypi.org/simple" }',
        'name = "outer"\nversion = "1.0"\n'
        f'source = {{ git = "https://example.org/outer?subdirectory=a%2Fb&rev=main#{commit}" }}',
    ).replace(
        'name = "inner"\nversion = "1.0"\nsource = { registry = "https://pypi.org/simple" }',
        'name = "inner"\nversion = "1.0"\nsource = { path = "wheels/inner-1.0-py3-none-any.whl" }\n'
        f'wheels = [{{ filename = "inner-1.0-py3-none-any.whl", hash = "{HASHES[0]}" }}]',
    )
    (tmp_path / "uv.lock").write_text(text)
    assert (
        expanded(["uv.lock"], tmp_path)[0] == f"outer[more] @ git+https://example.org/outer@{commit}#subdirectory=a/b"
    )
    assert lines_for_uv(["uv.lock"], tmp_path, rules=True) == [
        f"outer @ git+https://example.org/outer@{commit}#subdirectory=a/b",
        f"inner @ {(tmp_path / 'wheels/inner-1.0-py3-none-any.whl').as_uri()}#{HASHES[0].replace(':', '=')}",
    ]


def test_the_files_that_a_projects_lock_names_are_promised(tmp_path: Path) -> None:
    files = f'wheels = [{{ url = "x", hash = "{HASHES[0]}" }}]\nsdist = {{ url = "x", hash = "{HASHES[1]}" }}'
    registry = 'name = "inner"\nversion = "1.0"\nsource = { registry = "https://pypi.org/simple" }'
    (tmp_path / "uv.lock").write_text(UV_LOCK.replace(registry, f"{registry}\n{files}"))
    assert promised(["uv.lock"], tmp_path) == {("inner", "1.0"): frozenset(HASHES)}
    plain = f'index = "https://pypi.org/simple"\nwheels = [{{ url = "x", hashes = {{ sha256 = "{"1" * 64}" }} }}]'
    (tmp_path / "pylock.toml").write_text(PYLOCK.replace('index = "https://pypi.org/simple"', plain))
    assert promised(["pylock.toml"], tmp_path) == {("outer", "1.0"): frozenset(HASHES[:1])}


def test_where_a_project_has_its_dependencies_from_counts(tmp_path: Path) -> None:
    text = PYPROJECT + (
        '[tool.uv.sources]\nOuter = { git = "https://example.org/outer", tag = "v1", subdirectory = "sub" }\n'
        'inner = { path = "../inner", editable = true }\n'
    )
    (tmp_path / "pyproject.toml").write_text(text)
    assert expanded(["pyproject.toml"], tmp_path) == [
        "outer @ git+https://example.org/outer@v1#subdirectory=sub",
        "inner @ ./../inner",
    ]
    for source in ('{ index = "mine" }', "{ workspace = true }", '[{ url = "https://example.org/a", marker = "x" }]'):
        (tmp_path / "pyproject.toml").write_text(f"{PYPROJECT}[tool.uv.sources]\ninner = {source}\n")
        with pytest.raises(LockError, match="takes `inner` from") as caught:
            expanded(["pyproject.toml"], tmp_path)
        assert "uv export" in caught.value.hint


def test_an_archive_of_a_pylock_is_the_one_of_its_hash(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "a"\n'
        f'archive = {{ path = "a-1.0.tar.gz", hashes = {{ sha256 = "{"1" * 64}" }} }}\n'
    )
    assert expanded(["pylock.toml"], tmp_path) == [f"a @ ./a-1.0.tar.gz#sha256={'1' * 64}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "package = 3"),
        ("uv.lock", 'version = 2\n[[package]]\nname = "a"\nversion = "1"\nsource = { virtual = "." }'),
        ("uv.lock", '[[package]]\nversion = "1"'),
        ("uv.lock", '[[package]]\nname = "a"\nsource = { virtual = "." }\ndependencies = [{ x = 1 }]'),
        ("pylock.toml", 'lock-version = "1.0"\npackages = 3'),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nversion = "1"'),
        ("pylock.toml", 'lock-version = "2.0"\n[[packages]]\nname = "a"\nversion = "1"'),
        ("pyproject.toml", "[[project]]\nx = 1"),
        ("pyproject.toml", "[project]\ndependencies = [1]"),
        ("pyproject.toml", '[project]\ndependencies = ["a"]\n[tool]\nuv = "x"'),
    ],
)
def test_a_file_of_another_make_is_named_with_the_way_out(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LockError, match=f"{name}`") as caught:
        expanded([name], tmp_path)
    assert "uv export" in caught.value.hint


def test_the_hash_that_a_uv_lock_has_of_an_address_goes_along(tmp_path: Path) -> None:
    url, digest = "https://example.org/far-1.0-py3-none-any.whl", "0" * 64
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname = "mine"\nsource = { virtual = "." }\ndependencies = [{ name = "far" }]\n'
        f'[[package]]\nname = "far"\nversion = "1.0"\nsource = {{ url = "{url}" }}\n'
        f'wheels = [{{ url = "{url}", hash = "sha256:{digest}" }}]\n'
    )
    assert lines_for_uv(["uv.lock"], tmp_path) == [f"far @ {url}#sha256={digest}"]
