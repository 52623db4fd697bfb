"""The pieces of `provision demo`: a lab ready for a model cut over its hosts, and one question to that model."""

from __future__ import annotations

import json
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from provision.core.errors import ProvisionError
from provision.inventory.models import Inventory
from provision.lab.cpu_vllm import lab_settings
from provision.lab.lab import Lab, LabReport
from provision.lab.tiny_model import write_tiny_model

#: Where lab hosts have the model; every host the same, as a real model has to be.
MODEL = "/opt/provision-lab/tiny-model"
QUESTION = "What are you?"


@dataclass(frozen=True)
class Answer:
    """`url`: where it was asked. `text`: the completion."""

    url: str
    text: str


def make_lab(lab: Lab, *, hosts: int, gpus: int, rootless: bool) -> LabReport:
    """Hosts with the model on each and an inventory that serves it: tensor parallel inside a host, pipeline
    parallel across. Raises LabError."""
    stack = lab.root / f"{lab.name}-stack"
    layer = stack / "layer"
    model = write_tiny_model(layer / MODEL.lstrip("/"))
    settings = lab_settings(
        stack / "wheels",
        # Without root the hosts share this machine's files, and the model is where it was made.
        model=str(model) if rootless else MODEL,
        tensor_parallel=gpus,
        pipeline_parallel=hosts,
    )
    return lab.up(hosts, gpus, settings=settings, rootless=rootless, layers=() if rootless else (layer,))


def remove_lab(lab: Lab) -> None:
    lab.down()
    shutil.rmtree(lab.root / f"{lab.name}-stack", ignore_errors=True)


def ask(inventory: Inventory, question: str = QUESTION, *, timeout: float = 120) -> Answer:
    """One chat completion from the served model, asked from this machine. Raises ProvisionError."""
    serve = inventory.serve
    assert serve is not None
    head = inventory.head
    url = f"http://{head.node_ip or head.address}:{serve.port}/v1/chat/completions"
    body = {
        "model": serve.name or serve.model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": 40,
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Answer(url, json.load(answer)["choices"][0]["message"]["content"])
    except (OSError, ValueError, LookupError) as error:
        raise ProvisionError(f"the model at {url} did not answer: {error}") from error


def inventory_of(report: LabReport) -> Path:
    if report.inventory is None:
        raise ProvisionError(f"the lab `{report.name}` has no inventory")
    return report.inventory
