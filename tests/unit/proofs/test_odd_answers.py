"""Hosts that print anything at all in a proof: it is a finding, and no bug of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.core.script import Fragment
from provision.proofs.all_reduce.participant import Participant
from provision.proofs.all_reduce.proof import AllReduce
from provision.proofs.network.answers import read_answer

NAMES = ("gpu-01", "gpu-02")
PROOF = AllReduce("llama", tuple(Participant(name, f"10.0.0.{i}", "eth1", "/e") for i, name in enumerate(NAMES, 1)))

LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["done", "missing", *NAMES]),
)
KEYS = st.sampled_from(
    ["outcome", "why", "seats", "failed", "silent", "stage", "step", "gpus", "result", "gone", "tail", "ways",
     "unreached", "cuda", "nccl", "name", "sizes", "seconds", "taken", "peers", "closed", *NAMES]
)  # fmt: skip
ANY: Any = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
OUTCOME = st.sampled_from(["done", "missing", "loading", "stuck", "silent", "failed", "port", ""]) | ANY
LEADS = st.fixed_dictionaries(
    {
        "outcome": OUTCOME,
        "why": st.lists(st.sampled_from(NAMES)) | ANY,
        "seats": st.dictionaries(st.sampled_from(NAMES), ANY) | ANY,
    }
)


@given(lead=LEADS | ANY, host=ANY)
def test_whatever_a_host_says_of_the_all_reduce_there_is_a_finding_or_a_note(lead: object, host: object) -> None:
    lines = f"host={json.dumps(host)}\nlead={json.dumps(lead)}\n"
    shown = PROOF.read({name: Fragment(0, lines, "") for name in NAMES}, {})
    assert shown.findings or shown.notes
    assert all(isinstance(finding.message, str) for finding in shown.findings)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 10_000, '{"outcome": "done"}', "{}", ""])
def test_nor_does_a_deep_or_empty_one_end_in_a_bug(text: str) -> None:
    shown = PROOF.read({name: Fragment(0, f"host={text}\nlead={text}\n", "") for name in NAMES}, {})
    assert shown.findings
    read_answer(Fragment(0, text, ""))


@given(said=ANY)
def test_whatever_a_host_says_of_the_network_is_read(said: object) -> None:
    read_answer(Fragment(0, json.dumps(said), ""))
    read_answer(Fragment(0, json.dumps({"taken": {}, "peers": {"gpu-02": said}}), ""))


def test_what_our_own_programs_say_of_one_that_went_well_is_read() -> None:
    seat = {"stage": "adding up 64 MiB", "step": 8, "gpus": 0, "torch": "2.13.0+cpu", "cuda": "", "nccl": ""}
    measured = {"ranks": 2, "latency": 0.0001, "size": 67108864, "seconds": 0.4}
    seats = {"gpu-01": {**seat, "result": measured}, "gpu-02": {**seat, "result": {}}}
    lines = f"host={json.dumps(seat)}\nlead={json.dumps({'outcome': 'done', 'why': [], 'seats': seats})}\n"
    shown = PROOF.read({"gpu-01": Fragment(0, lines, ""), "gpu-02": Fragment(0, f"host={json.dumps(seat)}\n", "")}, {})
    assert not shown.findings
    assert shown.notes[0][1].startswith("all-reduce over 2 hosts (gloo, eth1): ")
