"""Whether a model fits GPUs that nobody has asked yet, how it would be cut over them, and what it would take."""

from __future__ import annotations

from dataclasses import replace

from provision.core.sizing import StageSize
from provision.core.values import dataclass
from provision.inventory.models import Serve
from provision.parallel.alternatives import alternatives, fewer, shortfall
from provision.parallel.architecture import Architecture
from provision.parallel.choose import Accepts, Hosts, choose
from provision.parallel.cut import IMPOSSIBLE, Cut, refusals
from provision.parallel.misread_flags import of_args
from provision.parallel.settings import cut_of, fits_itself, loaded_bytes, may_be_more, settings_of
from provision.parallel.size import Room, sizes


@dataclass(frozen=True)
class Fit:
    """`fits`: None where it could not be worked out; `unknown` says why. `stage`: the one with the least left, None
    where nothing could be counted. `not_modelled`: keys of the config that the arithmetic does not know. `refused`:
    what vLLM would say to it. `alternatives`: what would fit, or what fewer GPUs would do. `why`: how the cut was
    chosen."""

    model: str
    hosts: tuple[Room, ...]
    cut: Cut
    length: int
    fits: bool | None
    stage: StageSize | None = None
    unknown: str = ""
    not_modelled: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    why: str = ""

    @property
    def idle(self) -> int:
        return sum(room.gpus for room in self.hosts) - self.cut.gpus


def fit(model: Architecture, weights: int, serve: Serve, hosts: tuple[Room, ...], vllm: str = "") -> Fit:
    """`serve`: model, degrees (`auto` too) and `args`, as in an inventory. `weights`: bytes of its files, 0: not known.
    `vllm`: the version that is to serve it; empty: what holds for any."""
    tensor = serve.tensor_parallel if isinstance(serve.tensor_parallel, int) else None
    pipeline = serve.pipeline_parallel if isinstance(serve.pipeline_parallel, int) else None
    asked, why = cut_of({}, serve, tensor or 1, pipeline or 1), ""

    def accepts(tried: Cut) -> bool:
        return not any(refusal.kind in IMPOSSIBLE for refusal in refusals(model, tried, vllm))

    if not (tensor and pipeline):
        replica = Hosts(tuple(room.gpus for room in hosts)).one_of(asked.data * asked.context)
        chosen, why = choose(replica, accepts, model.layers, tensor=tensor, pipeline=pipeline, length=asked.length)
        asked = replace(asked, tensor=chosen.tensor, pipeline=chosen.pipeline)
    refused = tuple(refusal.said for refusal in refusals(model, asked, vllm))
    found = Fit(serve.model, hosts, asked, asked.length or model.usual_length, None, refused=refused, why=why)
    found = replace(found, not_modelled=model.not_modelled)
    if refused:
        return replace(found, fits=False)
    if found.idle < 0:
        said = f"{asked} is {asked.gpus} GPUs, and there are {sum(room.gpus for room in hosts)}"
        return replace(found, fits=False, refused=(said,))
    if not weights:
        return replace(found, unknown="how many bytes its weights have is not known")
    if not model.heads and model.attends:
        return replace(found, unknown="its config does not say how many attention heads it has")
    if "hidden_size" in model.not_modelled:
        return replace(found, unknown="its config does not say how large an attention head is")
    if unread := [*(f"in its config.json {said}" for said in model.misread), *of_args(serve)]:
        return replace(found, unknown="; ".join(unread))
    return _counted(found, model, weights, serve, accepts)


def _counted(found: Fit, model: Architecture, weights: int, serve: Serve, accepts: Accepts) -> Fit:
    settings, bytes_ = settings_of({}, serve), loaded_bytes(model, weights, serve)
    stages = sizes(model, bytes_, found.cut, found.hosts, settings)
    stage = shortfall(stages)
    found = replace(found, stage=stage)
    if stage.verdict == "fits" and (more := may_be_more(serve)):
        said = ", ".join(f"`{flag}`" for flag in more)
        return replace(found, unknown=f"the arithmetic does not know what {said} takes: without, it fits")
    if stage.verdict == "fits":
        others = fewer(model, bytes_, found.cut, found.hosts, settings, accepts)
        return replace(found, fits=True, alternatives=others)
    others = alternatives(model, bytes_, found.cut, found.hosts, settings, accepts)
    found = replace(found, alternatives=others)
    if stage.verdict == "close":
        return replace(found, unknown="it depends on what vLLM needs beside weights and cache, which is an estimate")
    if found.not_modelled:
        return replace(found, unknown=f"the arithmetic does not know {', '.join(found.not_modelled)} of its config")
    if not settings.sure:
        return replace(found, unknown="`args` has flags that the arithmetic does not know")
    if fits_itself(serve):
        return replace(found, unknown="vLLM is to choose the length by the memory that is left")
    return replace(found, fits=False)
