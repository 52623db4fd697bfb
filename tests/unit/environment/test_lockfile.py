"""The lock: made from an index of files, read back, and refused when it no longer fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from package_index import Index

from provision.core.errors import LockError
from provision.environment.lockfile import LockMissing, LockStale, ensure_lock, make_lock, parse_lock, read_lock
from provision.environment.resolve import compile_requirements, decisive
from provision.inventory.models import Python

HASH = "sha256:" + "ab" * 32
TEXT = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\nTiny_Name==1.0 \\\n    --hash={HASH}\n"


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    for version in ("1.0", "2.0"):
        index.add("tiny", version)
    return index


@pytest.fixture
def python(index: Index) -> Python:
    return Python(version="3.11", packages=("tiny",), index=index.url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llama.lock"


def changed(python: Python, **settings: object) -> Python:
    return python.model_copy(update=settings)


def test_a_lock_is_read_back_as_it_was_made(python, path):
    made = make_lock(python, path)
    assert made.packages == {"tiny": "2.0"}
    assert read_lock(path, python) == made
    assert made.short == made.digest[:12] and len(made.digest) == 64


def test_where_no_package_is_for_these_hosts_no_lock_is_made_and_the_markers_are_named(python, path):
    with pytest.raises(LockError, match=r"none is for Python 3\.11 on x86_64") as refused:
        make_lock(changed(python, packages=('tiny; python_version < "3.0"',)), path)
    assert "markers" in refused.value.hint and not path.exists()


def test_the_file_is_an_ordinary_requirements_file_that_names_no_index(python, path, index):
    make_lock(python, path)
    text = path.read_text()
    assert "tiny==2.0 \\\n    --hash=sha256:" in text
    assert index.url not in text and str(index.folder) not in text


def test_the_digest_is_over_content_not_over_comments_or_order(path):
    other = f"zeta==1 --hash={HASH} --hash=sha256:{'cd' * 32}\n"
    swapped = f"zeta==1 \\\n  --hash=sha256:{'cd' * 32} \\\n  --hash={HASH}\n"
    head, tiny = TEXT.rsplit("Tiny_Name", 1)
    one = parse_lock(f"{TEXT}{other}", path)
    two = parse_lock(f"{head}# a remark\n{swapped}tiny-name{tiny}", path)
    assert one.digest == two.digest and one.packages == {"tiny-name": "1.0", "zeta": "1"}
    assert parse_lock(TEXT, path).digest != one.digest
    assert parse_lock(TEXT.replace("3.11", "3.12"), path).digest != parse_lock(TEXT, path).digest


def test_requirements_can_be_parsed_again(path):
    lock = parse_lock(TEXT, path)
    assert lock.requirements == f"tiny-name==1.0 \\\n    --hash={HASH}\n"


def test_no_lock_is_told_apart_from_a_stale_one(python, path):
    with pytest.raises(LockMissing):
        read_lock(path, python)
    make_lock(python, path)
    with pytest.raises(LockStale) as caught:
        read_lock(path, changed(python, packages=("tiny==1.0",), overrides=("tiny<2",)))
    assert "python.packages, python.overrides" in str(caught.value) and "provision lock" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "stale"),
    [
        (
            {"packages": ("Tiny==1.0",)},
            "made from other settings (python.packages): tiny 2.0 in the lock, tiny==1.0 in the inventory",
        ),
        ({"packages": ("tiny", "more")}, "made from other settings (python.packages)"),
        ({"packages": ("tiny; python_version < '3'", "./tiny.whl")}, "made from other settings (python.packages)"),
        (
            {"packages": ("tiny==9",), "overrides": ("tiny<2",)},
            "made from other settings (python.packages, python.overrides): "
            "tiny 2.0 in the lock, tiny<2 in the inventory",
        ),
    ],
)
def test_a_stale_lock_says_what_the_inventory_asks_for_by_now(python, path, settings, stale):
    made = make_lock(python, path)
    assert made.stale == ""
    with pytest.raises(LockStale) as caught:
        read_lock(path, changed(python, **settings))
    assert caught.value.lock == made, "what the hosts were made to be is no longer known"
    assert caught.value.lock.stale == stale


def test_a_setting_that_changes_nothing_of_the_packages_leaves_the_lock_valid(python, path):
    make_lock(python, path)
    read_lock(path, changed(python, compile=False))


def test_a_constraint_file_is_read_and_its_change_makes_the_lock_stale(python, path, tmp_path):
    (tmp_path / "limits.txt").write_text("tiny<2\n")
    limited = changed(python, constraints=("limits.txt",))
    assert make_lock(limited, path).packages == {"tiny": "1.0"}
    read_lock(path, limited)
    (tmp_path / "limits.txt").write_text("tiny>=2\n")
    with pytest.raises(LockStale, match=r"python\.constraints"):
        read_lock(path, limited)


def test_versions_stay_until_an_upgrade_is_asked_for(python, path, index):
    make_lock(python, path)
    index.add("tiny", "3.0")
    assert make_lock(python, path).packages == {"tiny": "2.0"}
    assert make_lock(python, path, upgrade=True).packages == {"tiny": "3.0"}


def test_ensure_makes_what_is_missing_or_stale_and_nothing_else(python, path):
    ensure_lock(python, path)
    stamp = path.stat().st_mtime_ns
    said: list[str] = []
    ensure_lock(python, path, say=said.append)
    assert path.stat().st_mtime_ns == stamp and said == []
    assert ensure_lock(changed(python, packages=("tiny<2",)), path, say=said.append).packages == {"tiny": "1.0"}
    assert "made from other settings" in said[0]


def test_a_failure_leaves_the_old_lock_and_nothing_beside_it(python, path):
    make_lock(python, path)
    before = path.read_text(), sorted(path.parent.iterdir())
    with pytest.raises(LockError) as caught:
        make_lock(changed(python, packages=("tiny==9",)), path)
    assert "tiny" in " ".join(caught.value.evidence) and caught.value.hint
    assert (path.read_text(), sorted(path.parent.iterdir())) == before


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("tiny==1.0", "sha256"),
        (f"tiny>=1.0 --hash={HASH}", "tiny>=1.0"),
        ("tiny @ file:///somewhere/tiny-1.0.whl", "tiny"),
        (f"tiny==1.0 --hash={HASH[:-1]}", "sha256"),
        (f"tiny==1.0 \\\n    --hash={HASH} \\\n    --hash=md5:abc", "sha256"),
        ("--index-url https://user:word@example.org", "--index-url"),
    ],
)
def test_a_line_that_is_not_a_version_with_hashes_is_named(path, line, complaint):
    with pytest.raises(LockError, match=r"llama.lock:6: ") as caught:
        parse_lock(f"{TEXT}\n{line}\n", path)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("text", ["", "tiny==1.0\n", "# python: 3.11\n", TEXT[:30], "\x00\n# python: 3\n"])
def test_a_file_that_is_not_our_lock_is_refused(path, text):
    with pytest.raises(LockError):
        parse_lock(text, path)


def test_nothing_to_lock_and_a_backend_of_the_wrong_machine_are_refused(python, path):
    with pytest.raises(LockError, match="empty"):
        make_lock(changed(python, packages=()), path)
    with pytest.raises(LockError, match="auto"):
        make_lock(changed(python, torch_backend="auto"), path)


def test_pips_index_is_used_where_the_inventory_names_none(python, path, index, monkeypatch):
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    assert make_lock(changed(python, index=None), path).packages == {"tiny": "2.0"}


def test_a_folder_of_wheels_is_relative_to_the_inventory(python, path, tmp_path, index):
    (tmp_path / "empty" / "simple").mkdir(parents=True)
    (tmp_path / "wheels").symlink_to(index.folder / "simple" / "tiny")
    where = changed(python, index=(tmp_path / "empty" / "simple").as_uri(), find_links=("wheels",))
    assert make_lock(where, path).packages == {"tiny": "2.0"}
    with pytest.raises(LockError):
        make_lock(changed(where, find_links=()), path)


def test_an_indexs_password_is_not_in_the_argument_list(python, tmp_path, monkeypatch):
    seen: list[list[str]] = []

    def run(command, **how):
        seen.append(command)
        raise KeyboardInterrupt

    monkeypatch.setattr("provision.environment.resolve.subprocess.run", run)
    secret = changed(python, index="https://user:canary@example.org/simple", extra_indexes=("https://u:canary@e.org",))
    with pytest.raises(KeyboardInterrupt):
        compile_requirements(secret, tmp_path, tmp_path / "lock.txt")
    assert seen and "canary" not in " ".join(seen[0])


def test_evidence_is_without_boxes_notices_and_passwords():
    said = (
        "warning: old\n  × No solution found:\n  ╰─▶ Because a depends on b\n"
        "error: https://user:canary@example.org/simple/a refused"
    )
    assert decisive(said) == (
        "No solution found:",
        "Because a depends on b",
        "error: https://********@example.org/simple/a refused",
    )
