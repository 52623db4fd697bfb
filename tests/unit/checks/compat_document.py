"""The tables of docs/compatibility.md, made of the data."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from provision.checks.compatibility_table import ARCHITECTURES, CUDA, RAY, TORCH, VLLM

DOCUMENT = Path(__file__).parents[3] / "docs" / "compatibility.md"


def table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> str:
    """`rows`: (cells, source). The sources stand below the table, each once."""
    rows = list(rows)
    sources = list(dict.fromkeys(source for _, source in rows))
    lines = [[*head, "source"], ["---"] * (len(head) + 1)]
    lines += [[*cells, str(sources.index(source) + 1)] for cells, source in rows]
    shown = "".join(f"| {' | '.join(cell or '–' for cell in line)} |\n" for line in lines)
    return f"{shown}\nSources:\n\n" + "".join(f"{n}. {source}\n" for n, source in enumerate(sources, 1))


def code(text: str) -> str:
    return f"`{text}`" if text else ""


TABLES = {
    "cuda": table(
        ("CUDA", "oldest driver", "smallest compute capability"),
        [((f"{row.major}.x", str(row.driver), row.capability), row.source) for row in CUDA],
    ),
    "architectures": table(
        ("GPUs", "compute capability", "first CUDA"),
        [((row.name, ", ".join(row.capabilities), row.cuda), row.source) for row in ARCHITECTURES],
    ),
    "vllm": table(
        ("vLLM", "Python", "torch", "CUDA", "smallest compute capability", "tested with Ray", "needs Ray"),
        [
            (
                (
                    ", ".join(row.versions), code(row.python), row.torch, row.cuda, row.capability, row.ray,
                    code(row.ray_needs),
                ),
                row.source,
            )
            for row in VLLM
        ],
    ),
    "torch": table(
        ("torch", "CUDA", "Python"),
        [((", ".join(row.versions), row.cuda, code(row.python)), row.source) for row in TORCH],
    ),
    "ray": table(("Ray", "Python"), [((", ".join(row.versions), code(row.python)), row.source) for row in RAY]),
}  # fmt: skip


def written(document: str) -> str:
    """`document` with each table between its marks."""
    for name, text in TABLES.items():
        marks = rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)"
        document, count = re.subn(marks, lambda m, text=text: f"{m[1]}\n{text}\n{m[2]}", document, flags=re.DOTALL)
        assert count == 1, f"{DOCUMENT.name} has {count} places for the table `{name}`"
    return document
