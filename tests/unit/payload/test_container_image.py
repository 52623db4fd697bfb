"""An image that was loaded is removed with the cluster, and one that was there before is not: by the shells of hosts,
with a stand-in for Docker whose images are lines of a file."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from image_sample import image_sample

from provision.core.script import Fragment, Script
from provision.resources.image import Image

FIRST, SECOND = "ab" * 32, "cd" * 32
STAND_IN = """#!/bin/sh
# A stand-in for docker, for this test alone.
for last; do :; done
case $1 in
version) [ ! -e "$HERE/stopped" ] || { cat "$HERE/stopped" >&2; exit 1; } ;;
info)
    case $3 in
    '{{.DriverStatus}}') [ ! -e "$HERE/containerd" ] || echo '[[driver-type io.containerd.snapshotter.v1]]' ;;
    *CgroupVersion*) cat "$HERE/info"; [ ! -e "$HERE/old" ] && echo v2 ;;
    *) cat "$HERE/info" ;;
    esac ;;
image)
    case $2,$4 in
    ls,*) cat "$HERE/images" ;;
    *RootFS*) cat "$HERE/content-$last" && echo ;;
    *) grep -xF -- "$last" "$HERE/images" ;;
    esac ;;
pull) [ ! -e "$HERE/denied" ] && printf 'sha256:%s\\n' "$COMES" >> "$HERE/images" ;;
load)
    [ ! -e "$HERE/full" ] || { echo 'Error processing tar file: write /usr: no space left on device' >&2; exit 1; }
    printf 'sha256:%s\\n' "$COMES" >> "$HERE/images" ;;
rmi)
    for why in in-use broken; do
        [ ! -e "$HERE/$why" ] || { echo "Error response from daemon: $(cat "$HERE/$why")" >&2; exit 1; }
    done
    grep -qxF -- "$last" "$HERE/images" || { echo "Error response from daemon: No such image: $last" >&2; exit 1; }
    { grep -vxF -- "$last" "$HERE/images" > "$HERE/new"; mv "$HERE/new" "$HERE/images"; } ;;
