"""The picture of the figures that `python -m benchmarks` prints."""

import xml.etree.ElementTree as xml

from benchmarks.chart import BARS, NAMES, chart

SVG = "{http://www.w3.org/2000/svg}"


def figures(ratio: float) -> dict[str, float]:
    return {"ratio": ratio, "wall": ratio * 2}


def test_each_way_has_a_bar_with_its_figures_and_longer_means_slower() -> None:
    ways = {"one script": figures(1.0), "provision check": figures(1.28), "Ansible": figures(35.16)}
    root = xml.fromstring(chart({"50": ways}))
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    for said in ("50 hosts", "one script", "provision check", "1.28 × (2.56 s)", "35.16 × (70.32 s)", "1 ×", "32 ×"):
        assert said in texts
    bars = [float(bar.get("width", "")) for bar in root.iter(f"{SVG}rect") if bar.get("x") == str(NAMES)]
    assert len(bars) == 3
    assert 0 < bars[0] < bars[1] < bars[2] <= BARS


def test_what_a_way_is_called_is_text_and_nothing_measured_is_a_picture_too() -> None:
    root = xml.fromstring(chart({"<script>": {"a & <b>": figures(0.4)}}))
    assert "a & <b>" in [text.text for text in root.iter(f"{SVG}text")]
    assert xml.fromstring(chart({})) is not None
