"""docs/provision.1 is made from the texts of `--help`: compared, or with WRITE_DOCS=1 written anew."""

import os
from pathlib import Path

from provision.cli.man import man_page

MAN = Path(__file__).parents[3] / "docs" / "provision.1"


def test_the_manual_page_in_the_tree_is_made_from_the_texts() -> None:
    if os.environ.get("WRITE_DOCS"):
        MAN.write_text(man_page(), encoding="utf-8")
    else:
        shown = MAN.read_text(encoding="utf-8")
        assert shown == man_page(), "run this test with WRITE_DOCS=1 in the environment to write the page anew"
