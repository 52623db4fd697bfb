"""The pages of HTML that the documents show as pictures, over made-up clusters, and what each picture was made from.

A picture is a file that nobody can compare with a page by reading it: beside the pictures stands the digest of the page
that each was taken of. Without a browser a test sees from it that the page is another one by now.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from page_samples import AT, three_hosts

from provision.core.errors import ConnectTimeout
from provision.operate.status import ClusterStatus, GpuUse, HostStatus, LastUp, ServiceStatus, Work
from provision.render.html import html_page
from provision.render.status_page import status_page

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
#: Picture → the digest of its page.
MADE_FROM = FOLDER / "made-from.json"
DRAW = "make pictures"
#: Bytes.
LARGEST = 150_000


@dataclass(frozen=True)
class Pictured:
    """`width`: of the window, in pixels. `document`: which shows the picture, below docs."""

    name: str
    page: Callable[[], str]
    document: str
    width: int = 1100

    @property
    def file(self) -> Path:
        return FOLDER / self.name

    def html(self) -> str:
        with _utc():
            return self.page()

    @property
    def digest(self) -> str:
        """Of what is seen, the text and the style. What a script does once somebody presses something is not."""
        seen = re.sub(r"<script>.*?</script>|sha256-[\w+/=]+", "", self.html(), flags=re.DOTALL)
        return hashlib.sha256(seen.encode()).hexdigest()


def recorded() -> dict[str, str]:
    found: dict[str, str] = json.loads(MADE_FROM.read_text())
    return found


def record(one: Pictured) -> None:
    known = recorded() if MADE_FROM.exists() else {}
    MADE_FROM.write_text(json.dumps(known | {one.name: one.digest}, indent=2, sort_keys=True) + "\n")


@contextmanager
def _utc() -> Iterator[None]:
    """`status` tells times of the day as the reader's clock has them."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def _a_cluster() -> ClusterStatus:
    gpus = tuple(GpuUse(n, "NVIDIA H200", 128_400, 143_771, 58.0 + n % 5, 612.0, 97.0, 1) for n in range(8))
    flags = {"--tensor-parallel-size": "8", "--pipeline-parallel-size": "2"}
    ray = ServiceStatus("ray", True, True, seconds=93_600, restarts=0)
    joined = replace(ray, joined=tuple(f"gpu-0{n} 10.0.0.{n} with 8 GPUs" for n in (1, 2)))
    model = "meta-llama/Llama-3.1-405B-Instruct-FP8"
    vllm = ServiceStatus("vllm", True, True, seconds=93_200, restarts=0, flags=flags, model=model)

    def host(number: int, *services: ServiceStatus, used: bool = True) -> HostStatus:
        role = "head" if number == 1 else "worker"
        idle = {"memory_used_mib": 0, "watts": 76.0, "celsius": 31.0, "processes": 0}
        shown = gpus if used else tuple(replace(gpu, **idle) for gpu in gpus)
        made = HostStatus(f"gpu-0{number}", role, f"10.0.0.{number}", gpus=shown, services=services)
        return replace(made, environment="3abe8844a5a2")

    lost = ConnectTimeout("gpu-04", "no answer from `10.0.0.4` port 22 within 10 s", hint="nc -vz 10.0.0.4 22")
    return ClusterStatus(
        cluster="llama-405b",
        at=AT,
        seconds=1.4,
        hosts=(
            host(1, joined, vllm),
            host(2, ray),
            host(3, used=False),
            HostStatus("gpu-04", "worker", "10.0.0.4", error=lost),
        ),
        expected={"ray": ("gpu-01", "gpu-02", "gpu-03", "gpu-04"), "vllm": ("gpu-01",)},
        served="llama-405b",
        environment="3abe8844a5a2",
        work=Work(1.0, 1841.5, 48.0, 3.0, 0.62, 0.214, 5120.0),
        last_up=LastUp(AT - 93_000, 0, (("gpu-01", "Ray head"), ("gpu-02", "Ray worker"), ("gpu-01", "vLLM"))),
    )


PAGES = (
    Pictured("check.png", lambda: html_page(three_hosts(), cluster="llm-prod", at=AT), "check.md"),
    Pictured("status.png", lambda: status_page(_a_cluster()), "day-after.md"),
)
