"""Whether vLLM accepts its arguments: a stand-in with vLLM's layout reads them, and what it says is judged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cluster_samples import cluster

from provision.core.errors import HostError
from provision.core.plan import Mode, make_plan
from provision.core.script import Fragment
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.engine.stages import stages
from provision.inventory.models import Serve
from provision.payload.bundle import bundle
from provision.proofs.arguments import VllmArguments
from provision.stack.backends import DEFAULT
from provision.stack.ray import Stack

SERVE = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)

#: As in vLLM 0.32.0 (entrypoints/cli/main.py, serve.py): parse, validate, then `cmd`, which begins to serve.
MAIN = """
import argparse, sys
from vllm.entrypoints.cli.serve import ServeSubcommand


def main():
    parser = argparse.ArgumentParser(prog="vllm")
    command = ServeSubcommand()
    command.subparser_init(parser.add_subparsers(dest="subparser")).set_defaults(dispatch_function=command.cmd)
    args = parser.parse_args()
    command.validate(args)
    args.dispatch_function(args)
"""
SERVE_COMMAND = """
import pathlib


class ServeSubcommand:
    @staticmethod
    def cmd(args):
        pathlib.Path("begun").touch()

    def validate(self, args):
        print("vLLM says much while it is imported")
        if args.max_model_len == 7:
            raise ValueError("7 is no length\\nat all")
        if args.max_model_len == 8:
            raise SystemExit(0)

    def subparser_init(self, subparsers):
        parser = subparsers.add_parser("serve")
        parser.add_argument("model")
        parser.add_argument("--max-model-len", type=int)
        return parser
"""


@pytest.fixture
def vllm(tmp_path: Path) -> Path:
    package = tmp_path / "vllm" / "entrypoints" / "cli"
    package.mkdir(parents=True)
    (package / "main.py").write_text(MAIN)
    (package / "serve.py").write_text(SERVE_COMMAND)
    return tmp_path


def judged(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-", "serve", "m", *words],
        input=bundle("serve_arguments:main"),
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        check=True,
    )
    assert not (folder / "begun").exists(), "it began to serve"
    return done.stdout.splitlines()


def test_what_it_reads_is_accepted_and_nothing_begins(vllm: Path) -> None:
    assert judged(vllm, "--max-model-len", "256") == ["verdict=accepted"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-modle-len", "256"), ["said=unrecognized arguments: --max-modle-len 256", "meant=--max-model-len"]),
        (("--zzz",), ["said=unrecognized arguments: --zzz"]),
        (("--max-model-len", "x"), ["said=argument --max-model-len: invalid int value: 'x'"]),
        (("--max-model-len", "7"), ["said=ValueError: 7 is no length", "said=at all"]),
        (("--max-model-len", "8"), ["said=it ends with 0 instead of serving"]),
    ],
)
def test_what_it_does_not_read_is_refused_in_its_own_words(vllm: Path, words: tuple[str, ...], said: list[str]) -> None:
    assert judged(vllm, *words) == ["verdict=refused", *said]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [("import vllm.entrypoints.elsewhere", "unknown"), ("import a_library_that_is_not_there", "refused")],
)
def test_another_layout_is_not_known_and_a_missing_library_keeps_it_from_starting(
    vllm: Path, line: str, verdict: str
) -> None:
    (vllm / "vllm" / "entrypoints" / "cli" / "main.py").write_text(line)
    assert judged(vllm)[0] == f"verdict={verdict}"


def test_one_that_goes_another_way_than_that_of_serving_is_not_known(vllm: Path) -> None:
    (vllm / "vllm" / "entrypoints" / "cli" / "main.py").write_text("def main(): pass")
    assert judged(vllm)[0] == "verdict=unknown"


def proof(serve: Serve = SERVE) -> VllmArguments:
    stack = Stack(cluster(serve=serve))
    return stack.arguments({"gpu-01": stack.server(stack.ray_head())})


def read(answers: Mapping[str, str], failed: Mapping[str, HostError] | None = None) -> tuple[list[str], list[str]]:
    """What blocks, and what is only said."""
    shown = proof().read({name: Fragment(0, text, "") for name, text in answers.items()}, failed or {})
    assert all(finding.blocks for finding in shown.findings)
    return [f"{f.host}: {f.message}; {f.hint}" for f in shown.findings], [text for _, text in shown.notes]


REFUSED = "verdict=refused\nsaid=unrecognized arguments: --max-modle-len 256\nmeant=--max-model-len\n"


def test_arguments_that_are_refused_block_and_say_what_was_meant() -> None:
    blocks, notes = read({"gpu-01": REFUSED, "gpu-02": REFUSED})
    said = "vLLM does not accept its arguments: unrecognized arguments: --max-modle-len 256"
    assert (blocks, notes) == ([f"gpu-01: {said}; write `max-model-len` in `serve.args`"], [])


def test_an_answer_that_is_none_is_said_and_keeps_nothing_from_starting() -> None:
    late = HostError("gpu-02", "no answer within 240 s")
    blocks, notes = read(
        {"gpu-01": "verdict=accepted\n", "gpu-03": "verdict=unknown\nsaid=no vllm\n"}, {"gpu-02": late}
    )
    assert blocks == []
    asked = "vLLM could not be asked about its arguments"
    assert sorted(notes) == [f"{asked}: no answer within 240 s", f"{asked}: no vllm"]


def test_the_words_of_the_command_go_along_and_no_secret() -> None:
    sample = cluster(serve=SERVE)
    stack = Stack(sample)
    server = stack.server(stack.ray_head())
    script = stack.arguments({"gpu-01": server}).scripts()["gpu-01"]
    words = [script.vars[f"arg_{index}"] for index in range(int(str(script.vars["args"])))]
    assert words == list(server.command()[1:])
    assert not any(isinstance(value, Secret) for value in script.vars.values())


@pytest.mark.parametrize("playbook", ["vllm_ray", "vllm_mp"])
def test_they_are_read_before_anything_is_stopped_and_after_environment_and_weights(playbook: str) -> None:
    serve = SERVE.model_copy(update={"backend": "mp"}) if playbook == "vllm_mp" else SERVE
    book = PlaybookFile(built_in(playbook), built_in(DEFAULT)).load()(cluster(serve=serve))
    observed = {step.key: step.resource.want() for step in book.steps}
    other = {"finished": "another", "environment": "another"}
    changed = [key for key in observed if "/environment:" in key or "/service:" in key]
    observed |= {key: {**(observed[key] or {}), **other} for key in changed}
    found = stages(make_plan(Mode.UP, book.steps, observed), book.proofs)
    at = next(i for i, stage in enumerate(found) if any(one.name == "arguments" for one in stage.proofs))
    earlier = [c.step.resource.id for stage in found[:at] for c in stage.changes]
    later = [c.step.resource.id for stage in found[at:] for c in stage.changes]
    assert earlier and all(name.startswith("environment:") for name in earlier)
    assert any(name.startswith("service:") for name in later)


def test_arguments_that_it_was_started_with_before_are_not_read_again() -> None:
    one = proof()
    (server,) = one.servers.values()
    key, have = f"gpu-01/{server.id}", {**server.aspects(), "running": "no: its process is gone"}
    assert not one.needed({key: have})
    assert not one.needed({"gpu-01/service:ray": None})
    for other in (None, {**have, "--max-num-seqs": "4"}, {**have, "environment": "another"}, {**have, "--port": "1"}):
        assert one.needed({key: other})
