"""What `auto` stands for on hosts of all sorts."""

import pytest
from published_configs import CONFIGS

from provision.parallel.architecture import read_architecture
from provision.parallel.choose import Hosts, choose
from provision.parallel.cut import Cut, refusals


def chosen(gpus: tuple[int, ...], name: str = "", *, joined: bool | None = True, **said: int) -> tuple[int, int]:
    return choice(gpus, name, joined=joined, **said)[0]


def choice(gpus: tuple[int, ...], name: str = "", *, joined: bool | None, **said: int) -> tuple[tuple[int, int], str]:
    model = read_architecture(CONFIGS[name]) if name else None

    def accepts(cut: Cut) -> bool:
        return model is None or not refusals(model, cut, "0.32.0")

    cut, why = choose(Hosts(gpus, joined), accepts, model.layers if model else None, **said)  # type: ignore[arg-type]
    return (cut.tensor, cut.pipeline), why


@pytest.mark.parametrize(
    ("gpus", "cut"),
    [
        ((1,), (1, 1)),
        ((8,), (8, 1)),
        ((8, 8), (8, 2)),
        ((1, 1, 1), (1, 3)),
        ((2, 2), (2, 2)),
        ((8, 4), (4, 3)),  # uneven: what divides both
        ((8, 7), (1, 15)),
    ],
)
def test_layers_are_shared_inside_a_host_and_stages_go_across(gpus: tuple[int, ...], cut: tuple[int, int]) -> None:
    assert chosen(gpus, "meta-llama/Llama-3.1-70B") == cut


@pytest.mark.parametrize(
    ("name", "gpus", "cut"),
    [
        ("Qwen/Qwen2-7B", (8, 8), (4, 4)),  # 28 heads
        ("microsoft/phi-4", (8,), (2, 4)),  # 10 KV heads
        ("microsoft/phi-4", (10,), (2, 5)),  # its vocabulary is no multiple of 5
        ("tiiuae/falcon-7b", (8,), (1, 8)),  # 71 heads
        ("google/gemma-3n-E4B", (4, 4), (8, 1)),  # cannot be cut into stages
    ],
)
def test_what_the_model_allows_decides(name: str, gpus: tuple[int, ...], cut: tuple[int, int]) -> None:
    assert chosen(gpus, name) == cut


def test_without_nvlink_stages_are_better() -> None:
    assert chosen((8,), "meta-llama/Llama-3.1-70B", joined=False) == (1, 8)
    assert chosen((8,), "meta-llama/Llama-3.1-70B", joined=None) == (8, 1)


def test_there_are_no_more_stages_than_layers() -> None:
    tensor, pipeline = chosen((1,) * 40, "google/gemma-2b")
    assert (tensor, pipeline) == (1, 18)


@pytest.mark.parametrize(
    ("said", "cut"),
    [
        ({"tensor": 4}, (4, 4)),
        ({"tensor": 2}, (2, 8)),
        ({"pipeline": 2}, (8, 2)),
        ({"pipeline": 4}, (4, 4)),
        ({"pipeline": 1}, (16, 1)),
    ],
)
def test_the_one_that_is_given_stays(said: dict[str, int], cut: tuple[int, int]) -> None:
    assert chosen((8, 8), "meta-llama/Llama-3.1-70B", **said) == cut


def test_gpus_that_stay_idle_are_counted() -> None:
    cut, why = choice((8,), "Qwen/Qwen2-7B", joined=True, pipeline=1)
    assert cut == (4, 1)
    assert "4 of 8 GPUs stay idle" in why


def test_a_model_that_is_not_known_is_cut_by_the_hosts_alone() -> None:
    assert chosen((8, 8, 8)) == (8, 3)


def test_no_cut_at_all_is_said() -> None:
    _, why = choice((2, 2), "Qwen/Qwen2-7B", joined=True, tensor=3)
    assert why == "vLLM accepts no cut over these GPUs"
