"""Names that come from a hub, a mirror or a manifest: none of them leads out of the model's folder."""

from __future__ import annotations

import os
import unicodedata
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.payload.weights.manifest import FORMAT, MOST, Entry, parsed, written
from provision.payload.weights.names import clashes, fault, leaves
from provision.payload.weights.repository import LARGEST, Unfit, commit_of, wanted
from provision.payload.weights.selection import needed, only_pickles

SHA256, SHA1 = "ab" * 32, "cd" * 20

#: Names as an attacker would write them, and any others.
pieces = st.sampled_from(["..", ".", "", "etc", "a", "A", "config.json", "x.safetensors", "x.py", "x.PKL", "\\", "~"])
crafted = st.lists(pieces | st.text(max_size=8), max_size=6).map("/".join)
any_name = crafted | st.text()


def sibling(name: object, size: object = 1, sha256: str = SHA256, blob: str = "") -> SimpleNamespace:
    return SimpleNamespace(
        rfilename=name, size=size, lfs=SimpleNamespace(sha256=sha256) if sha256 else None, blob_id=blob
    )


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/cron.d/pwn", "//etc/passwd", "../x", "a/../../x", "a/..", "a/./b", "a//b", "a/", "a\0b", "a\nb",
        "a\\..\\b", "\\\\server\\x", "a\rb", "a\x1b[2Jb", "a\u202eb", "a\u200bb", "a\u2028b", "\ufeffa", "a\u00a0b",
        " a", "a ", "a/ b", "a\u3164", "a\ufe0f", "\ud800", "a\ue000", "x" * 256, "/".join(["x" * 200] * 6),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_refused_with_its_reason(name: str) -> None:
    assert fault(name)


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "1_Pooling/config.json",
        "model-00001-of-00002.safetensors",
        "a b.safetensors",
        "Größe.json",
        "模型.json",
    ],
)
def test_a_plain_one_is_taken(name: str) -> None:
    assert not fault(name)


@given(any_name)
def test_what_is_taken_stays_inside(name: str) -> None:
    if not fault(name):
        assert os.path.normpath(f"/models/here/{name}") == f"/models/here/{name}"
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in name)
        assert len(os.fsencode(name)) <= 1024


@pytest.mark.parametrize(
    "names",
    [
        ["config.json", "Config.JSON"],
        ["stra\u00dfe", "STRASSE"],
        ["e\u0301.json", "\u00e9.json"],
        ["a", "a/b.json"],
        ["A", "a/b/c.json"],
        ["\ufb01le", "file"],
    ],
)
def test_names_that_cannot_lie_beside_each_other_are_told(names: list[str]) -> None:
    assert list(clashes(names))
    with pytest.raises(Unfit, match="bad names"):
        wanted("acme/tiny", [sibling(name) for name in names], pickles=True, code=True)


def test_others_can() -> None:
    assert not list(clashes(["a/b.json", "a/c.json", "ab", "a.json", "b/a.json"]))


@given(st.lists(any_name, max_size=8), st.booleans(), st.booleans())
def test_what_a_hub_names_is_refused_or_stays_inside(names: list[str], pickles: bool, code: bool) -> None:
    try:
        found = wanted("acme/tiny", [sibling(name) for name in names], pickles=pickles, code=code)
    except Unfit as unfit:
        assert unfit.lines
        return
    for name in found:
        assert not fault(name)
        assert not any(part.startswith(".") for part in name.split("/")), "one of ours could be hidden"
        assert code or not name.lower().endswith(".py")
        assert pickles or not name.lower().endswith((".bin", ".pt", ".pkl", ".ckpt", ".pth"))
    assert not list(clashes(found))


@given(
    st.none() | st.integers() | st.text() | st.floats() | st.binary(),
    st.none() | st.booleans() | st.integers() | st.text(),
)
def test_a_hub_may_say_anything(name: object, size: object) -> None:
    try:
        (file,) = wanted("acme/tiny", [sibling(name, size)], pickles=True, code=True).values()
    except Unfit:
        return
    except ValueError:  # nothing of it is needed
        return
    assert isinstance(size, int) and 0 <= file.size <= LARGEST


