"""What pip and uv are set up with on this machine: what counts, alike for locking and fetching, and what does not."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from locked_index import locked
from package_index import Index, write_wheel

from provision.core.errors import LockError
from provision.environment.ambient import ambient, for_pip, for_uv, pip_settings, sealed
from provision.environment.lock_text import header_of
from provision.environment.lockfile import LockStale, make_lock, read_lock
from provision.environment.wheels import fetch_wheels
from provision.inventory.models import Python


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    for version in ("1.0", "2.0", "3.0rc1"):
        index.add("tiny", version)
    return index


@pytest.fixture
def python(index: Index) -> Python:
    return Python(version="3.11", packages=("tiny",), index=index.url)


CHOOSING = {
    "UV_RESOLUTION": "lowest",
    "UV_PRERELEASE": "allow",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_CONSTRAINT": "constraints.txt",
    "UV_OVERRIDE": "constraints.txt",
    "UV_NO_BINARY": "1",
    "UV_CONFIG_FILE": "uv.toml",
    "UV_CUSTOM_COMPILE_COMMAND": "other",
    "PIP_CONSTRAINT": "constraints.txt",
    "PIP_PRE": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_NO_INDEX": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONINSPECT": "1",
    "RUST_LOG": "trace",
}


@pytest.mark.parametrize("name", CHOOSING)
def test_no_variable_chooses_other_packages(
    name: str, python: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = make_lock(python, tmp_path / "a.lock")
    assert lock.packages == {"tiny": "2.0"}
    (tmp_path / "constraints.txt").write_text("tiny==1.0\n")
    (tmp_path / "uv.toml").write_text('resolution = "lowest"\n')
    value = CHOOSING[name]
    monkeypatch.setenv(name, str(tmp_path / value) if "." in value else value)
    assert make_lock(python, tmp_path / "b.lock").text == lock.text
    assert set(fetch_wheels(lock, python, tmp_path / "cache")) == {"tiny"}


def test_nor_do_settings_of_uv_or_pip(python: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("uv/uv.toml", 'resolution = "lowest"\n'), ("pip/pip.conf", "[global]\nno-binary = :all:\n")):
        (tmp_path / "config" / name).parent.mkdir(parents=True)
        (tmp_path / "config" / name).write_text(text)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PIP_CONFIG_FILE")
    lock = make_lock(python, tmp_path / "a.lock")
    assert lock.packages == {"tiny": "2.0"}
    assert set(fetch_wheels(lock, python, tmp_path / "cache")) == {"tiny"}


def test_the_index_of_pip_counts_for_locking_and_fetching_and_stands_in_the_inputs(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = Python(version="3.11", packages=("tiny",))
    said: list[str] = []
    with locked(index) as server:
        settings = tmp_path / "pip.conf"
        settings.write_text(
            f"[global]\nindex-url = http://elsewhere.example/simple\n[download]\nindex-url={server.url()}\n"
        )
        monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
        lock = make_lock(python, tmp_path / "a.lock", say=said.append)
        fetch_wheels(lock, python, tmp_path / "cache")
        assert server.let_in and server.seen == set()
    here = dict(part.split("=") for part in header_of(lock.text)["inputs"].split())
    assert "here" in here and "canary" not in lock.text
    assert [line for line in said if "hosts do not have them" in line and "index" in line]
    # It makes nobody else's lock stale.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert read_lock(tmp_path / "a.lock", python) == lock


def test_settings_are_read_in_pips_order(tmp_path: Path) -> None:
    for place, text in {
        "xdg/pip/pip.conf": "[global]\nindex-url = a\ncert = all\n[download]\ntimeout = 9\n",
        "home/pip/pip.conf": "[global]\nindex_url = b\ntimeout = 1\nfind-links =\n    c\n    d\n",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    given = {"XDG_CONFIG_DIRS": str(tmp_path / "xdg"), "XDG_CONFIG_HOME": str(tmp_path / "home"), "PIP_CERT": "mine"}
    found = pip_settings(given)
    assert (found["index-url"], found["cert"], found["timeout"]) == ("b", "mine", "9")
    assert ambient(given).find_links == (str(Path("c").absolute()), str(Path("d").absolute()))


def test_how_an_index_is_reached_is_told_to_both() -> None:
    given = {
        "PIP_CERT": "/ca.pem",
        "PIP_KEYRING_PROVIDER": "import",
        "PIP_PROXY": "http://proxy:1",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    found = ambient(given)
    assert for_uv(found, {"https_proxy": "http://own:1"}) == {
        "SSL_CERT_FILE": "/ca.pem",
        "HTTP_PROXY": "http://proxy:1",
        "UV_KEYRING_PROVIDER": "subprocess",
    }
    assert for_pip(found) == {"PIP_CERT": "/ca.pem", "PIP_KEYRING_PROVIDER": "import", "PIP_PROXY": "http://proxy:1"}
    kept = {"UV_INDEX_MINE_PASSWORD": "p", "UV_SYSTEM_CERTS": "1", "SSL_CERT_FILE": "/a", "NETRC": "/n", "PATH": "/bin"}
    dropped = {
        "UV_PRERELEASE": "allow",
        "PIP_PRE": "1",
        "PYTHONWARNINGS": "error",
        "RUST_LOG": "trace",
        "FORCE_COLOR": "1",
    }
    assert sealed({**kept, **dropped}) == {**kept, "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": "/dev/null", "NO_COLOR": "1"}


@pytest.mark.parametrize(
    ("given", "pip", "uv"),
    [
        ({"REQUESTS_CA_BUNDLE": "/ca.pem"}, {"PIP_CERT": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"CURL_CA_BUNDLE": "/etc"}, {"PIP_CERT": "/etc"}, {"SSL_CERT_DIR": "/etc"}),
        ({"SSL_CERT_FILE": "/ca.pem"}, {"PIP_CERT": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"SSL_CLIENT_CERT": "/me.pem"}, {"PIP_CLIENT_CERT": "/me.pem"}, {"SSL_CLIENT_CERT": "/me.pem"}),
        ({"UV_INSECURE_HOST": "a b"}, {"PIP_TRUSTED_HOST": "a b"}, {"UV_INSECURE_HOST": "a b"}),
        ({"UV_HTTP_TIMEOUT": "90"}, {"PIP_TIMEOUT": "90"}, {"UV_HTTP_TIMEOUT": "90"}),
        ({"PIP_DEFAULT_TIMEOUT": "1.5"}, {"PIP_TIMEOUT": "1.5"}, {"UV_HTTP_TIMEOUT": "2"}),
        ({"PIP_RETRIES": "0"}, {"PIP_RETRIES": "0"}, {"UV_HTTP_RETRIES": "0"}),
        ({"UV_KEYRING_PROVIDER": "subprocess"}, {"PIP_KEYRING_PROVIDER": "subprocess"},
         {"UV_KEYRING_PROVIDER": "subprocess"}),
        ({"PIP_PROXY": "http://p:1"}, {"PIP_PROXY": "http://p:1"},
         {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:1"}),
    ],
    ids=str,
)  # fmt: skip
def test_one_of_the_two_is_set_up_and_the_other_does_the_same(
    given: dict[str, str], pip: dict[str, str], uv: dict[str, str]
) -> None:
    found = ambient({**given, "PIP_CONFIG_FILE": "/dev/null"})
    env = sealed(given)
    assert for_pip(found) == pip
    assert {name: value for name, value in {**env, **for_uv(found, env)}.items() if name in uv} == uv


def test_an_index_of_uvs_with_a_name_has_its_password_in_variables_by_that_name() -> None:
    given = {
        "UV_DEFAULT_INDEX": "main-one=https://a.test/simple",
        "UV_INDEX": "own=https://me@b.test/ https://c.test/?x=y",
        "UV_INDEX_MAIN_ONE_USERNAME": "me",
        "UV_INDEX_MAIN_ONE_PASSWORD": "p@ss/w",
        "UV_INDEX_OWN_PASSWORD": "other",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    found = ambient(given)
    assert found.index == "https://me:p%40ss%2Fw@a.test/simple"
    assert found.extra_indexes == ("https://me@b.test/", "https://c.test/?x=y")


def test_where_pip_has_no_index_its_folders_are_all(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "tiny-1.0-py3-none-any.whl", "tiny", "1.0")
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\nindex-url = {index.url}\nfind-links = .\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    # pip takes them from where it is started.
    monkeypatch.chdir(tmp_path)
    python = Python(version="3.11", packages=("tiny",))
    lock = make_lock(python, tmp_path / "a.lock")
    assert lock.packages == {"tiny": "1.0"}
    assert set(fetch_wheels(lock, python, tmp_path / "cache")) == {"tiny"}
    with pytest.raises(LockError) as raised:
        make_lock(python.model_copy(update={"packages": ("other",)}), tmp_path / "b.lock")
    assert "`no-index`" in raised.value.hint
    # What the inventory says counts.
    assert make_lock(python.model_copy(update={"index": index.url}), tmp_path / "c.lock").packages == {"tiny": "2.0"}


def test_settings_that_pip_could_not_read_either_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "pip.conf"
    broken.write_text("index-url = a\n")
    with pytest.raises(LockError, match=r"pip\.conf`, which pip is set up with, cannot be read"):
        ambient({"PIP_CONFIG_FILE": str(broken)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("index-url = https://me:geheim@own.test/simple\n", "line 1 stands before the first section"),
        ("[global]\nme geheim own.test\n", "line 2 is no `name = value`"),
        ("[global]\nindex-url = https://me:geheim@own.test/\nindex-url = b\n", "line 3 sets `index-url` for"),
        ("[global]\ntimeout = 1\n[global]\ncert = geheim\n", "line 3 begins a section for"),
    ],
)
def test_a_password_in_a_line_that_cannot_be_read_is_not_shown(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(text)
    with pytest.raises(LockError) as raised:
        pip_settings({"PIP_CONFIG_FILE": str(config)})
    assert said in raised.value.message
    shown = "".join(traceback.format_exception(raised.value))
    assert "geheim" not in shown


def test_both_of_uvs_variables_count_and_an_empty_part_is_no_folder() -> None:
    given = {"UV_INDEX": "own=https://a.test/", "UV_EXTRA_INDEX_URL": "https://b.test/", "UV_FIND_LINKS": "/wheels,"}
    found = ambient({**given, "PIP_CONFIG_FILE": "/dev/null"})
    assert found.extra_indexes == ("https://a.test/", "https://b.test/")
    assert found.find_links == ("/wheels",)


def test_a_prerelease_of_a_dependency_is_a_setting(index: Index, tmp_path: Path) -> None:
    python = Python(version="3.11", packages=("tiny",), index=index.url)
    allowed = python.model_copy(update={"prereleases": "allow"})
    assert make_lock(python, tmp_path / "a.lock").packages == {"tiny": "2.0"}
    assert make_lock(allowed, tmp_path / "b.lock").packages == {"tiny": "3.0rc1"}
    with pytest.raises(LockStale, match=r"python\.prereleases"):
        read_lock(tmp_path / "b.lock", python)


def test_files_of_constraints_name_others_relative_to_themselves(python: Python, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "constraints.txt").write_text("-r more/first.txt  # ours\n")
    (tmp_path / "more/first.txt").write_text("--constraint=second.txt\n")
    (tmp_path / "more/second.txt").write_text("tiny<2\n")
    asked = python.model_copy(update={"constraints": ("constraints.txt",)})
    assert make_lock(asked, tmp_path / "a.lock").packages == {"tiny": "1.0"}
    (tmp_path / "more/second.txt").write_text("-r ../constraints.txt\n")
    with pytest.raises(LockError, match="names itself"):
        make_lock(asked, tmp_path / "a.lock")
    (tmp_path / "more/second.txt").unlink()
    with pytest.raises(LockError, match=r"second\.txt`, which `first\.txt` names, cannot be read"):
        make_lock(asked, tmp_path / "a.lock")


def test_packages_may_stand_in_a_file_beside_the_inventory(python: Python, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# ours\ntiny<2\n")
    asked = python.model_copy(update={"packages": ("requirements.txt",)})
    lock = make_lock(asked, tmp_path / "a.lock")
    assert lock.packages == {"tiny": "1.0"} and read_lock(tmp_path / "a.lock", asked) == lock
    (tmp_path / "requirements.txt").write_text("tiny\n")
    with pytest.raises(LockStale, match=r"python\.packages"):
        read_lock(tmp_path / "a.lock", asked)
