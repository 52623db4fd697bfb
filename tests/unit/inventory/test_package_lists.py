"""What in `python.packages` is the name of a file, and what a requirement."""

import pytest

from provision.inventory.packages import is_file


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.in", "a/pyproject.toml", "uv.lock", "of=two.txt"])
def test_a_file_is_known_by_how_its_name_ends(name: str) -> None:
    assert is_file(name)


@pytest.mark.parametrize("text", ["vllm", "vllm==0.33.0+of.in", "vllm>=1,!=1.2+x.txt", "vllm~=0.33.in", "a.toml==1.in"])
def test_a_requirement_may_end_like_one(text: str) -> None:
    assert not is_file(text)
