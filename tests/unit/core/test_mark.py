"""The mark of what we start: written and read, in the form that running clusters have and in the longer one."""

import pytest

from provision.core.mark import Mark


def test_the_first_replica_has_the_mark_that_running_clusters_have() -> None:
    assert str(Mark("demo", "gpu-01", "ray")) == "demo/gpu-01/ray"
    assert Mark.parse("demo/gpu-01/ray") == Mark("demo", "gpu-01", "ray")


@pytest.mark.parametrize(
    "mark", [Mark("demo", "a.b", "vllm", "qwen-1"), Mark("d", "h", "ray", epoch=12), Mark("d", "h", "s")]
)
def test_what_is_written_is_read(mark: Mark) -> None:
    assert Mark.parse(str(mark)) == mark


def test_the_long_form_begins_and_ends_as_the_short_one() -> None:
    text = str(Mark("demo", "gpu-01", "vllm", "qwen-1", 3))
    assert text == "demo/gpu-01/qwen-1/3/vllm"
    assert text.startswith("demo/gpu-01/") and text.rsplit("/", 1)[-1] == "vllm"


@pytest.mark.parametrize(
    "text",
    ["", "/", "a/b", "a//c", "a/b/c/d", "a/b/r/x/c", "a/b/r/-1/c", "a/b/r/01/c", "a/b/r/٣/c", "a b/c/d", "a/b/c\n"],
)
def test_what_is_no_mark_is_none(text: str) -> None:
    assert Mark.parse(text) is None


@pytest.mark.parametrize("part", ["", "a/b", "a b", "a\n"])
def test_a_part_that_would_change_the_others_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        Mark("demo", part, "ray")
