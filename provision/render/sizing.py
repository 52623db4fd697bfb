"""The arithmetic of a model's cut: a line per stage, GiB of each GPU."""

from __future__ import annotations

from provision.core.sizing import Sizing, StageSize
from provision.core.wording import GIB
from provision.render.text import PLAIN, Paint, Style, clean, named, table

_STYLE = {"fits": Style.OK, "close": Style.WARN, "too small": Style.ERROR}
_HEAD = ("stage", "hosts", "layers", "weights", "KV cache", "overhead", "may take", "left", "")
_RIGHT = frozenset((2, 3, 4, 5, 6, 7))


def sizing_lines(sizing: Sizing, paint: Paint = PLAIN) -> list[str]:
    """A sentence on the cut, the table, and what would fit instead."""
    cut = f"tensor_parallel {sizing.tensor_parallel} × pipeline_parallel {sizing.pipeline_parallel}"
    lines = [f"{clean(sizing.model)}: {cut}, {sizing.length} tokens; GiB of each GPU"]
    if sizing.why:
        lines.append(f"auto: {sizing.why}")
    groups = _alike(sizing.stages)
    rows = [_HEAD, *(_row(group) for group in groups)]
    for number, cells in enumerate(table(rows, right=_RIGHT)):
        *front, verdict = cells
        line = "  ".join(front)
        lines.append(f"{line}  {paint(_STYLE[verdict], verdict)}" if number else paint(Style.DIM, line.rstrip()))
    lines.append(paint(Style.DIM, f"numbers from {clean(sizing.source)}; may take: {sizing.utilization:g} of the GPU"))
    return [*lines, *(f"would fit: {other}" for other in sizing.alternatives)]


def _alike(stages: tuple[StageSize, ...]) -> list[list[StageSize]]:
    """Stages in a row that take the same."""
    groups: list[list[StageSize]] = []
    for stage in stages:
        if groups and _numbers(groups[-1][0]) == _numbers(stage):
            groups[-1].append(stage)
        else:
            groups.append([stage])
    return groups


def _numbers(stage: StageSize) -> tuple[int, ...]:
    return (stage.layers, stage.weights, stage.kv, stage.least, stage.most, stage.allowed)


def _row(group: list[StageSize]) -> tuple[str, ...]:
    first, last = group[0], group[-1]
    hosts = tuple(dict.fromkeys(host for stage in group for host in stage.hosts))
    return (
        str(first.stage) if first is last else f"{first.stage}-{last.stage}",
        clean(named(hosts)),
        str(first.layers),
        _gib(first.weights),
        _gib(first.kv),
        f"{_gib(first.least)}-{_gib(first.most)}",
        _gib(first.allowed),
        f"{_gib(first.free)} to {_gib(first.free_at_best)}",
        first.verdict,
    )


def _gib(size: int) -> str:
    return "<0.1" if 0 < size < GIB / 20 else f"{size / GIB:.1f}"
