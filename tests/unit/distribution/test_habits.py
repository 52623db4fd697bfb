"""The same fast checks by hand, before a commit and in CI."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_fast_checks_are_the_same_by_hand_before_a_commit_and_in_ci() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    by_hand = [line.strip() for line in recipe[1].splitlines()]
    hooks = re.findall(r"entry: (.*?)(?:, pass_filenames.*)?$", (ROOT / ".pre-commit-config.yaml").read_text(), re.M)
    in_ci = re.findall(r"^\.venv/bin/(?!pip |pytest ).*$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert len(by_hand) >= 4
    assert by_hand == hooks == in_ci
