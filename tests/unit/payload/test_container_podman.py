"""An image on a host with Podman, by the shells of hosts. Podman is a stand-in with the words of 4.3.1 of Debian 12
(`podman info`, `podman image inspect`, `podman image ls`): ids without `sha256:`, and no daemon."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from image_sample import image_sample

from provision.core.finding import Severity
from provision.core.script import Fragment, Script
from provision.resources.image import Image

FIRST, SECOND = "ab" * 32, "cd" * 32
STAND_IN = """#!/bin/sh
# A stand-in for podman, for this test alone.
for last; do :; done
env >> "$HERE/asked"
case $1 in
version) ;;
info)
    [ ! -e "$HERE/warns" ] || echo 'time="…" level=warning msg="\"/\" is not a shared mount"' >&2
    [ ! -e "$HERE/broken" ] || { cat "$HERE/broken" >&2; exit 125; }
    case $3 in
    *Rootless*) cat "$HERE/who" ;;
    *ImageCopyTmpDir*) [ ! -e "$HERE/old" ] && printf '%s\\n' "${TMPDIR:-/var/tmp}" ;;
    *GraphStatus*) cat "$HERE/status" ;;
    *DriverStatus*|*DockerRootDir*) echo "Error: template: info:1:2: can't evaluate field" >&2; exit 125 ;;
    *) printf '%s\\n' "$HERE" overlay '' cgroupfs crun v1 ;;
    esac ;;
image)
    case $2,$4 in
    ls,*) cat "$HERE/images" ;;
    *) grep -xF -- "$last" "$HERE/images" | sed 's/^sha256://'; grep -qxF -- "$last" "$HERE/images" ;;
    esac ;;
load) printf 'sha256:%s\\n' "$COMES" >> "$HERE/images" ;;
rmi) grep -vxF -- "$last" "$HERE/images" > "$HERE/new"; mv "$HERE/new" "$HERE/images" ;;
esac
"""

ROOT_ID = 'case "$*" in -u) echo 0 ;; -un) echo root ;; *) exec /usr/bin/id "$@" ;; esac'
ID = "case $1 in -u) echo 1000 ;; -un) echo ops ;; esac"
#: Also where this machine has it.
WITHOUT = 'command() {{ [ "$2" != {0} ] && type "$2" >/dev/null 2>&1; }}\n'


class Host:
    def __init__(self, folder: Path, sh: str) -> None:
        self.folder, self.sh = folder, sh
        (folder / "images").write_text("")
        (folder / "who").write_text("false 4.3.1\n")
        (folder / "podman").write_text(STAND_IN)
        (folder / "podman").chmod(0o755)
        self.before = ""
        self.variables: dict[str, str] = {}
        (folder / "bin").mkdir()
        self._program("id", ROOT_ID)

    def _program(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def ordinary(self, *lacking: str) -> None:
        """Who logs in is a user `ops`. `lacking`: of what that one's Podman needs."""
        for name, text in (
            ("id", ID),
            ("getsubids", "exit 1"),
            ("newuidmap", ""),
            ("newgidmap", ""),
            ("getent", "echo ops:x:1000:1000::/home/ops:/bin/sh"),
        ):
            self._program(name, text)
        for name in {"newuidmap", "newgidmap"} & {*lacking}:
            self.before = WITHOUT.format(name)
        for name in ("run/user/1000/systemd", "var/lib/systemd/linger", "etc"):
            (self.folder / name).mkdir(parents=True)
        os.mknod(self.folder / "run/user/1000/systemd/private", stat.S_IFSOCK | 0o600)
        if "linger" not in lacking:
            (self.folder / "var/lib/systemd/linger/ops").touch()
        for name in {"subuid", "subgid"} - {*lacking}:
            (self.folder / "etc" / name).write_text("ops:100000:65536\n")
        (self.folder / "who").write_text("true 4.3.1\n")

    def has(self) -> list[str]:
        return (self.folder / "images").read_text().split()

    def image(self, digest: str, *, gpus: bool = False) -> Image:
        return replace(image_sample(self.folder, "podman", digest), gpus=gpus)

    def run(self, script: Script, comes: str = "") -> str:
        variables = {name: str(value) for name, value in script.vars.items()} | {"engine": str(self.folder / "podman")}
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        environment = {"PATH": path, "HERE": str(self.folder), "COMES": comes, **self.variables, **variables}
        body = script.body.replace("/etc/cdi/*", "$HERE/cdi/*").replace("/var/run/cdi/*", "")
        for place in ("/run/user/", "/var/lib/systemd/linger/", "/etc/subuid", "/etc/subgid"):
            body = body.replace(place, f"{self.folder}{place}")
        body = self.before + body
        done = subprocess.run([self.sh, "-c", body], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def probed(self, image: Image) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.run(image.probe()).splitlines())

    def make(self, image: Image, comes: str) -> None:
        fix = image.fix(None, image.want())
        inbox = Path(str(fix.vars["inbox"]))
        inbox.mkdir(parents=True)
        (inbox / "a.tar").write_text("")
        self.run(fix, comes)


