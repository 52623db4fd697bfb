"""An image in a file: which one it is, what is in it, and the lock that keeps that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.core.errors import LockError
from provision.environment import locks
from provision.environment.image_archive import digest_of, look_inside
from provision.environment.image_lock import image_lock_for, image_news, make_image_lock, parse_image_lock
from provision.environment.lock_text import LockBroken
from provision.inventory.runtime import Runtime
from provision.lab.image import write_image

SITE = "usr/lib/python3.12/site-packages"
RUNTIME = Runtime(container="docker", image="./a.tar")


def image(folder: Path, *packages: str, site: str = SITE, **variables: str) -> str:
    layer = folder / f"layer-{'-'.join(packages)}"
    for package in packages:
        (layer / site / f"{package}.dist-info").mkdir(parents=True, exist_ok=True)
        (layer / site / f"{package}.dist-info" / "METADATA").write_text("")
    return write_image(folder / "a.tar", "a:1", [layer], variables).removeprefix("sha256:")


def lock(folder: Path, *, make: bool = False, removes: bool = False, resolve: bool = False):
    said: list[str] = []
    path = folder / "c.lock"
    found = image_lock_for(RUNTIME, path, base=folder, make=make, say=said.append, removes=removes, resolve=resolve)
    return found, said


def test_it_is_known_by_its_configuration(tmp_path: Path) -> None:
    digest = image(tmp_path, "ray-2.60.0", "vllm-0.33.0", "My_Package-1.0")
    assert digest_of(tmp_path / "a.tar") == digest
    inside = look_inside(tmp_path / "a.tar")
    assert (inside.digest, inside.python, inside.platform) == (digest, "3.12", "linux/amd64")
    assert inside.packages == {"my-package": "1.0", "ray": "2.60.0", "vllm": "0.33.0"}


def test_the_python_is_that_of_the_packages(tmp_path: Path) -> None:
    image(tmp_path, "ray-2.60.0", "vllm-0.33.0", PYTHON_VERSION="3.12.7")
    assert look_inside(tmp_path / "a.tar").python == "3.12.7"
    image(tmp_path, "ray-2.60.0", "vllm-0.33.0", PYTHON_VERSION="3.9.1")
    assert look_inside(tmp_path / "a.tar").python == "3.12", "another one's"


@pytest.mark.parametrize("text", ["", "no tar at all", "x" * 4096])
def test_what_is_no_image_is_told_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.tar").write_text(text)
    with pytest.raises(LockError, match="image") as caught:
        look_inside(tmp_path / "a.tar")
    assert "docker save" in (caught.value.hint or "")


def test_half_an_image_is_none(tmp_path: Path) -> None:
    image(tmp_path, "ray-2.60.0", "vllm-0.33.0")
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LockError, match="image"):
        look_inside(tmp_path / "a.tar")


def test_a_file_of_a_layer_writes_no_line_of_the_lock(tmp_path: Path) -> None:
    forged = f"z-1.0\n# config: sha256:{'0' * 64}\n# name: x"
    digest = image(tmp_path, "ray-2.60.0", "vllm-0.33.0", forged)
    made = make_image_lock(RUNTIME, tmp_path / "c.lock", base=tmp_path)
    assert (made.digest, made.pulled, made.name) == (digest, "", "a:1")
    assert set(made.packages) == {"ray", "vllm"}


@pytest.mark.parametrize(
    "pulled", ["x;reboot", "--all-tags", "a/b:1", f"a@sha256:{'0' * 63}", f"a $(id)@sha256:{'0' * 64}"]
)
def test_a_lock_names_what_is_pulled_by_a_digest_or_not_at_all(pulled: str) -> None:
    text = f"# image: a\n# config: sha256:{'0' * 64}\n# pulled: {{}}\nray==1\n"
    with pytest.raises(LockBroken, match="no name of an image"):
        parse_image_lock(text.format(pulled), Path("c.lock"))
    good = f"registry.example:5000/a/b:1@sha256:{'0' * 64}"
    assert parse_image_lock(text.format(good), Path("c.lock")).pulled == good


def test_only_up_makes_the_lock(tmp_path: Path) -> None:
    digest = image(tmp_path, "ray-2.60.0", "vllm-0.33.0")
    found, said = lock(tmp_path)
    assert (found.packages, found.stale) == ({}, "absent")
    assert said == ["there is no lock at `c.lock`: `provision up` makes it"]
    assert not (tmp_path / "c.lock").exists()
    assert lock(tmp_path, resolve=True)[0].digest == digest
    made, _ = lock(tmp_path, make=True)
    assert (made.digest, made.short, made.stale) == (digest, digest[:12], "")
    assert lock(tmp_path) == (made, [])
    assert locks.parse(made.text, made.path) == made


def test_another_image_makes_it_stale_and_another_content_does_not(tmp_path: Path) -> None:
    image(tmp_path, "ray-2.60.0", "vllm-0.33.0")
    made, _ = lock(tmp_path, make=True)
    other = image(tmp_path, "ray-2.60.0", "vllm-0.34.0")
    assert lock(tmp_path)[0].digest == made.digest, "the lock says which one it is"
    assert image_news(RUNTIME, made.path, base=tmp_path)[0].startswith(f"image {made.short} → {other[:12]}")
    text = made.path.read_text().replace("# image: ./a.tar", "# image: ./b.tar")
    made.path.write_text(text)
    found, said = lock(tmp_path)
    assert found.stale == "made from another image, `./b.tar`"
    assert "`provision up` makes it" in said[0]
    assert lock(tmp_path, make=True)[0].digest == other


def test_one_without_ray_or_vllm_is_refused(tmp_path: Path) -> None:
    image(tmp_path, "ray-2.60.0")
    with pytest.raises(LockError, match="has no vllm"):
        make_image_lock(RUNTIME, tmp_path / "c.lock", base=tmp_path)
    assert not (tmp_path / "c.lock").exists()


def test_one_with_serverlessllm_needs_no_vllm(tmp_path: Path) -> None:
    image(tmp_path, "ray-2.46.0", "serverless_llm-0.8.0")
    assert make_image_lock(RUNTIME, tmp_path / "c.lock", base=tmp_path).packages["serverless-llm"] == "0.8.0"
    image(tmp_path, "serverless_llm-0.8.0")
    with pytest.raises(LockError, match="has no ray"):
        make_image_lock(RUNTIME, tmp_path / "c.lock", base=tmp_path)


def test_a_broken_lock_stops_all_but_down(tmp_path: Path) -> None:
    image(tmp_path, "ray-2.60.0", "vllm-0.33.0")
    (tmp_path / "c.lock").write_text("# image: ./a.tar\n# config: sha256:abc\n")
    with pytest.raises(LockBroken, match="which image it is"):
        lock(tmp_path)
    found, said = lock(tmp_path, removes=True)
    assert found.stale == "broken"
    assert "going on without a lock" in said[0]
    with pytest.raises(LockBroken, match=":3: `what\\?`"):
        parse_image_lock(f"# image: a\n# config: sha256:{'0' * 64}\nwhat?\n", Path("c.lock"))


def test_its_content_is_that_of_layers_and_variables(tmp_path: Path) -> None:
    """As `docker image inspect` has them on a real host: tests/hosts/test_container_sources.py."""
    import hashlib
    import tarfile

    image(tmp_path, "ray-2.60.0", "vllm-0.33.0", PATH="/usr/bin", A="b c")
    with tarfile.open(tmp_path / "a.tar") as tar:
        (config,) = (json.load(tar.extractfile(name)) for name in tar.getnames() if len(name) == 69)
    text = "".join(f"{layer}\n" for layer in config["rootfs"]["diff_ids"]) + "PATH=/usr/bin\nA=b c\n"
    assert look_inside(tmp_path / "a.tar").content == hashlib.sha256(text.encode()).hexdigest()
    assert lock(tmp_path, make=True)[0].content == look_inside(tmp_path / "a.tar").content


def test_an_archive_of_newer_versions_is_read_as_well(tmp_path: Path) -> None:
    """Since Docker 25 the files are called after their hashes, in folders; `manifest.json` is still there."""
    import io
    import tarfile

    config = json.dumps({"os": "linux", "architecture": "arm64", "config": {"Env": None}}).encode()
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo(f"{SITE}/ray-2.60.0.dist-info/METADATA"))
    manifest = [{"Config": "blobs/sha256/c", "Layers": ["blobs/sha256/l"]}]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in (
            ("blobs/sha256/c", config),
            ("blobs/sha256/l", layer.getvalue()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    inside = look_inside(tmp_path / "a.tar")
    assert (inside.platform, dict(inside.packages)) == ("linux/arm64", {"ray": "2.60.0"})
