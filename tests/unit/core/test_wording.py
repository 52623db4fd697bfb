import pytest

from provision.core.wording import GIB, KIB, MIB, did_you_mean, download, is_true, nearest, size, span

DAY = 86_400


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1.5 * KIB, "1.5 KiB"),
        (64 * MIB, "64 MiB"),
        (1.5 * GIB, "1.5 GiB"),
        (9.96 * GIB, "10 GiB"),
        (1008 * GIB, "1008 GiB"),
    ],
)
def test_an_amount_of_bytes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0.0 MB"), (1.5e6, "1.5 MB"), (1e9, "1.0 GB"), (70.6e9, "70.6 GB")])
def test_what_is_downloaded_is_counted_as_the_hub_does(count: float, text: str) -> None:
    assert download(count) == text


@pytest.mark.parametrize(
    ("seconds", "text", "spelled"),
    [
        (-5, "0 s", "a moment"),
        (90, "90 s", "a moment"),
        (120, "2 min", "2 minutes"),
        (7_200, "2 h", "2 hours"),
        (36 * 3600, "36 h", "36 hours"),
        (2 * DAY, "2 days", "2 days"),
        (400 * DAY, "400 days", "400 days"),
    ],
)
def test_a_span_is_said_as_roughly_as_a_person_would(seconds: float, text: str, spelled: str) -> None:
    assert (span(seconds), span(seconds, spelled=True)) == (text, spelled)


def test_the_choice_that_was_meant_is_found_whatever_its_case_and_dashes() -> None:
    assert nearest("Tensor-Paralel", ["pipeline_parallel", "tensor_parallel"]) == "tensor_parallel"
    assert nearest("HEAD", ["head", "worker"]) == "head"
    assert nearest("xyz", ["head", "worker"]) == ""
    assert did_you_mean("chekc", ["plan", "check"], "; ") == "; did you mean `check`?"
    assert did_you_mean("xyz", ["plan", "check"], "; ") == ""


@pytest.mark.parametrize(("text", "truth"), [("1", True), ("True", True), ("ON", True), ("0", False), ("", False)])
def test_what_means_yes_in_the_environment(text: str, truth: bool) -> None:
    assert is_true(text) is truth