esac
"""

SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox": ("busybox", "sh")}


class Host:
    def __init__(self, folder: Path, sh: str) -> None:
        self.folder, self.sh = folder, sh
        self.variables: dict[str, str] = {}
        self.images.write_text("")
        (folder / "docker").write_text(STAND_IN)
        (folder / "docker").chmod(0o755)

    @property
    def images(self) -> Path:
        return self.folder / "images"

    def has(self) -> list[str]:
        return self.images.read_text().split()

    def image(self, digest: str, **more: str) -> Image:
        return image_sample(self.folder, "docker", digest, **more)

    def run(self, script: Script, comes: str = "", code: int = 0) -> str:
        variables = {name: str(value) for name, value in script.vars.items()} | {"engine": str(self.folder / "docker")}
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HERE": str(self.folder),
            "COMES": comes,
            **self.variables,
            **variables,
        }
        body = script.body.replace("/run/docker.pid", "$HERE/docker.pid").replace("/proc/$daemon", "$HERE/$daemon")
        command = [*SHELLS[self.sh], "-c", body]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + (done.stderr if code else "")

    def make(self, digest: str) -> None:
        image = self.image(digest)
        inbox = Path(str(image.fix(None, image.want()).vars["inbox"]))
        inbox.mkdir(parents=True)
        (inbox / "a.tar").write_text("")
        self.run(image.fix(None, image.want()), digest)

    def remove(self, digest: str) -> str:
        return self.run(self.image(digest).fix({"programs": "x"}, None))


@pytest.fixture(params=["dash", "bash", pytest.param("busybox", marks=pytest.mark.needs("busybox"))])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tmp_path, str(request.param))


def test_one_that_was_loaded_goes_also_after_its_programs_were_written_anew(host: Host) -> None:
    host.make(FIRST)
    host.make(FIRST)
    assert host.has() == [f"sha256:{FIRST}"]
    assert host.remove(FIRST) == ""
    assert host.has() == []
    assert not (host.folder / "root/clusters/demo/gpu-01/image").exists()


def test_what_another_engine_has_loaded_is_removed_by_that_one(host: Host) -> None:
    """`runtime.container` was changed from podman to docker, and the image is in the stores of both."""
    host.make(FIRST)
    programs = Path(host.image(FIRST).folder) / "bin"
    for program in programs.iterdir():
        if program.name != "plain":
            program.write_text(program.read_text().replace("engine=docker", "engine=podman"))
    host.make(FIRST)
    listed = Path(host.image(FIRST).folder).parent / "loaded"
    assert listed.read_text().split("\n")[:-1] == [f"podman sha256:{FIRST}"], "docker had it before"
    (host.folder / "podman").write_text(
        '#!/bin/sh\n[ ! -e "$HERE/stuck" ] || { echo stuck >&2; exit 1; }\necho "$@" >> "$HERE/podman-did"\n'
    )
    (host.folder / "podman").chmod(0o755)
    host.variables = {"PATH": f"{host.folder}:{os.environ['PATH']}"}
    (host.folder / "stuck").touch()
    assert f"the image sha256:{FIRST} stays: stuck" in host.run(host.image(FIRST).fix({"programs": "x"}, None), code=1)
    assert listed.read_text() == f"podman sha256:{FIRST}\n"
    (host.folder / "stuck").unlink()
    assert host.remove(FIRST) == ""
    assert (host.folder / "podman-did").read_text() == f"rmi sha256:{FIRST}\n"
    assert host.has() == [f"sha256:{FIRST}"]


def test_one_that_was_there_before_stays(host: Host) -> None:
    host.images.write_text(f"sha256:{FIRST}\n")
    host.make(FIRST)
    host.remove(FIRST)
    assert host.has() == [f"sha256:{FIRST}"]


def test_those_of_before_go_too(host: Host) -> None:
    host.make(FIRST)
    host.make(SECOND)
    assert len(host.has()) == 2
    host.remove(SECOND)
    assert host.has() == []


def test_what_somebody_else_uses_stays_and_is_said(host: Host) -> None:
    host.make(FIRST)
    (host.folder / "in-use").write_text(
        "conflict: unable to delete abababababab (cannot be forced) - image is being used by running container 0123456"
    )
    assert "something else on this host uses it" in host.remove(FIRST)
    assert host.has() == [f"sha256:{FIRST}"]


def test_what_is_not_removed_is_said_in_the_engines_words_and_is_found_by_the_next(host: Host) -> None:
    host.make(FIRST)
    host.make(SECOND)
    (host.folder / "broken").write_text("remove /var/lib/docker: read-only file system")
    image = host.image(SECOND)
    said = host.run(image.fix({"programs": "x"}, None), code=1)
    assert f"the image sha256:{FIRST} stays: Error response from daemon: remove /var/lib/docker: read-only" in said
    assert "something else on this host" not in said
    lines, hint = image.explain(Fragment(1, "", said))
    assert (lines, hint) == (tuple(said.splitlines()), "")
    (host.folder / "info").write_text("")
    assert image.diff(image.read(Fragment(0, host.run(image.probe()), "")), None), "the next finds it"
    (host.folder / "broken").unlink()
    assert host.remove(SECOND) == ""
    assert host.has() == []
    assert not (host.folder / "root/clusters/demo/gpu-01/image").exists()


def test_one_that_somebody_has_removed_is_nothing_to_speak_of(host: Host) -> None:
    host.make(FIRST)
    host.images.write_text("")
    assert host.remove(FIRST) == ""


def sent(host: Host, *names: str) -> Path:
    for name in names:
        (host.folder / "root/uploads" / name).mkdir(parents=True)
        (host.folder / "root/uploads" / name / "a.tar").write_text("half")
    return host.folder / "root/uploads"


def test_what_was_sent_of_an_image_of_before_goes_and_that_of_others_stays(host: Host) -> None:
    """With dashes between them, cluster `demo-2` and host `demo-gpu-01` were mistaken for these."""
    others = ["121212121212.demo-2.gpu-01", "121212121212.demo.gpu-010", "121212121212.x.demo.gpu-01"]
    uploads = sent(host, "343434343434.demo.gpu-01", *others)
    host.make(FIRST)
    assert sorted(path.name for path in uploads.iterdir()) == sorted(others)
    sent(host, "343434343434.demo.gpu-01")
    host.remove(FIRST)
    assert sorted(path.name for path in uploads.iterdir()) == sorted(others)


def test_what_was_sent_of_an_image_of_before_is_found_where_there_is_nothing_else(host: Host) -> None:
    (host.folder / "info").write_text(f"{host.folder}\noverlay2\n[]\ncgroupfs\nrunc\n")
    image = host.image(FIRST)
    fresh = image.diff(image.read(Fragment(0, host.run(image.probe()), "")), image.want())
    sent(host, "343434343434.demo.gpu-01")
    have = image.read(Fragment(0, host.run(image.probe()), ""))
    assert image.diff(have, None)
    assert image.diff(have, image.want()) == fresh
    host.remove(FIRST)
    have = image.read(Fragment(0, host.run(image.probe()), ""))
    assert image.diff(have, None) == ()


def test_the_daemon_is_that_of_services_whatever_the_login_names(host: Host) -> None:
    program = (host.folder / "docker").read_text()
    asked = host.folder / "asked"
    (host.folder / "docker").write_text(program.replace("\n", f"\nenv >> {asked}\n", 1))
    host.variables = {"DOCKER_HOST": "tcp://elsewhere:2375", "DOCKER_CONTEXT": "rootless"}
    (host.folder / "info").write_text("")
    host.run(host.image(FIRST).probe())
    host.make(FIRST)
    host.remove(FIRST)
    assert {line for line in asked.read_text().splitlines() if line.startswith("DOCKER_")} == {"DOCKER_CONTEXT=default"}


@pytest.mark.parametrize(
    ("why", "said", "hint"),
    [
        ("Cannot connect to the daemon", "does not answer: Cannot connect", "`systemctl status docker` on gpu-01"),
        ("permission denied while trying", "may not be used by ", "`sudo usermod -aG docker USER` on gpu-01"),
    ],
)
def test_without_an_answer_of_docker_it_stays_and_the_next_finds_it(host: Host, why: str, said: str, hint: str) -> None:
    host.make(FIRST)
    (host.folder / "stopped").write_text(f"{why}\n")
    image = host.image(FIRST)
    told = host.run(image.fix({"programs": "x"}, None), code=1).replace(f"{host.folder}/", "")
    assert f"docker {said}" in told and f", so what was loaded stays: sha256:{FIRST}" in told
    lines, found = image.explain(Fragment(1, "", told))
    assert lines == tuple(told.splitlines())
    assert hint in found and "`down --purge`" in found
    assert image.diff(image.read(Fragment(0, host.run(image.probe()), "")), None), "it is still to be removed"
    (host.folder / "stopped").unlink()
    assert host.remove(FIRST) == ""
    assert host.has() == []


def test_without_docker_it_is_said_how_to_do_without_its_answer(host: Host) -> None:
    host.make(FIRST)
    (host.folder / "docker").unlink()
    image = host.image(FIRST)
    told = host.run(image.fix({"programs": "x"}, None), code=1).replace(f"{host.folder}/docker", "docker")
    assert told == f"docker is not installed, so what was loaded stays: sha256:{FIRST}\n"
    _, hint = image.explain(Fragment(1, "", told))
    assert f"`rm -r {Path(image.folder).parent}` on gpu-01" in hint
    assert image.diff(image.read(Fragment(0, host.run(image.probe()), "")), None)


def test_where_nothing_was_loaded_docker_need_not_answer(host: Host) -> None:
    host.images.write_text(f"sha256:{FIRST}\n")
    host.make(FIRST)
    (host.folder / "stopped").write_text("Cannot connect to the Docker daemon\n")
    assert host.remove(FIRST) == ""
    assert not (host.folder / "root/clusters/demo/gpu-01/image").exists()


def test_a_list_that_others_could_have_written_removes_nothing(host: Host) -> None:
    host.make(FIRST)
    (host.folder / "root/clusters/demo/gpu-01/image/loaded").chmod(0o666)
    host.remove(FIRST)
    assert host.has() == [f"sha256:{FIRST}"]


def test_a_disk_that_fills_up_while_it_is_loaded_is_said_and_what_was_sent_is_loaded_by_the_next_up(host: Host) -> None:
    image = host.image(FIRST)
    inbox = Path(str(image.fix(None, image.want()).vars["inbox"]))
    inbox.mkdir(parents=True)
    (inbox / "a.tar").write_text("the image")
    (host.folder / "full").touch()
    for _ in range(2):  # room was not made yet
        assert "no space left on device" in host.run(image.fix(None, image.want()), FIRST, code=1)
        assert host.has() == []
        assert not Path(image.folder).exists()
    # What the next one finds: the file, which is not sent again.
    (host.folder / "info").write_text(f"{host.folder}\noverlay2\n[]\ncgroupfs\nrunc\n")
    (host.folder / "a.tar").write_text("the image")
    have = image.read(Fragment(0, host.run(image.probe()), ""))
    assert have is not None and have["image"] == "missing"
    assert image.fix(have, image.want()).uploads == ()
    (host.folder / "full").unlink()
    host.run(image.fix(have, image.want()), FIRST)
    assert host.has() == [f"sha256:{FIRST}"]
    assert not inbox.exists()
    # Loaded by us, so it is removed.
    assert host.remove(FIRST) == ""
    assert host.has() == []


def probed(host: Host, *about: str) -> dict[str, str]:
    """`about`: what Docker says of itself, a line for each that is asked."""
    (host.folder / "info").write_text("".join(f"{line}\n" for line in about))
    return dict(line.split("=", 1) for line in host.run(host.image(FIRST).probe()).splitlines())


#: As Docker prints it.
OVERLAY = "[[Backing Filesystem extfs] [Supports d_type true] [Native Overlay Diff true] [userxattr false]]"


def test_the_room_is_that_of_the_folder_in_which_docker_keeps_images(host: Host) -> None:
    found = probed(host, str(host.folder), "overlay2", OVERLAY, "systemd", "runc nvidia ")
    assert (found["storage"], found["cgroups"]) == ("overlay2", "systemd v2")
    assert found["room"].isdigit()
    assert int(found["room"]) % 1024 == 0


def test_whether_the_file_arrives_where_images_are_and_how_much_of_it_has(host: Host) -> None:
    about = (str(host.folder), "overlay2", OVERLAY, "systemd", "runc nvidia ")
    found = probed(host, *about)
    assert found["disk"] == found["inbox disk"] and "copies" not in found
    assert "arrived" not in found
    other = probed(host, "/proc", *about[1:])
    assert other["disk"] != other["inbox disk"]
    assert int(other["inbox room"]) % 1024 == 0
    inbox = Path(host.image(FIRST)._inbox)
    inbox.mkdir(parents=True)
    (inbox / ".provision-part.900000.1.a.tar").write_bytes(b"x" * 900_000)
    assert int(probed(host, *about)["arrived"]) >= 900_000


def told_by_systemd(host: Host, *lines: str) -> dict[str, str]:
    """What an ordinary user, who may not look at the daemon's environment, finds by systemd's words."""
    (host.folder / "bin").mkdir(exist_ok=True)
    (host.folder / "bin/systemctl").write_text('#!/bin/sh\ncat "$HERE/systemd"\n')
    (host.folder / "bin/systemctl").chmod(0o755)
    (host.folder / "systemd").write_text("".join(f"{line}\n" for line in lines))
    return probed(host, str(host.folder), "overlay2", OVERLAY, "systemd", "runc ")


def test_where_the_daemon_unpacks_what_it_loads(host: Host) -> None:
    """`DOCKER_TMPDIR`, or a folder beside the images (daemon.prepareTempDir of Docker 20.10)."""
    about = (str(host.folder), "overlay2", OVERLAY, "systemd", "runc ")
    (host.folder / "docker.pid").write_text("123")
    (environ := host.folder / "123/environ").parent.mkdir()
    environ.write_text("PATH=/bin\0")
    found = probed(host, *about)
    assert (found["temporary"], found["temporary disk"]) == (f"{host.folder}/tmp", found["disk"])
    assert found["temporary room"].isdigit()
    environ.write_text("PATH=/bin\0DOCKER_TMPDIR=/proc/tmp of docker\0")
    found = probed(host, *about)
    assert found["temporary"] == "/proc/tmp of docker" and found["temporary disk"] != found["disk"]


def test_an_ordinary_user_hears_of_that_from_systemd_or_not_at_all(host: Host) -> None:
    (host.folder / "docker.pid").write_text("123\n")
    (settings := host.folder / "default").write_text("# nothing\n")
    files = f"EnvironmentFiles={settings} (ignore_errors=yes)"
    assert told_by_systemd(host, "MainPID=123", files)["temporary"] == f"{host.folder}/tmp"
    assert told_by_systemd(host, "MainPID=123", "Environment=A=b")["temporary"] == f"{host.folder}/tmp"
    for lines in (["MainPID=1234"], ["MainPID=0"], [], ["MainPID=123", "Environment=A=b DOCKER_TMPDIR=/scratch"]):
        found = told_by_systemd(host, *lines)
        assert ("temporary" in found, found["temporary room"]) == (False, "unknown")
    settings.write_text("DOCKER_TMPDIR=/scratch\n")
    assert told_by_systemd(host, "MainPID=123", files)["temporary room"] == "unknown"
    (host.folder / "docker.pid").unlink()
    assert told_by_systemd(host, "MainPID=123")["temporary room"] == "unknown"


def test_an_image_of_before_is_told_while_it_is_there(host: Host) -> None:
    about = (str(host.folder), "overlay2", OVERLAY, "systemd", "runc ")
    assert "earlier" not in probed(host, *about)
    host.make(SECOND)
    assert probed(host, *about)["earlier"] == "yes"
    host.images.write_text(f"sha256:{'ef' * 32}\n")
    assert "earlier" not in probed(host, *about), "another one that is there is not ours"


def test_a_docker_that_does_not_know_of_versions_of_cgroups_tells_the_rest(host: Host) -> None:
    (host.folder / "old").touch()
    assert probed(host, str(host.folder), "vfs", "[]", "cgroupfs", "runc ")["cgroups"] == "cgroupfs"


@pytest.mark.parametrize(
    "about",
    [
        ("/var/lib/nowhere", "overlay2", OVERLAY, "systemd", "runc "),
        ("/", "overlayfs", "[[driver-type io.containerd.snapshotter.v1]]", "systemd", "runc "),
        (),
    ],
)
def test_room_that_cannot_be_told_is_unknown(host: Host, about: tuple[str, ...]) -> None:
    assert probed(host, *about)["room"] == "unknown"


def test_an_image_that_is_there_needs_no_room(host: Host) -> None:
    host.images.write_text(f"sha256:{FIRST}\n")
    assert "room" not in probed(host, str(host.folder), "vfs", "[]", "cgroupfs", "runc ")


PULLED = "acme/vllm@sha256:" + "1" * 64


def test_one_that_is_pulled_is_sent_nowhere_and_goes_as_one_that_was_loaded(host: Host) -> None:
    image = host.image(FIRST, pulled=PULLED)
    fix = image.fix(None, image.want())
    assert (fix.uploads, fix.vars["pulled"]) == ((), PULLED)
    host.run(fix, FIRST)
    assert host.has() == [f"sha256:{FIRST}"]
    host.remove(FIRST)
    assert host.has() == []


def test_a_registry_that_gives_another_image_is_not_believed(host: Host) -> None:
    image = host.image(FIRST, pulled=PULLED)
    assert f"{PULLED} is not the image sha256:{FIRST}" in host.run(image.fix(None, image.want()), SECOND, code=1)
    assert not (host.folder / "root/clusters/demo/gpu-01/image").exists()


class TestContainerd:
    """Its image store knows images by the digest of their manifest. A stand-in: it was not tried on a real one."""

    TEXT = "sha256:layer-1\nsha256:layer-2\nPATH=/usr/bin\nA=b c\n"
    CONTENT = hashlib.sha256(TEXT.encode()).hexdigest()

    @pytest.fixture
    def there(self, host: Host) -> Host:
        """Another image is there."""
        (host.folder / "containerd").touch()
        (host.folder / f"content-sha256:{SECOND}").write_text("sha256:layer-1\nPATH=/usr/bin\n")
        host.images.write_text(f"sha256:{SECOND}\n")
        return host

    def arrive(self, host: Host) -> str:
        """The program of it, once it is loaded; it is called by another digest there."""
        manifest = "ef" * 32
        (host.folder / f"content-sha256:{manifest}").write_text(self.TEXT)
        image = host.image(FIRST, content=self.CONTENT)
        fix = image.fix(None, image.want())
        inbox = Path(str(fix.vars["inbox"]))
        inbox.mkdir(parents=True)
        (inbox / "a.tar").write_text("")
        host.run(fix, manifest)
        return manifest

    def test_it_is_known_by_what_is_in_it_and_started_by_what_it_is_called(self, there: Host) -> None:
        manifest = self.arrive(there)
        folder = Path(there.image(FIRST).folder)
        assert (folder / "reference").read_text() == f"sha256:{manifest}\n"
        (there.folder / "info").write_text("\noverlayfs\n[[driver-type io.containerd.snapshotter.v1]]\nsystemd\n")
        said = there.run(there.image(FIRST, content=self.CONTENT).probe())
        assert "image=" not in said
        assert "image=" in there.run(there.image("12" * 32, content="0" * 64).probe())

    def test_what_was_loaded_is_removed_by_that_name_and_others_stay(self, there: Host) -> None:
        self.arrive(there)
        assert len(there.has()) == 2
        there.remove(FIRST)
        assert there.has() == [f"sha256:{SECOND}"]

    def test_without_its_content_in_the_lock_none_is_taken_for_it(self, there: Host) -> None:
        (there.folder / "info").write_text("")
        (there.folder / f"content-sha256:{SECOND}").write_text("")
        assert "image=" in there.run(there.image(FIRST).probe())
