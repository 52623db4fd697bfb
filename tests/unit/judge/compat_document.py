"""The tables of docs/compatibility.md, made of the data."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from provision.judge.compatibility import ARCHITECTURES, CUDA, RAY, TORCH, VLLM

DOCUMENT = Path(__file__).parents[3] / "docs" / "compatibility.md"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell or '–' for cell in line)} |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


TABLES = {
    "cuda": table(
        ("CUDA", "oldest driver", "smallest compute capability", "source"),
        [(f"{row.major}.x", str(row.driver), row.capability, row.source) for row in CUDA],
    ),
    "architectures": table(
        ("GPUs", "compute capability", "first CUDA", "source"),
        [(row.name, ", ".join(row.capabilities), row.cuda, row.source) for row in ARCHITECTURES],
    ),
    "torch": table(
        ("torch", "CUDA", "Python", "source"),
        [(", ".join(row.versions), row.cuda, code(row.python), row.source) for row in TORCH],
    ),
    "vllm": table(
        (
            "vLLM",
            "Python",
            "torch",
            "CUDA",
            "compute capability",
            "tested with Ray",
            "needs Ray",
            "source",
        ),
        [
            (
                ", ".join(row.versions),
                code(row.python),
                row.torch,
                row.cuda,
                f"≥ {row.capability}",
                row.ray,
                code(row.ray_needs),
                row.source,
            )
            for row in VLLM
        ],
    ),
    "ray": table(("Ray", "Python", "source"), [(", ".join(row.versions), code(row.python), row.source) for row in RAY]),
}


def written(document: str) -> str:
    """`document` with each table between its marks."""
    for name, text in TABLES.items():
        marks = rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)"
        document, count = re.subn(marks, lambda m, text=text: f"{m[1]}\n{text}\n{m[2]}", document, flags=re.DOTALL)
        assert count == 1, f"{DOCUMENT.name} has {count} places for the table `{name}`"
    return document
