"""The cut of a cluster's model, from its inventory and facts: numbers for `auto`, findings for what cannot work."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from published_configs import CONFIGS

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Severity
from provision.core.playbook import Playbook
from provision.environment.lockfile import Lock
from provision.facts import Facts, Gpu, ModelFolder
from provision.inventory.models import Expect, Host, Inventory, Serve
from provision.stack.parallelism import with_parallelism
from provision.weights.files import ModelFiles

MODEL = "/models/llama"
LLAMA = CONFIGS["meta-llama/Llama-3.1-70B"]
WEIGHTS = 141 * 10**9
PACKAGES = {"vllm": "0.32.0", "ray": "2.56.1"}
LOCK = Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", PACKAGES, {}, "3f9c" * 16)


def cluster(
    *gpus: int,
    memory: int = 81559,
    config: dict[str, Any] | None = LLAMA,
    weights: int = WEIGHTS,
    expect: int | None = None,
    silent: tuple[int, ...] = (),
    model: ModelFiles | None = None,
    **serve: Any,
) -> Cluster:
    """Hosts with so many GPUs each; `silent`: those that were not asked. The model lies on all."""
    folder = ModelFolder(MODEL, True, 30, weights, "3f9c", 10**12, config or {}, weights)
    nodes = []
    for index, count in enumerate(gpus, 1):
        host = Host(
            name=f"gpu-{index:02d}",
            address=f"10.0.0.{index}",
            role="head" if index == 1 else "worker",
            expect=Expect(gpus=expect),
        )
        cards = tuple(Gpu(number, "NVIDIA H100", memory_mib=memory) for number in range(count))
        nodes.append(Node(host, None if index in silent else Facts(gpus=cards, model=folder)))
    served = Serve(**{"model": MODEL, "tensor_parallel": "auto", "pipeline_parallel": "auto", **serve})
    hosts = tuple(node.host for node in nodes)
    inventory = Inventory(path=Path("inventory.yaml"), cluster="llama", hosts=hosts, serve=served)
    return Cluster(inventory, tuple(nodes), LOCK, {}, model=model)


def cut(found: Cluster) -> tuple[object, object]:
    serve = found.inventory.serve
    assert serve is not None
    return serve.tensor_parallel, serve.pipeline_parallel


def test_auto_becomes_numbers_for_all_that_comes_after() -> None:
    book = Playbook()
    found = with_parallelism(cluster(8, 8), book)
    assert cut(found) == (8, 2)
    assert found.inventory.serve is not None and found.inventory.serve.gpus == 16
    assert book.findings == []
    ((_, note),) = book.notes
    assert "3 GPUs of one host are enough" in note and "`data-parallel-size: 5`" in note


def test_the_arithmetic_is_in_the_book() -> None:
    book = Playbook()
    with_parallelism(cluster(8, 8), book)
    assert book.sizing is not None
    assert (book.sizing.verdict, book.sizing.length, len(book.sizing.stages)) == ("fits", 131072, 2)
    assert book.sizing.source == f"{MODEL} on gpu-01"
    assert [stage.hosts for stage in book.sizing.stages] == [("gpu-01",), ("gpu-02",)]


def test_what_nobody_understands_is_named_and_no_sum_is_made() -> None:
    book = Playbook()
    config = {**LLAMA, "rope_scaling": "yarn"}
    with_parallelism(cluster(8, 8, config=config, args={"kv-cache-dtype": "fp7"}), book)
    assert book.sizing is None
    said = [text for _, text in book.notes if text.startswith(f"whether {MODEL} fits is not known: ")]
    assert len(said) == 1
    assert f"in its config.json, {MODEL} on gpu-01, `rope_scaling` is `yarn`" in said[0]
    assert "in serve.args `kv-cache-dtype` is `fp7`" in said[0] and "did you mean `fp8`?" in said[0]


def test_a_gpu_that_is_missing_does_not_change_the_cut() -> None:
    assert cut(with_parallelism(cluster(8, 7, expect=8), Playbook())) == (8, 2)


def test_a_host_that_was_not_asked_counts_as_the_others() -> None:
    assert cut(with_parallelism(cluster(8, 8, silent=(2,)), Playbook())) == (8, 2)


@pytest.mark.parametrize(
    ("serve", "fact"),
    [
        ({"tensor_parallel": 3, "pipeline_parallel": 1}, "tensor_parallel"),
        ({"args": {"max-model-len": 200_000}}, "--max-model-len"),
        ({"args": {"max_model_len": "200k"}}, "--max-model-len"),
    ],
)
def test_what_vllm_would_refuse_blocks_and_is_said_once(serve: dict[str, Any], fact: str) -> None:
    book = Playbook()
    with_parallelism(cluster(8, **serve), book)
    (finding,) = book.findings
    assert (finding.severity, finding.host, finding.fact) == (Severity.BLOCKS, "", fact)
    assert finding.message.startswith(f"vLLM refuses {MODEL}: ")
    assert finding.hint


def test_an_architecture_that_vllm_does_not_know_blocks() -> None:
    book = Playbook()
    with_parallelism(cluster(8, config={**LLAMA, "architectures": ["UnheardOfForCausalLM"]}), book)
    (finding,) = book.findings
    assert "unsupported architecture" in finding.message


def test_a_model_that_surely_does_not_fit_blocks_and_names_what_would() -> None:
    book = Playbook()
    with_parallelism(cluster(2), book)
    (finding,) = book.findings
    assert finding.severity is Severity.BLOCKS
    assert "does not fit" in finding.message
    assert "max-model-len" in finding.hint
    assert book.sizing is not None and book.sizing.verdict == "too small"


def test_what_depends_on_the_estimate_is_a_warning() -> None:
    book = Playbook()
    with_parallelism(cluster(2, args={"max-model-len": 32768}), book)
    (finding,) = book.findings
    assert (finding.severity, "may not fit" in finding.message) == (Severity.WARNING, True)


@pytest.mark.parametrize("args", [{"quantization": "fp8"}, {"max-model-len": "auto"}, {"speculative-config": "{}"}])
def test_where_the_arithmetic_is_a_guess_nothing_blocks(args: dict[str, Any]) -> None:
    book = Playbook()
    with_parallelism(cluster(2, args=args), book)
    assert all(finding.severity is Severity.WARNING for finding in book.findings)


def test_a_model_that_nobody_could_look_at_is_cut_by_the_hosts_alone_and_that_is_said() -> None:
    book = Playbook()
    unseen = ModelFiles(problem="https://huggingface.co is not reached: timed out")
    found = with_parallelism(cluster(8, 8, config=None, model=unseen), book)
    assert cut(found) == (8, 2)
    assert book.sizing is None and book.findings == []
    ((_, note),) = book.notes
    assert "whether vLLM accepts it is not known: https://huggingface.co is not reached" in note


def test_with_numbers_given_nothing_is_said_of_a_model_that_nobody_could_look_at() -> None:
    book = Playbook()
    unseen = ModelFiles(problem="no answer")
    with_parallelism(cluster(8, config=None, model=unseen, tensor_parallel=8, pipeline_parallel=1), book)
    assert book.notes == [] and book.findings == []


def test_gpus_that_the_given_numbers_leave_idle_are_always_said() -> None:
    book = Playbook()
    with_parallelism(cluster(2, 2, 2, tensor_parallel=1, pipeline_parallel=2), book)
    assert book.notes == [("", "4 of 6 GPUs stay idle: the model is cut into tensor_parallel 1 × pipeline_parallel 2")]
    book = Playbook()
    with_parallelism(cluster(2, 2, tensor_parallel=2, pipeline_parallel=2), book)
    assert book.notes == []


def test_going_down_nobody_looks_at_the_model_and_nothing_is_said() -> None:
    book = Playbook()
    assert cut(with_parallelism(cluster(8, config=None), book)) == (8, 1)
    assert book.notes == []


def test_what_the_controller_saw_comes_first() -> None:
    seen = ModelFiles(CONFIGS["Qwen/Qwen2-7B"], 15 * 10**9, "/srv/qwen on this machine")
    book = Playbook()
    assert cut(with_parallelism(cluster(8, model=seen), book)) == (4, 2)
    assert book.sizing is not None and book.sizing.source == "/srv/qwen on this machine"


def test_numbers_of_32_bits_are_loaded_as_16() -> None:
    wide = {**LLAMA, "torch_dtype": "float32"}
    book = Playbook()
    with_parallelism(cluster(8, 8, config=wide, weights=2 * WEIGHTS), book)
    assert book.sizing is not None and book.sizing.weights == WEIGHTS


def test_an_override_of_the_config_counts() -> None:
    book = Playbook()
    args = {"max-model-len": 200_000, "hf-overrides": '{"max_position_embeddings": 262144}'}
    with_parallelism(cluster(8, 8, args=args), book)
    assert book.findings == []


@pytest.mark.parametrize("cards", [(Gpu(0, "GB10"),), (Gpu(0, "A100", memory_mib=81920, mig=True),)])
def test_gpus_that_do_not_tell_what_a_rank_may_take_are_not_judged(cards: tuple[Gpu, ...]) -> None:
    small = cluster(1)
    node = replace(small.head, facts=Facts(gpus=cards, model=ModelFolder(MODEL, config=LLAMA, weights_bytes=WEIGHTS)))
    book = Playbook()
    assert cut(with_parallelism(replace(small, nodes=(node,)), book)) == (1, 1)
    assert book.findings == [] and book.sizing is None


def test_a_cluster_that_serves_nothing_is_left_alone() -> None:
    nothing = cluster(8)
    nothing = replace(nothing, inventory=nothing.inventory.model_copy(update={"serve": None}))
    assert with_parallelism(nothing, Playbook()) is nothing
