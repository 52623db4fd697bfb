"""What is told of a cluster that was brought up the other way, with `sudo` or without, before the inventory changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cluster_samples import cluster, facts

from provision.cluster.other_way import FACT
from provision.core.finding import Finding, Severity
from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve
from provision.resources.ports import PortsFree
from provision.stack.backends import DEFAULT
from provision.stack.exposed import guarded

SERVE = Serve(model="org/tiny", tensor_parallel=2, pipeline_parallel=2)

WITH = """there\tgpu-02/ray
there\tgpu-020/vllm
environment\t/opt/provision/envs/current-llama
unit\tllama/gpu-02/ray\t/etc/systemd/system/provision-llama-gpu-02-ray.service
base\t/opt/provision
"""
WITHOUT = WITH.replace("/opt/provision", "/home/ops/.provision")


def made(printed: str, *, sudo: bool) -> Playbook:
    known = facts("10.0.0.2", printed={FACT: printed}, **({"uid": 0, "user": "root"} if sudo else {}))
    sample = cluster(serve=SERVE, worker=replace(known, root="/opt/provision" if sudo else "/home/ops/.provision"))
    like = built_in(DEFAULT)
    return guarded(PlaybookFile(like, like=like).load(), removes=False)(sample)


def told(book: Playbook) -> list[Finding]:
    return [finding for finding in book.findings if finding.fact == FACT]


def test_with_sudo_it_is_a_warning_with_what_takes_it_away() -> None:
    (found,) = told(made(WITHOUT, sudo=True))
    assert (found.host, found.severity) == ("gpu-02", Severity.WARNING)
    said = "what `up` made without `sudo` is still there: units of systemd, keys and logs of services, an environment"
    assert found.said == said
    hint = "`provision down --purge` with `sudo: false`, then `provision up` with `sudo: true`"
    assert found.hint == f"if `sudo` was changed in this inventory: {hint}"
    assert "/home/ops/.provision: ray" in found.evidence


def test_once_it_was_brought_up_with_sudo_as_well_that_comes_down_first() -> None:
    """Who logs in can stop nothing of root's, and `down` would fail."""
    (found,) = told(made(f"now\tgpu-02\n{WITHOUT}", sudo=True))
    assert ": `provision down`, `provision down --purge` with `sudo: false`" in found.hint


def test_what_runs_with_sudo_blocks_and_is_told_once() -> None:
    before = made("", sudo=False)
    assert told(before) == []
    assert any(isinstance(step.resource, PortsFree) and step.host == "gpu-02" for step in before.steps)
    book = made(f"runs\tllama/gpu-02/ray\n{WITH}", sudo=False)
    (found,) = told(book)
    assert found.severity is Severity.BLOCKS
    assert "services that run (ray), units of systemd" in found.said
    assert found.hint.endswith("`provision down --purge` with `sudo: true`, then `provision up` with `sudo: false`")
    assert {step.host for step in book.steps if isinstance(step.resource, PortsFree)} == {"gpu-01"}


def test_what_does_not_run_is_in_the_way_of_nothing() -> None:
    (found,) = told(made(WITH, sudo=False))
    assert found.severity is Severity.WARNING


def test_only_the_end_of_a_line_ends_one() -> None:
    forged = WITH.replace("gpu-020/vllm", "gpu-02/a\x0bruns\tllama/gpu-02/ray").replace("ray\n", "ray\u2028b\n", 1)
    (found,) = told(made(forged, sudo=False))
    assert found.severity is Severity.WARNING


def test_an_image_is_called_one() -> None:
    (found,) = told(made(WITH.replace("gpu-02/ray\n", "gpu-02/image\n", 1), sudo=False))
    assert found.said.endswith("is still there: units of systemd, an image")


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "base\t/opt/provision\n",
        WITH.replace("llama/", "other/").replace("gpu-02/ray\n", "gpu-03/ray\n").replace("environment\t", "no\t"),
        WITHOUT,  # `root` names it: then it is looked at as any other
        "base\nthere\nunit\nruns\nnow\nenvironment\n",
        "there\n\nunit\nruns\nnow\nenvironment\nbase\t/opt/provision\n",
    ],
)
def test_of_others_and_of_nothing_no_word_is_said(printed: str) -> None:
    assert told(made(printed, sudo=False)) == []
