"""`python -m benchmarks` in a small form, so that it does what its document says when somebody wants its figures."""

import json
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

pytestmark = pytest.mark.hosts
PROJECT = Path(__file__).parents[2]


def test_it_measures_every_way_and_writes_and_draws_the_figures(tmp_path: Path) -> None:
    figures, picture = tmp_path / "speed.json", tmp_path / "speed.svg"
    words = ["--hosts", "1", "--rounds", "1", "--no-others", "--json", str(figures), "--plot", str(picture)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(figures.read_text())["hosts"]["1"]
    bound = measured["one script, paramiko"]
    for name in ("provision check", "provision up, no change"):
        assert measured[name]["ratio"] == pytest.approx(measured[name]["wall"] / bound["wall"])
        assert name in done.stdout
    drawn = [text.text for text in xml.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {*measured} <= {*drawn}
