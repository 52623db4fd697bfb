"""What to do about a folder in the place of a lock file."""

import errno
import os
from pathlib import Path

import pytest

from provision.core.room import way_out


@pytest.mark.parametrize(("name", "helps"), [("lab one.lock", True), ("page.html", False)])
def test_a_folder_in_its_place_is_moved_away(tmp_path: Path, name: str, helps: bool) -> None:
    place = tmp_path / name
    place.mkdir()
    with pytest.raises(IsADirectoryError) as error:
        os.open(place, os.O_RDWR)
    assert error.value.errno == errno.EISDIR
    hint = way_out(error.value, tmp_path, "name another folder in SOMEWHERE")
    assert (f"`mv '{place}' '{place}'.was`" in hint) == helps
    assert ("SOMEWHERE" in hint) != helps