def test_a_file_that_nobody_names_a_hash_of_is_refused() -> None:
    for without in (sibling("config.json", sha256="", blob=""), sibling("m.safetensors", sha256="not one")):
        with pytest.raises(Unfit, match="no hash"):
            wanted("acme/tiny", [without], pickles=False, code=False)
    (small,) = wanted("acme/tiny", [sibling("config.json", sha256="", blob=SHA1)], pickles=False, code=False).values()
    assert (small.sha256, small.blob) == ("", SHA1)


def test_the_hash_of_a_large_files_pointer_is_not_the_files() -> None:
    (large,) = wanted("acme/tiny", [sibling("m.safetensors", blob=SHA1)], pickles=False, code=False).values()
    assert (large.sha256, large.blob) == (SHA256, "")
    assert not large.is_like(1, "ef" * 32, lambda: SHA1)


@pytest.mark.parametrize("said", [None, 7, "", "main", "../" * 14, "a" * 39, "a" * 41, "A" * 40, f"{'a' * 40}\n"])
def test_a_commit_is_nothing_else(said: object) -> None:
    with pytest.raises(Unfit):
        commit_of("acme/tiny", said)
    assert commit_of("acme/tiny", "a" * 40) == "a" * 40


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "consolidated.pt", "PYTORCH_MODEL.BIN"])
def test_only_pickles_block_and_name_the_files(pickle: str) -> None:
    files = [sibling("config.json", sha256="", blob=SHA1), sibling(pickle)]
    with pytest.raises(Unfit, match=r"^pickles: ") as raised:
        wanted("acme/tiny", files, pickles=False, code=False)
    assert raised.value.lines[1:] == (pickle,)
    assert set(wanted("acme/tiny", files, pickles=True, code=False)) == {"config.json", pickle}


def test_beside_safetensors_a_pickle_is_left_out() -> None:
    names = [
        "config.json",
        "m.safetensors",
        "training_args.bin",
        "optimizer.PKL",
        "x/rng.ckpt",
        "modeling.py",
        "run.sh",
    ]
    assert needed(names, pickles=False, code=False) == ["config.json", "m.safetensors"]
    assert needed(names, pickles=False, code=True) == ["config.json", "m.safetensors", "modeling.py", "run.sh"]
    assert only_pickles(names) == []


def test_a_manifest_says_what_was_written_into_it_whatever_the_names() -> None:
    files = {name: Entry(3, "1.0000000000", SHA256) for name in ("a b", "\udcff", "\u2028", "x\x85y", "z=1")}
    assert parsed(written(files, {"stamp": "x"}))[1] == files


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_a_manifest_may_hold_anything(text: str) -> None:
    for document in (text, f"{FORMAT}\n{text}", f"{FORMAT}\nbytes=1\n\n{text}"):
        about, files = parsed(document)
        assert all("\n" not in value for value in about.values())
        for name, entry in files.items():
            assert not leaves(name)
            assert entry.size >= 0 and (entry.sha256 == "" or len(entry.sha256) == 64)


@given(any_name)
def test_a_line_of_a_manifest_leads_nowhere_else(name: str) -> None:
    for found in parsed(f"{FORMAT}\n\n{SHA256} 1 1.0 {name}\n")[1]:
        assert os.path.normpath(f"/m/{found}") == f"/m/{found}"


@pytest.mark.parametrize(
    "line",
    [
        f"{SHA256} {'9' * 5000} 1.0 a", f"{SHA256} -1 1.0 a", f"{SHA256} \u0663 1.0 a", f"{SHA256[:-1]} 1 1.0 a",
        f"{SHA256} 1 soon a", f"{SHA256} 1 1.0 ", f"{SHA256} 1 1.0 ../a", f"{SHA256} 1 1.0 /a",
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_left_out(line: str) -> None:
    assert parsed(f"{FORMAT}\n\n{line}\n{SHA256} 2 1.0 b\n")[1] == {"b": Entry(2, "1.0", SHA256)}


def test_a_huge_one_is_read_as_far_as_a_model_goes() -> None:
    line = f"{SHA256} 1 1.0 "
    body = "".join(f"{line}{number}\n" for number in range(MOST + 10))
    assert len(parsed(f"{FORMAT}\n\n{body}")[1]) <= MOST + 1
