"""The cut of a cluster's model: `auto` becomes numbers, what vLLM would refuse or what cannot fit becomes a finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from provision.checks.requirements import wanted_by
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.core.playbook import Playbook
from provision.core.sizing import Sizing
from provision.core.wording import GIB
from provision.inventory.models import Serve
from provision.parallel.alternatives import alternatives, fewer, shortfall
from provision.parallel.architecture import Architecture, read_architecture
from provision.parallel.choose import Hosts, choose
from provision.parallel.cut import IMPOSSIBLE, Cut, Refusal, refusals
from provision.parallel.misread_flags import of_args
from provision.parallel.settings import (
    cut_of,
    fits_itself,
    loaded_bytes,
    settings_of,
    with_overrides,
)
from provision.parallel.size import Room, sizes
from provision.weights.files import ModelFiles

#: Kind of refusal → (area, fact) of its finding.
_PLACES = {
    "architecture": ("compatibility", "model architecture"),
    "heads": ("compatibility", "tensor_parallel"),
    "parts": ("compatibility", "tensor_parallel"),
    "stages": ("compatibility", "pipeline_parallel"),
    "length": ("compatibility", "--max-model-len"),
    "blocks": ("compatibility", "tensor_parallel"),
    "experts": ("compatibility", "--enable-expert-parallel"),
    "context": ("compatibility", "--decode-context-parallel-size"),
}
_WHY = {
    "architecture": "vLLM exits with this error after reading the model's config",
    "heads": "all GPUs of a stage take the same number of attention heads",
    "parts": "all GPUs of a stage take equal parts of each matrix: vLLM exits while it makes the layers",
    "stages": "a model's implementation must support pipeline stages",
    "blocks": "a GPU's part of an FP8 weight must be whole blocks: vLLM exits while it makes the layers",
    "experts": "vLLM exits with this error after reading the model's config",
    "context": "vLLM exits with this error after reading the model's config",
    "length": "beyond the positions that a model was trained on, its output is noise, or the GPU faults",
}


def with_parallelism(cluster: Cluster, book: Playbook) -> Cluster:
    """`cluster` with numbers in place of `auto`. What is to be said of the cut is put into `book`: what vLLM would
    refuse, what the GPUs cannot hold, and the arithmetic (`Playbook.sizing`)."""
    serve = cluster.inventory.serve
    if serve is None:
        return cluster
    files = described(cluster)
    model = read_architecture(with_overrides(files.config, serve))
    cut, why = _cut(cluster, serve, model)
    if why and (model is None or not _rooms(cluster)):
        reason = files.problem or "its config.json was not found"
        if cluster.model is not None or files.config:
            book.note(f"auto: {cut}: {why}; whether vLLM accepts it is not known: {reason}")
    total = sum(_gpu_counts(cluster))
    if not why and cut.gpus < total and (cluster.model is not None or files.config):
        # `auto` says it with the reason for its cut.
        book.note(f"{total - cut.gpus} of {total} GPUs stay idle: the model is cut into {cut}")
    serve = serve.model_copy(update={"tensor_parallel": cut.tensor, "pipeline_parallel": cut.pipeline})
    if model is not None:
        _judge(cluster, serve, model, files, cut, why, book)
    return replace(cluster, inventory=cluster.inventory.model_copy(update={"serve": serve}))


def described(cluster: Cluster) -> ModelFiles:
    """The model as the controller has seen it, else as the hosts have it."""
    known = cluster.model or ModelFiles()
    if known.config:
        return known
    for node in (cluster.head, *cluster.workers):
        folder = node.facts.model if node.facts is not None else None
        if folder is not None and folder.config:
            return ModelFiles(folder.config, folder.weights_bytes, f"{folder.path} on {node.name}")
        if folder is not None and folder.unread:
            return ModelFiles(problem=f"the config.json in {folder.path} on {node.name} is longer than 1 MiB")
    return known


def _cut(cluster: Cluster, serve: Serve, model: Architecture | None) -> tuple[Cut, str]:
    """With the reason, where one of the two is `auto`."""
    tensor = serve.tensor_parallel if isinstance(serve.tensor_parallel, int) else None
    pipeline = serve.pipeline_parallel if isinstance(serve.pipeline_parallel, int) else None
    variables = {**cluster.inventory.ray.env, **serve.env}
    asked = cut_of(variables, serve, tensor or 1, pipeline or 1)
    if tensor and pipeline:
        return asked, ""
    counts = tuple(count for count in _gpu_counts(cluster) if count)
    vllm = wanted_by(cluster).vllm

    def accepts(cut: Cut) -> bool:
        return model is None or not any(r.kind in IMPOSSIBLE for r in refusals(model, cut, vllm))

    hosts = Hosts(counts, _joined(cluster)).one_of(asked.data * asked.context)
    layers = model.layers if model else None
    cut, why = choose(hosts, accepts, layers, tensor=tensor, pipeline=pipeline, length=asked.length)
    return replace(asked, tensor=cut.tensor, pipeline=cut.pipeline), why


def _judge(
    cluster: Cluster, serve: Serve, model: Architecture, files: ModelFiles, cut: Cut, why: str, book: Playbook
) -> None:
    vllm = wanted_by(cluster).vllm
    refused = refusals(model, cut, vllm)
    book.findings += [_refused(refusal, serve.model) for refusal in refused]
    if unread := [*(f"in its config.json, {files.source}, {said}" for said in model.misread), *_args(serve)]:
        book.note(f"whether {serve.model} fits is not known: {'; '.join(unread)}")
        return
    variables = {**cluster.inventory.ray.env, **serve.env}
    settings = settings_of(variables, serve)
    weights = loaded_bytes(model, files.weights, serve)
    rooms = _rooms(cluster)
    stages = sizes(model, weights, cut, rooms, settings) if weights else ()
    if not stages or any(refusal.kind in IMPOSSIBLE for refusal in refused):
        return

    def accepts(tried: Cut) -> bool:
        return not refusals(model, tried, vllm)

    sizing = Sizing(
        model=serve.model,
        source=files.source,
        tensor_parallel=cut.tensor,
        pipeline_parallel=cut.pipeline,
        length=cut.length or model.usual_length,
        weights=weights,
        utilization=settings.utilization,
        stages=stages,
        why=why,
    )
    if sizing.verdict != "fits" and not refused:
        sizing = replace(sizing, alternatives=alternatives(model, weights, cut, rooms, settings, accepts))
        # With GPUs of several sizes it depends on which stage comes to lie on which.
        largest = [replace(room, memory=max(other.memory for other in rooms)) for room in rooms]
        never = any(stage.verdict == "too small" for stage in sizes(model, weights, cut, largest, settings))
        sure = settings.sure and never and not fits_itself(serve) and not model.not_modelled
        book.findings += _fit(sizing, sure=sure, not_modelled=model.not_modelled)
    elif why:
        # Said where the cut was chosen here: who wrote numbers has had reasons.
        for other in fewer(model, weights, cut, rooms, settings, accepts):
            book.note(f"auto uses all GPUs, and the model needs less: {other}")
    book.sizing = sizing


def _args(serve: Serve) -> Iterator[str]:
    return (f"in serve.args {said}" for said in of_args(serve))


def _refused(refusal: Refusal, model: str) -> Finding:
    area, fact = _PLACES[refusal.kind]
    return Finding(
        "",
        area,
        fact,
        Severity.BLOCKS,
        against=Against.POSSIBLE,
        why=_WHY[refusal.kind],
        hint=refusal.hint,
        said=f"vLLM refuses {model}: {refusal.said}",
    )


def _fit(sizing: Sizing, *, sure: bool, not_modelled: tuple[str, ...] = ()) -> Iterator[Finding]:
    stage = shortfall(sizing.stages)
    needs = stage.weights + stage.kv
    too_small = stage.verdict == "too small"
    more = "; `provision plan` shows what else would" if len(sizing.alternatives) > 1 else ""
    yield Finding(
        "",
        "gpus",
        "memory for the model",
        Severity.BLOCKS if too_small and sure else Severity.WARNING,
        found=f"{stage.allowed / GIB:.1f} GiB",
        expected=f"{(needs + stage.least) / GIB:.1f} to {(needs + stage.most) / GIB:.1f} GiB",
        against=Against.POSSIBLE,
        why="vLLM does not start where the KV cache of one request of full length has no room beside the weights",
        hint=f"what would fit: {sizing.alternatives[0]}{more}"
        if sizing.alternatives
        else "add hosts, or choose a smaller model",
        evidence=(
            f"weights {stage.weights / GIB:.1f} GiB, KV cache {stage.kv / GIB:.1f} GiB for {sizing.length} tokens, "
            f"overhead {stage.least / GIB:.1f} to {stage.most / GIB:.1f} GiB (estimate)",
            *(
                [f"its config has what this arithmetic does not know: {', '.join(not_modelled)}"]
                if not_modelled
                else []
            ),
        ),
        said=f"{sizing.model} {'does' if too_small else 'may'} not fit: stage {stage.stage} on "
        f"{', '.join(stage.hosts)} takes {(needs + stage.least) / GIB:.1f} to {(needs + stage.most) / GIB:.1f} GiB of "
        f"each GPU, vLLM may have {stage.allowed / GIB:.1f} GiB",
    )


def _gpu_counts(cluster: Cluster) -> list[int]:
    """Of each host what the inventory promises, else what it has; of one that was not asked, what the others have."""
    known = [_gpus(node) for node in cluster.nodes]
    usual = max((count for count in known if count is not None), default=0)
    return [usual if count is None else count for count in known]


def _gpus(node: Node) -> int | None:
    promised = node.host.expect.gpus
    if promised is not None:
        return promised
    return node.gpus if node.facts is not None else None


def _joined(cluster: Cluster) -> bool | None:
    """Whether NVLink joins the GPUs of every host that has several. None where no host tells."""
    tables = [node.facts.topology for node in cluster.nodes if node.facts is not None and len(node.facts.topology) > 1]
    if not tables:
        return None
    return all(link == "X" or link.startswith("NV") for table in tables for row in table for link in row)


def _rooms(cluster: Cluster) -> Sequence[Room]:
    """The hosts with GPUs, the head first."""
    nodes = [cluster.head, *cluster.workers]
    found = []
    for node in nodes:
        if node.facts is not None and node.facts.gpus:
            # A GPU in slices tells its own memory, not theirs.
            memory = min(0 if gpu.mig else gpu.memory_mib for gpu in node.facts.gpus)
            found.append(Room(node.name, len(node.facts.gpus), memory * 2**20))
    return found
