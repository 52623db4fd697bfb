"""Whether a model fits, for a person and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.core.wording import GIB
from provision.render.text import PLAIN, Paint, Style, clean, count, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.parallel.fit import Fit

_SAID = {True: "fits", False: "does not fit", None: "not known"}
_STYLE = {True: Style.OK, False: Style.ERROR, None: Style.WARN}


def fit_lines(found: Fit, gpu: str, paint: Paint = PLAIN) -> list[str]:
    """Verdict, arithmetic of the worst stage, what would do instead."""
    lines = [f"{clean(found.model)} on {_where(found, gpu)}: {paint(_STYLE[found.fits], _SAID[found.fits])}"]
    lines += [f"  {clean(text)}" for text in (found.unknown, *found.refused) if text]
    idle = f"; {count(found.idle, 'GPU')} stay{'s' if found.idle == 1 else ''} idle" if found.idle > 0 else ""
    lines.append(f"cut: {found.cut}, {found.length} tokens{idle}")
    if found.why:
        lines.append(f"auto: {found.why}")
    if (stage := found.stage) is not None:
        needs = f"weights {_gib(stage.weights)} + KV cache {_gib(stage.kv)} (one request)"
        besides = f"overhead {_gib(stage.least)} to {_gib(stage.most)} (estimate)"
        lines.append(f"GiB of each GPU, stage {stage.stage}: {needs} + {besides}, vLLM may take {_gib(stage.allowed)}")
    if found.not_modelled:
        lines.append(f"not counted, because not known here: {', '.join(map(clean, found.not_modelled))}")
    would = "enough" if found.fits else "would fit"
    return [*lines, *(f"{would}: {clean(other)}" for other in found.alternatives)]


def fits_lines(options: Sequence[tuple[str, Fit]], paint: Paint = PLAIN) -> list[str]:
    """A line for each of several sets of GPUs."""
    head = ("hosts", "GPUs", "GPU", "cut", "idle", "weights", "KV cache", "left", "")
    rows = [head, *(_row(gpu, found) for gpu, found in options)]
    lines = [clean(options[0][1].model) + "; GiB of each GPU, worst stage"]
    for number, cells in enumerate(table(rows, right=frozenset((0, 1, 4, 5, 6, 7)))):
        line = "  ".join(cells[:-1])
        style = _STYLE[options[number - 1][1].fits] if number else Style.DIM
        lines.append(f"{line}  {paint(style, cells[-1])}".rstrip())
    return lines


def fit_json(found: Fit) -> Mapping[str, object]:
    """The contract: docs/json.md. GiB; null where nothing could be counted."""
    stage = found.stage
    return {
        "fits": found.fits,
        "tensor_parallel": found.cut.tensor,
        "pipeline_parallel": found.cut.pipeline,
        "data_parallel": found.cut.data,
        "max_model_len": found.length,
        "gpus_used": found.cut.gpus,
        "gpus_idle": max(0, found.idle),
        "weights_gib_per_gpu": stage and _number(stage.weights),
        "kv_cache_needed_gib_per_gpu": stage and _number(stage.kv),
        "kv_cache_available_gib_per_gpu": stage and _number(max(0, stage.allowed - stage.weights - stage.most)),
        "overhead_gib_per_gpu": stage and [_number(stage.least), _number(stage.most)],
        "worst_stage": stage and stage.stage,
        "unknown": found.unknown or None,
        "not_modelled": list(found.not_modelled),
        "refused": list(found.refused),
        "alternatives": list(found.alternatives),
    }


def _row(gpu: str, found: Fit) -> tuple[str, ...]:
    stage = found.stage
    numbers = (_gib(stage.weights), _gib(stage.kv), _gib(stage.free)) if stage else ("", "", "")
    cut = f"{found.cut.tensor} × {found.cut.pipeline}" + (f" × {found.cut.data}" if found.cut.data > 1 else "")
    gpus = str(found.hosts[0].gpus)
    return str(len(found.hosts)), gpus, clean(gpu), cut, str(max(0, found.idle)), *numbers, _SAID[found.fits]


def _where(found: Fit, gpu: str) -> str:
    return f"{count(len(found.hosts), 'host')} with {found.hosts[0].gpus} × {clean(gpu)}"


def _gib(size: int) -> str:
    return f"{size / GIB:.1f}"


def _number(size: int) -> float:
    return round(size / GIB, 2)
