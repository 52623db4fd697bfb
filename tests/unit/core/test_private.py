"""Whose folders and files are, on the controller. payload/test_trust.py has the same for hosts."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.core.private import NotPrivate, exposed, open_to_others, private_folder, require_ours


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "a b" / "kept"
    made.mkdir(parents=True)
    for folder in (made, made.parent):
        folder.chmod(0o755)
    return made


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o077], ids="{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_made_is_its_owners_alone_whatever_the_umask(place: Path, umask: int) -> None:
    private_folder(place / "x" / "y")
    assert [mode(place / "x"), mode(place / "x" / "y")] == [0o700, 0o700]
    private_folder(place / "x" / "y")


@pytest.mark.parametrize("bad", [0o777, 0o722, 0o1777])
def test_a_folder_that_others_write_to_is_refused(place: Path, bad: int) -> None:
    place.chmod(bad)
    with pytest.raises(NotPrivate, match=rf"`{place}` \(mode {bad:o}, owner \S+\) can be written to by every user"):
        private_folder(place)


def test_a_sticky_parent_will_do_and_another_will_not(place: Path) -> None:
    place.parent.chmod(0o1777)
    assert exposed(place) == exposed(place.parent / "new") == ""
    place.parent.chmod(0o777)
    assert str(place.parent) in exposed(place) and str(place.parent) in exposed(place.parent / "new/er")


@pytest.mark.needs("root")
def test_what_somebody_else_put_there_first_is_refused(place: Path) -> None:
    place.parent.chmod(0o1777)
    os.chown(place, 65534, -1)
    with pytest.raises(NotPrivate, match="belongs to another user"):
        private_folder(place / "state")
    assert list(place.iterdir()) == []
    os.chown(place, 0, -1)
    link = place.parent / "link"
    link.symlink_to(place)
    assert exposed(link / "new") == ""
    os.chown(link, 65534, -1, follow_symlinks=False)
    assert "`" + str(link) + "`" in exposed(link / "new")


@pytest.mark.needs("root")
def test_a_group_with_others_in_it_counts(place: Path) -> None:
    place.chmod(0o775)
    assert exposed(place) == ""
    os.chown(place, -1, 65534)
    assert "can be written to by the group" in exposed(place)


def test_links_lead_on_and_a_loop_ends(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "open"
    target.mkdir()
    target.chmod(0o777)
    (place / "link").symlink_to("../../open")
    with pytest.raises(NotPrivate, match="open"):
        require_ours(place / "link" / "x")
    (place / "loop").symlink_to("loop")
    assert exposed(place / "loop" / "x") == ""


def test_a_folder_that_is_a_file_is_none(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        private_folder(place / "file")


def test_a_file_of_ours_is_open_to_others_by_any_bit_of_theirs(place: Path) -> None:
    file = place / "key"
    file.write_text("")
    for bits in (0o600, 0o400, 0o700):
        file.chmod(bits)
        assert open_to_others(file) == ""
    for bits in (0o644, 0o640, 0o620, 0o601):
        file.chmod(bits)
        assert open_to_others(file) == f"0{bits:o}"
    assert open_to_others(Path("/dev/null")) == open_to_others(place / "none") == ""


@pytest.mark.needs("root")
def test_a_file_of_somebody_elses_is_their_affair(place: Path) -> None:
    file = place / "key"
    file.write_text("")
    file.chmod(0o644)
    os.chown(file, 65534, -1)
    assert open_to_others(file) == ""
