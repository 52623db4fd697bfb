"""Who else could change what lies at a path: payload/files/trust.sh, by the shells of hosts, on folders made here."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.payload.bundle import shell

BUSYBOX = pytest.param(("busybox", "sh"), marks=pytest.mark.needs("busybox"))

Strangers = Callable[..., str]


@pytest.fixture(params=[("dash",), ("bash",), BUSYBOX], ids=" ".join)
def strangers(request: pytest.FixtureRequest) -> Strangers:
    def ask(path: object, *uids: int) -> str:
        users = " ".join(map(str, uids or (os.getuid(),)))
        body = f'{shell("files/trust.sh")}\nstrangers "$1" "$2"'
        command = [*request.param, "-c", body, "sh", str(path), users]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.removesuffix("\n")

    return ask


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder whose parents are sound, and mode 0755 whatever the umask."""
    made = tmp_path / "a b" / "root"
    made.mkdir(parents=True)
    for folder in (made, made.parent):
        folder.chmod(0o755)
    return made


def test_what_is_ours_alone_is_sound_and_so_is_what_is_yet_to_be_made(strangers: Strangers, place: Path) -> None:
    assert strangers(place) == ""
    assert strangers(place / "envs/deep") == ""
    place.chmod(0o700)
    assert strangers(place) == ""


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702, 0o1777])
def test_a_folder_that_everybody_writes_to_is_named(strangers: Strangers, place: Path, mode: int) -> None:
    place.chmod(mode)
    why, digits, _, _, path = strangers(place).split("|")
    assert (why, digits, path) == ("others", f"{mode:o}", str(place))


def test_a_parent_that_everybody_writes_to_is_named_unless_it_is_sticky(strangers: Strangers, place: Path) -> None:
    place.parent.chmod(0o777)
    for below in (place, place / "yet/to/be/made"):
        assert strangers(below).startswith("others|777|") and strangers(below).endswith(f"|{place.parent}")
    place.parent.chmod(0o1777)
    assert strangers(place) == strangers(place.parent / "new") == ""


def test_whose_the_folder_or_a_parent_is_counts_even_where_it_is_sticky(strangers: Strangers, place: Path) -> None:
    if os.getuid() == 0:
        os.chown(place.parent, 65534, -1)
        place.parent.chmod(0o1777)
        assert strangers(place).startswith("owner|1777|") and strangers(place).endswith(f"|{place.parent}")
        assert strangers(place, 65534) == ""
        os.chown(place.parent, 54321, -1)
        assert strangers(place).startswith("owner|1777|uid 54321|")
    else:
        assert strangers(place, 65534).startswith("owner|")


def test_links_are_followed_and_what_they_lead_through_counts(
    strangers: Strangers, place: Path, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    inner = open_to_all / "inner"
    inner.mkdir(mode=0o700)
    (place / "link").symlink_to("../../open/inner")
    assert strangers(place / "link" / "x").endswith(f"|{open_to_all}")
    (place / "way").symlink_to(inner / "target")
    (inner / "target").symlink_to(place)
    assert strangers(place / "way").endswith(f"|{open_to_all}"), "a link on the way of a link"
    (place / "good").symlink_to(place.parent)
    assert strangers(place / "good/root") == ""
    (place / "loop").symlink_to("loop")
    assert strangers(place / "loop/x").startswith("links|")
    open_to_all.chmod(0o1777)
    assert strangers(place / "link") == ""


@pytest.mark.needs("root")
def test_anothers_link_in_a_sticky_folder_is_named(strangers: Strangers, place: Path) -> None:
    place.chmod(0o1777)
    (place / "link").symlink_to(place.parent)
    assert strangers(place / "link/new") == ""
    os.chown(place / "link", 65534, -1, follow_symlinks=False)
    assert strangers(place / "link/new").startswith("owner|777|")


@pytest.mark.needs("root")
def test_a_group_counts_unless_it_is_the_private_one_of_a_user_that_is_trusted(
    strangers: Strangers, place: Path
) -> None:
    place.chmod(0o775)
    assert strangers(place, 0) == "", "root's own group, with nobody in it"
    os.chown(place, 0, 65534)
    assert strangers(place, 0).startswith("group|775|root|")
    os.chown(place, 0, 999_999)
    assert strangers(place, 0).startswith("group|775|"), "a group without a name"
    place.parent.chmod(0o1775)
    os.chown(place.parent, 0, 65534)
    os.chown(place, 0, 0)
    assert strangers(place, 0) == "", "a sticky parent"


@pytest.mark.needs("root")
def test_in_a_user_namespace_the_machines_folders_are_trusted_and_not_what_anybody_could_have_put_there() -> None:
    """There, what belongs to root, and to any other user of the machine, is seen as nobody's."""
    body = f'{shell("files/trust.sh")}\nstrangers "$1" "$(id -u)"'

    def ask(path: Path) -> str:
        inside = ["setpriv", "--reuid=12345", "--clear-groups", "unshare", "-r", "sh", "-c", body, "sh", str(path)]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        if "unshare" in done.stderr:
            pytest.skip(f"no user namespaces here: {done.stderr}")
        return done.stdout.strip()

    # Not below /tmp, where anybody could have made what is there.
    with tempfile.TemporaryDirectory(dir="/opt", prefix="provision-test-") as place:
        Path(place).chmod(0o755)
        ours = Path(place, "ours")
        ours.mkdir()
        os.chown(ours, 12345, -1)
        assert ask(ours) == "", "its parents are root's"
        os.chown(ours, 12346, -1)
        assert ask(ours) == "", "another user's cannot be told from root's"
        Path(place).chmod(0o1777)
        assert ask(ours).startswith("owner|"), "but here anybody could have made it"


def test_dots_and_slashes_are_no_way_around(strangers: Strangers, place: Path) -> None:
    place.chmod(0o777)
    for text in (f"{place}/.", f"{place}//x", f"{place}/x/../y", f"{place.parent}/root/", f"{place}/../root/z"):
        assert strangers(text).endswith(f"|{place}"), text
    assert strangers("") == strangers("~/x") == ""
    assert strangers("/") == ""
