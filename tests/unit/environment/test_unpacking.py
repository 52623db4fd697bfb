"""Images that somebody else has made, to keep whoever reads them busy, out of memory, or in a circle."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from provision.core.errors import LockError
from provision.environment import unpacking
from provision.environment.image_archive import look_inside

SITE = "usr/lib/python3.12/site-packages"
CONFIG: dict[str, object] = {"os": "linux", "architecture": "amd64", "config": {"Env": ["A=1"]}}


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, length: int | None = None) -> bytes:
    """As a tar has it. `length`: what its header says, where that is not so."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if length is None else length
    # With a base of 256, any number.
    return info.tobuf(format=tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % 512)


def layer(*packages: str) -> bytes:
    return b"".join(entry(f"{SITE}/{name}.dist-info/METADATA") for name in packages) + b"\0" * 1024


def archive(folder: Path, *layers: bytes, manifest: object = None, config: object = CONFIG) -> Path:
    names = [f"{number}.tar" for number in range(len(layers))]
    said = [{"Config": "c.json", "Layers": names}] if manifest is None else manifest
    files = {"manifest.json": json.dumps(said).encode(), "c.json": json.dumps(config).encode()}
    files |= dict(zip(names, layers, strict=True))
    path = folder / "a.tar"
    path.write_bytes(b"".join(entry(name, data) for name, data in files.items()) + b"\0" * 1024)
    return path


def refused(path: Path) -> str:
    with pytest.raises(LockError) as caught:
        look_inside(path)
    return f"{caught.value}"


def test_layers_that_are_compressed_are_read_in_their_order(tmp_path: Path) -> None:
    first, second = layer("ray-2.59.0", "vllm-0.33.0"), layer("ray-2.60.0")
    seen = look_inside(archive(tmp_path, gzip.compress(first), second))
    assert seen.packages == {"ray": "2.60.0", "vllm": "0.33.0"}
    assert look_inside(archive(tmp_path, first, gzip.compress(second))).packages == seen.packages


@pytest.mark.parametrize("shared", [1, 4], ids=["one layer", "four that are too much together"])
def test_a_layer_that_unpacks_to_far_more_than_its_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: int
) -> None:
    monkeypatch.setattr(unpacking, "FREE", 4 << 20)
    nothing = bytes((8 << 20) // shared)
    bomb = gzip.compress(entry("zeros", nothing) + layer("ray-2.60.0", "vllm-0.33.0"))
    said = refused(archive(tmp_path, *[bomb] * shared))
    assert "unpacks to more than 4" in said
    assert "expected at most 20 times its own size" in said
    monkeypatch.setattr(unpacking, "FREE", 16 << 20)
    assert look_inside(archive(tmp_path, *[bomb] * shared)).packages["ray"] == "2.60.0"


@pytest.mark.parametrize("compress", [gzip.compress, bytes], ids=["compressed", "sparse"])
def test_a_header_is_not_read_whole_because_it_says_how_long_it_is(tmp_path: Path, compress) -> None:
    """A pax header of 64 MB: all of it would be in memory at once."""
    long = 64 << 20
    bomb = compress(entry("x", bytes(long), tarfile.XHDTYPE))
    path = archive(tmp_path, bomb)
    tracemalloc.start()
    said = refused(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "a header in it is 64 MiB long" in said
    assert most < long / 2


def test_one_whose_entries_go_back_ends(tmp_path: Path) -> None:
    back = gzip.compress(entry("a", b"x" * 512) + entry("b", length=-1024))
    assert "is no whole image" in refused(archive(tmp_path, back))


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        pytest.param(gzip.compress(layer("ray-2.60.0"))[:-20], "is no whole image", id="cut off"),
        pytest.param(b"\x1f\x8b" + b"\x08" * 600, "is no whole image", id="no gzip after all"),
        pytest.param(
            gzip.compress(entry("a", length=1 << 80)), "unexpected end", id="a size that no file has, compressed"
        ),
        pytest.param(entry("a", length=1 << 80), "is no whole image", id="a size that no file has"),
        pytest.param(entry("a") + b"no header" * 100, "is no whole image", id="no header after another"),
        pytest.param(gzip.compress(entry("a") + b"no"), "is no whole image", id="a part of a header, compressed"),
        pytest.param(b"\x28\xb5\x2f\xfd" + bytes(600), "compressed by zstd", id="zstd"),
        pytest.param(bz2.compress(layer("ray-2.60.0")), "is no whole image", id="bzip2"),
    ],
)
def test_a_layer_that_is_broken_is_told_so(tmp_path: Path, inner: bytes, said: str) -> None:
    assert said in refused(archive(tmp_path, inner))


@pytest.mark.parametrize(
    ("manifest", "config"),
    [
        pytest.param([{"Config": "c.json"}], CONFIG, id="no layers"),
        pytest.param([{"Config": "c.json", "Layers": "0.tar"}], CONFIG, id="layers that are no list"),
        pytest.param([{"Config": "c.json", "Layers": [1]}], CONFIG, id="a layer that is no name"),
        pytest.param(None, [], id="a configuration that is a list"),
        pytest.param(None, {"config": {"Env": [1]}}, id="a variable that is a number"),
        pytest.param(None, {"config": 1}, id="a configuration that is a number"),
        pytest.param({}, CONFIG, id="a manifest that is no list"),
        pytest.param([{"Config": "absent", "Layers": []}], CONFIG, id="a configuration that is not there"),
    ],
)
def test_what_says_something_else_than_an_image_is_told_so(tmp_path: Path, manifest: object, config: object) -> None:
    assert "is no image" in refused(archive(tmp_path, layer("ray-2.60.0"), manifest=manifest, config=config))


def test_a_link_to_itself_is_not_followed_for_ever(tmp_path: Path) -> None:
    link = tarfile.TarInfo("manifest.json")
    link.type, link.linkname = tarfile.SYMTYPE, "manifest.json"
    (tmp_path / "a.tar").write_bytes(link.tobuf() + b"\0" * 1024)
    assert "is no image" in refused(tmp_path / "a.tar")


def test_one_that_is_compressed_as_a_whole_is_told_so(tmp_path: Path) -> None:
    path = archive(tmp_path, layer("ray-2.60.0"))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert "it is compressed" in refused(path)


def test_a_file_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a header in it"):
        unpacking.Reader(io.BytesIO()).read(unpacking.MOST_AT_ONCE + 1)