@pytest.fixture(params=["dash", "bash"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tmp_path, str(request.param))


def test_what_it_says_of_itself_is_read(host: Host) -> None:
    found = host.probed(host.image(FIRST))
    assert (found["version"], found["storage"], found["cgroups"]) == ("4.3.1", "overlay", "cgroupfs v1")
    assert found["room"].isdigit(), "by the folder in which it keeps images"
    cells = {cell.fact: cell.value for cell in host.image(FIRST).known({**found, "image": "loaded"})}
    assert (cells["podman"], cells["podman storage"], cells["podman cgroups"]) == ("4.3.1", "overlay", "cgroupfs v1")


def test_where_it_unpacks_is_by_its_own_word(host: Host) -> None:
    found = host.probed(host.image(FIRST))
    assert found["temporary"] == "/var/tmp" and found["temporary room"].isdigit()
    (host.folder / "old").touch()
    found = host.probed(host.image(FIRST))
    assert ("temporary" in found, found["temporary room"]) == (False, "unknown")


def test_an_id_without_its_algorithm_is_the_same_image(host: Host) -> None:
    (host.folder / "images").write_text(f"sha256:{FIRST}\n")
    assert "image" not in host.probed(host.image(FIRST))
    assert host.probed(host.image(SECOND))["image"] == f"sha256:{SECOND}"


@pytest.mark.needs("root")  # who is asked whose the folders are, too
def test_what_was_loaded_goes_and_what_was_there_stays(host: Host) -> None:
    (host.folder / "images").write_text(f"sha256:{SECOND}\n")
    host.make(host.image(FIRST), FIRST)
    assert host.has() == [f"sha256:{SECOND}", f"sha256:{FIRST}"]
    folder = Path(host.image(FIRST).folder)
    assert not (folder / "reference").exists()
    assert (folder.parent / "loaded").read_text().split() == [f"sha256:{FIRST}"]
    assert host.run(host.image(FIRST).fix({"programs": "x"}, None)) == ""
    assert host.has() == [f"sha256:{SECOND}"]


@pytest.mark.parametrize(
    ("who", "said", "hint"),
    [
        (
            "true 4.3.1",
            "podman would be rootless, though root starts it",
            "have provision log in to gpu-01 as root of the machine itself",
        ),
        ("false 3.4.4", "podman is 3.4.4, and takes GPUs since 4.1", "install a newer one on gpu-01"),
        ("false 4.0.2", "podman is 4.0.2, and takes GPUs since 4.1", "install a newer one on gpu-01"),
    ],
)
def test_one_that_cannot_do_it_blocks(host: Host, who: str, said: str, hint: str) -> None:
    (host.folder / "who").write_text(f"{who}\n")
    image = host.image(FIRST, gpus=True)
    found = image.read(Fragment(0, host.run(image.probe()), ""))
    (blocker,) = image.blockers(found)
    assert blocker.severity is Severity.BLOCKS
    assert (blocker.said, blocker.hint) == (said, hint)


def test_an_ordinary_users_will_do_with_what_it_needs(host: Host) -> None:
    host.ordinary()
    (host.folder / "warns").touch()
    found = host.probed(host.image(FIRST))
    assert (found["version"], found.get("engine")) == ("4.3.1", None)


@pytest.mark.parametrize(
    ("said", "copies"),
    [
        ("map[Backing Filesystem:extfs Native Overlay Diff:true Supports d_type:true] map[]", True),
        ("map[Backing Filesystem:extfs Supports shifting:false] map[]", True),
        ("map[Backing Filesystem:extfs Supports shifting:true] map[]", False),
        ("map[] map[overlay.mount_program:map[Executable:/usr/bin/fuse-overlayfs Version:1.10]]", False),
    ],
)
def test_an_ordinary_users_containers_have_a_copy_unless_ids_are_shifted(host: Host, said: str, copies: bool) -> None:
    (host.folder / "status").write_text(said)
    assert "copies" not in host.probed(host.image(FIRST)), "root's have none"
    host.ordinary()
    assert ("copies" in host.probed(host.image(FIRST))) is copies


@pytest.mark.parametrize(
    ("lacking", "said", "hint"),
    [
        ("linger", "end with the logins of ops", "loginctl enable-linger"),
        ("newuidmap", "newuidmap is not there", "install `uidmap`"),
        ("newgidmap", "newgidmap is not there", "install `uidmap`"),
        ("subuid", "ops has no subordinate ids", "usermod --add-subuids"),
        ("subgid", "ops has no subordinate ids of groups", "--add-subgids"),
    ],
)
def test_what_an_ordinary_user_lacks_for_it_is_named(host: Host, lacking: str, said: str, hint: str) -> None:
    host.ordinary(lacking)
    image = host.image(FIRST)
    (blocker,) = image.blockers(image.read(Fragment(0, host.run(image.probe()), "")))
    assert blocker.said == f"podman would be rootless, and {said}"
    assert hint in blocker.hint and "`sudo: true`" in blocker.hint


def test_the_store_is_that_of_services_whatever_the_login_names(host: Host) -> None:
    host.ordinary()
    host.variables = {
        "HOME": "/elsewhere",
        "XDG_DATA_HOME": "/elsewhere/data",
        "CONTAINERS_STORAGE_CONF": "/elsewhere/storage.conf",
        "CONTAINER_HOST": "unix:///elsewhere/podman.sock",
    }
    host.probed(host.image(FIRST))
    asked = (host.folder / "asked").read_text()
    assert "/elsewhere" not in asked
    assert "HOME=/home/ops\n" in asked


def test_an_older_one_will_do_without_gpus(host: Host) -> None:
    (host.folder / "who").write_text("false 3.4.4\n")
    assert host.probed(host.image(FIRST))["version"] == "3.4.4"


@pytest.mark.parametrize("why", ["read-only file system", "permission denied"])
def test_one_that_fails_is_told_in_its_words(host: Host, why: str) -> None:
    (host.folder / "broken").write_text(f"Error: mkdir /var/lib/containers: {why}\n")
    host.ordinary()
    (host.folder / "warns").touch()
    image = host.image(FIRST)
    (blocker,) = image.blockers(image.read(Fragment(0, host.run(image.probe()), "")))
    assert blocker.said == f"podman does not answer: Error: mkdir /var/lib/containers: {why}"
    assert "`podman info`" in blocker.hint and "gpu-01" in blocker.hint


def test_gpus_are_those_of_the_file_for_cdi(host: Host) -> None:
    image = host.image(FIRST, gpus=True)
    flags = " ".join(image.flags())
    assert "--device nvidia.com/gpu=all" in flags and "--gpus" not in flags
    have = image.read(Fragment(0, host.run(image.probe()), ""))
    (blocker,) = image.blockers(have)
    assert "has written no file for CDI" in blocker.said
    assert "nvidia-ctk cdi generate" in blocker.hint
    (host.folder / "cdi").mkdir()
    (host.folder / "cdi/nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    assert "toolkit" not in host.probed(image)


def test_a_proxy_is_not_passed_on_and_folders_are_read_where_selinux_is_on(host: Host) -> None:
    flags = host.image(FIRST).flags()
    assert "--http-proxy=false" in flags
    assert flags[flags.index("label=disable") - 1] == "--security-opt"
