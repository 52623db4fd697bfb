"""An image on a host: what is missing, what keeps it from being used, and what is changed for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provision.core.errors import LockError
from provision.core.finding import Severity
from provision.core.script import Fragment
from provision.environment.image_lock import make_image_lock
from provision.inventory.runtime import Runtime
from provision.lab.image import write_image
from provision.resources.image import Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    for name in ("ray-2.60.0", "vllm-0.33.0"):
        (tmp_path / f"layer/usr/lib/python3.12/site-packages/{name}.dist-info").mkdir(parents=True)
    write_image(tmp_path / "a.tar", "a:1", [tmp_path / "layer"], {})
    runtime = Runtime(container="docker", image="./a.tar")
    return Image(
        lock=make_image_lock(runtime, tmp_path / "c.lock", base=tmp_path),
        runtime=runtime,
        archive=tmp_path / "a.tar",
        root="/opt/provision",
        folder="/opt/provision/clusters/demo/gpu-01/image",
        cluster="demo",
        host="gpu-01",
        user="provision",
        plain="/usr/bin/python3",
        gpus=True,
    )


def read(image: Image, *lines: str) -> dict[str, str] | None:
    state = image.read(Fragment(0, "".join(f"{line}\n" for line in lines), ""))
    return None if state is None else dict(state)


def there(image: Image) -> dict[str, str]:
    found = read(image, "version=28.1", f"programs={(image.want() or {})['programs']}")
    assert found is not None
    return found


def test_a_host_that_has_it_needs_nothing(image: Image) -> None:
    assert image.diff(there(image), image.want()) == ()
    assert image.blockers(there(image)) == ()
    cells = {cell.fact: cell.value for cell in image.known(there(image))}
    assert cells == {"image": image.lock.short, "docker": "28.1", "ray": "2.60.0", "vllm": "0.33.0"}


def test_one_that_has_nothing_is_sent_all(image: Image) -> None:
    have = read(image, "version=28.1", f"image={image.digest}")
    assert have is None
    assert [d.expected for d in image.diff(have, image.want())] == [image.lock.short]
    fix = image.fix(have, image.want())
    assert [upload.source for upload in fix.uploads] == [image.archive]
    assert image.diff(have, None) == ()


def test_an_empty_line_of_docker_is_nothing_that_a_host_has(image: Image) -> None:
    assert read(image, "version=20.10.24", "image=sha256:x", "", "room=99999999999999") is None


def test_what_has_been_sent_is_not_sent_again(image: Image) -> None:
    have = read(image, "version=28.1", f"image={image.digest}", f"sent={image.archive.stat().st_size}")
    assert image.fix(have, image.want()).uploads == ()
    half = read(image, "version=28.1", f"image={image.digest}", "sent=7")
    assert len(image.fix(half, image.want()).uploads) == 1
    assert image.diff(half, None), "and is taken away by `down --purge`"


def test_an_image_that_was_removed_is_drift(image: Image) -> None:
    have = there(image) | {"image": "missing"}
    assert [(d.expected, d.found) for d in image.diff(have, image.want())] == [(image.lock.short, "not on the host")]


def test_other_settings_are_drift(image: Image) -> None:
    other = dataclasses.replace(image, mounts=("/data",))
    assert [d.aspect for d in other.diff(there(image), other.want())] == ["containers' settings"]
    assert other.version != image.version, "and restart what runs"
    changed = there(image) | {"changed": "bin/ray"}
    assert [d.aspect for d in image.diff(changed, image.want())] == ["bin/ray"]


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("engine=is not installed", "docker is not installed", "install it on gpu-01"),
        ("engine=may not be used by ops", "docker may not be used by ops", "usermod -aG docker"),
        ("engine=does not answer: refused", "docker does not answer: refused", "systemctl status docker"),
        ("toolkit=is missing", "containers would see no GPU", "nvidia-container-toolkit"),
        ("toolkit=has written no file for CDI", "would name no GPU", "nvidia-ctk cdi generate"),
    ],
)
def test_what_keeps_it_from_being_used_blocks_and_is_said_once(image: Image, line: str, said: str, hint: str) -> None:
    have = read(image, line)
    (found,) = image.blockers(have)
    assert (found.severity, found.host) == (Severity.BLOCKS, "gpu-01")
    assert said in found.said
    assert hint in found.hint
    if line.startswith("engine"):
        assert image.diff(have, image.want()) == ()


def test_programs_are_removed_also_where_docker_does_not_answer(image: Image) -> None:
    have = read(image, "engine=does not answer: refused", "programs=abc")
    assert [d.found for d in image.diff(have, None)] == ["present"]


def test_a_file_that_is_another_image_by_now_is_refused(image: Image) -> None:
    image.prepare(lambda _: None)
    (image.archive.parent / "layer/etc").mkdir()
    write_image(image.archive, "a:1", [image.archive.parent / "layer"], {"A": "b"})
    with pytest.raises(LockError, match=f"the lock has {image.lock.short}") as caught:
        image.prepare(lambda _: None)
    assert "provision lock" in (caught.value.hint or "")


def test_logs_are_kept_also_where_the_daemon_writes_them_elsewhere(image: Image) -> None:
    flags = image.flags()
    assert flags[flags.index("--log-driver") + 1] == "json-file"


def test_too_little_room_blocks_before_anything_is_sent(image: Image) -> None:
    have = read(image, "version=28.1", "storage=overlay2", f"image={image.digest}", "room=7")
    (found,) = image.blockers(have)
    assert (found.severity, found.fact, found.found) == (Severity.BLOCKS, "room for the image", "7 B")
    assert "docker system df" in found.hint
    assert [d.expected for d in image.diff(have, image.want())] == [image.lock.short]
    assert image.diff(have, None) == ()


def test_room_enough_is_nothing_to_speak_of(image: Image) -> None:
    assert read(image, "version=28.1", f"image={image.digest}", f"room={image.archive.stat().st_size}") is None


#: Of three places, each with more than enough, on which disks they are.
APART = {"disk": "1 /dev/a", "inbox disk": "2 /dev/b", "temporary disk": "3 tmpfs"}
INBOX = {**APART, "inbox disk": "1 /dev/a"}
UNPACKED = {**APART, "temporary disk": "4 /dev/a"}
ALL = {**INBOX, "temporary disk": "1 /dev/a"}
OTHER = {**APART, "temporary disk": "2 /dev/b"}


def seen(image: Image, **room: object) -> dict[str, str] | None:
    """What a probe says of a host without the image, of whose file no byte is there."""
    free = 100 * image.archive.stat().st_size
    about = {"room": free, "inbox room": free, "temporary": "/var/tmp", "temporary room": free, **APART, **room}
    return read(image, "version=4.3.1", f"image={image.digest}", *(f"{key}={value}" for key, value in about.items()))


@pytest.fixture
def podman(image: Image) -> Image:
    return dataclasses.replace(image, runtime=image.runtime.model_copy(update={"container": "podman"}))


COPY = "a copy of them with the ids of who runs containers without root"


@pytest.mark.parametrize(
    ("about", "times", "evidence"),
    [
        (INBOX, 2, ["the layers", "the file that is sent"]),
        (UNPACKED, 2, ["the layers", "what is unpacked of it while it is loaded"]),
        (ALL, 3, ["the layers", "the file that is sent", "what is unpacked of it while it is loaded"]),
        ({"copies": "yes"}, 2, ["the layers", COPY]),
        # By then there is no file any more, and nothing that was unpacked of it.
        ({"copies": "yes", **ALL}, 3, ["the layers", "the file that is sent", "what is unpacked"]),
    ],
)
def test_room_is_for_all_that_an_image_takes_there(
    image: Image, about: dict[str, str], times: int, evidence: list[str]
) -> None:
    size = image.archive.stat().st_size
    assert seen(image, room=times * size, **about) is None
    have = seen(image, room=times * size - 1, **about)
    (found,) = image.blockers(have)
    assert (found.severity, found.fact) == (Severity.BLOCKS, "room for the image")
    assert [text in line for text, line in zip(evidence, found.evidence, strict=True)] == [True] * len(evidence)
    assert [d.expected for d in image.diff(have, image.want())] == [image.lock.short], "and nothing else is told of it"


def test_beside_an_image_of_before_the_plan_says_what_is_not_known(podman: Image) -> None:
    """Most of its layers may be there: `up` is not kept from what it may well do."""
    image, size = podman, podman.archive.stat().st_size
    have = seen(image, room=3 * size - 1, earlier="yes", **ALL)
    assert image.blockers(have) == ()
    (*_, line) = image.in_plan(have, image.diff(have, image.want()))
    assert " is not known: " in line and line.endswith(" at least, less the layers that are there already")
    assert [d.expected for d in image.diff(have, image.want())] == [image.lock.short]
    assert image.diff(have, None) == ()
    assert seen(image, room=3 * size, earlier="yes", **ALL) is None
    assert image.blockers(seen(image, room=size, earlier="yes", **ALL)) == ()
    (found,) = image.blockers(seen(image, room=size - 1, earlier="yes", **ALL))
    assert found.evidence == (), "the file itself has no room"


def test_a_daemon_unpacks_also_the_layers_that_are_there(image: Image, podman: Image) -> None:
    size = image.archive.stat().st_size
    assert image.blockers(seen(image, room=2 * size, earlier="yes", **ALL)) == ()
    assert image.blockers(seen(image, room=2 * size - 1, earlier="yes", **ALL))
    small = {"earlier": "yes", "temporary room": size - 1}
    assert image.blockers(seen(image, **small)) and podman.blockers(seen(podman, **small)) == ()


def test_what_has_arrived_of_the_file_takes_no_more_room(image: Image) -> None:
    size = image.archive.stat().st_size
    assert image.blockers(seen(image, room=size + 10, arrived=size - 11, **INBOX))
    assert image.blockers(seen(image, room=size + 10, arrived=size - 10, **INBOX)) == ()
    # What is there of it goes before a copy of the layers is made.
    about = {"arrived": size, "copies": "yes", **INBOX}
    assert image.blockers(seen(image, room=size, **about)) == () and image.blockers(seen(image, room=size - 1, **about))


def test_a_file_without_room_where_it_arrives_blocks(image: Image) -> None:
    size = image.archive.stat().st_size
    have = seen(image, **{"inbox room": size - 1})
    (found,) = image.blockers(have)
    assert (found.severity, found.fact) == (Severity.BLOCKS, "room for the image's file")
    assert "below /opt/provision" in found.said and "hosts.gpu-01.root" in found.hint
    assert image.diff(have, None) == ()
    assert image.blockers(seen(image, **{"inbox room": 0, "arrived": size})) == ()


@pytest.mark.parametrize(("engine", "hint"), [("docker", "DOCKER_TMPDIR"), ("podman", "image_copy_tmp_dir")])
def test_a_file_without_room_where_it_is_unpacked_blocks(
    request: pytest.FixtureRequest, image: Image, engine: str, hint: str
) -> None:
    image = image if engine == "docker" else request.getfixturevalue("podman")
    size = image.archive.stat().st_size
    assert seen(image, **{"temporary room": size}) is None
    have = seen(image, **{"temporary room": size - 1})
    (found,) = image.blockers(have)
    assert (found.severity, found.fact) == (Severity.BLOCKS, "room to load the image")
    assert f"in /var/tmp, where {engine} unpacks" in found.said and hint in found.hint and "gpu-01" in found.hint
    assert [d.expected for d in image.diff(have, image.want())] == [image.lock.short]
    assert image.diff(have, None) == ()
    # Where it arrives and is unpacked on one disk, beside that of the images.
    assert seen(image, **{**OTHER, "inbox room": 2 * size, "temporary room": 2 * size}) is None
    (found,) = image.blockers(seen(image, **{**OTHER, "inbox room": 2 * size - 1, "temporary room": 2 * size - 1}))
    assert found.fact == "room for the image's file" and len(found.evidence) == 2


def test_where_it_is_unpacked_may_not_be_known_and_that_is_said(image: Image) -> None:
    about = {**APART, "temporary room": "unknown"}
    del about["temporary disk"]
    size = image.archive.stat().st_size
    have = read(image, "version=28.1", f"image={image.digest}", f"room={size}", *(f"{k}={v}" for k, v in about.items()))
    assert image.blockers(have) == ()
    (*_, line) = image.in_plan(have, image.diff(have, image.want()))
    assert line == "whether there is room to unpack it is not known, since docker does not tell where it does that"


def test_what_hosts_pull_is_sent_no_file(image: Image) -> None:
    pulled = dataclasses.replace(image, lock=dataclasses.replace(image.lock, pulled=PULLED))
    about = {"inbox room": 0, "temporary room": 0, "room": image.archive.stat().st_size}
    assert pulled.blockers(seen(pulled, **about)) == ()


def test_room_that_is_not_known_is_said_and_blocks_nothing(image: Image) -> None:
    have = read(image, "version=28.1", f"image={image.digest}", "room=unknown")
    assert image.blockers(have) == ()
    assert any("is not known" in line for line in image.in_plan(have, image.diff(have, image.want())))


def test_how_the_engine_stores_and_groups_is_among_the_facts(image: Image) -> None:
    cells = {cell.fact: cell.value for cell in image.known({**there(image), "storage": "vfs", "cgroups": "systemd v2"})}
    assert (cells["docker storage"], cells["docker cgroups"]) == ("vfs", "systemd v2")


@pytest.mark.parametrize("device", ["nvidia.com/gpu=all", ("/dev/x", "nvidia.com/gpu=0")])
def test_gpus_that_the_inventory_names_by_cdi_are_asked_for_once(image: Image, device: str | tuple[str, ...]) -> None:
    by_cdi = dataclasses.replace(image, runtime=image.runtime.model_copy(update={"args": {"device": device}}))
    assert "--gpus" not in by_cdi.flags()
    assert "--gpus" in image.flags()
    assert (by_cdi.probe().vars["gpus"], image.probe().vars["gpus"]) == ("cdi", "yes")


PULLED = f"acme/vllm@sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("pulled", "said", "hint"),
    [
        ("", "write /usr/lib/libtorch.so: no space left on device", "`docker system df`"),
        (PULLED, "failed to register layer: write /x: no space left on device", "`docker system df`"),
        (PULLED, "Error response from daemon: pull access denied for acme/vllm", "`docker login` on gpu-01"),
        (PULLED, "manifest unknown: manifest unknown", "`provision lock`"),
        (PULLED, "dial tcp 10.0.0.9:5000: connect: connection refused", f"`docker pull {PULLED}`"),
        ("", "Error processing tar file: unexpected EOF", ""),
        ("", "error during connect: Post http://docker/v1.41/images/load: EOF", "`systemctl status docker` on gpu-01"),
        (PULLED, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "`systemctl status docker`"),
    ],
)
def test_why_it_did_not_get_there_has_a_hint(image: Image, pulled: str, said: str, hint: str) -> None:
    made = dataclasses.replace(image, lock=dataclasses.replace(image.lock, pulled=pulled))
    lines, found = made.explain(Fragment(1, "", f"{said}\n"))
    assert said in lines
    assert hint in found if hint else found == ""


def test_another_one_that_is_called_the_same_is_told_from_it(image: Image) -> None:
    have = there(image) | {"image": "missing", "another": f"sha256:{'9' * 64}"}
    (found,) = image.diff(have, image.want())
    assert found.found == "not on the host: another one, 999999999999, is called a:1 there"
    fresh = read(image, "version=28.1", f"image={image.digest}", f"another=sha256:{'9' * 64}")
    assert fresh is None, "a host that has nothing of ours"
