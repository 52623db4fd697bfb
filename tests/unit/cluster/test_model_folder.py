"""`serve.model` that is a path: whose folder it is."""

from dataclasses import replace
from pathlib import Path

import pytest
from cluster_samples import cluster, facts

from provision.checks.system import of_system
from provision.cluster.cluster import Cluster
from provision.cluster.model_folder import with_model_folder
from provision.core.finding import Severity
from provision.core.playbook import Playbook
from provision.facts.model import ModelFolder
from provision.facts.model_folder import digest_of_sizes
from provision.inventory.models import Serve, WeightsSource
from provision.stack.ray import Stack
from provision.weights.here import here, sent_to
from provision.weights.lookup import look_for

SENT = "/home/ubuntu/.provision/models/tiny"
FILES = {"config.json": 8, "model.safetensors": 900}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name, size in FILES.items():
        (folder / name).write_bytes(b'{"a": 1}'.ljust(size))
    return folder


def has(path: object, **files: int) -> ModelFolder:
    """A host's folder; without files it is not there."""
    sizes = {name.replace("_", "."): size for name, size in files.items()}
    return ModelFolder(str(path), bool(sizes), len(sizes), sum(sizes.values()), digest_of_sizes(sizes) if sizes else "")


def seen(model: object, *folders: ModelFolder, **weights: str) -> Cluster:
    """Two hosts with these folders."""
    head, worker = (facts(f"10.0.0.{n}", model=folder) for n, folder in enumerate(folders, 1))
    return cluster(serve=Serve(model=str(model), weights=WeightsSource(**weights)), head=head, worker=worker)


def storage(found: Cluster) -> list[tuple[str, str]]:
    return [(f.host, f.message) for f in of_system(found) if f.area == "storage"]


def source(found: Cluster) -> str:
    return Stack(found).model.source


SAME = {"config_json": 8, "model_safetensors": 900}


@pytest.mark.parametrize("written", ["{home}/tiny", "~/tiny"])
def test_a_folder_that_only_this_machine_has_is_sent(model: Path, written: str) -> None:
    named = written.format(home=model.parent)
    before = seen(named, has(SENT), has(SENT))
    settled = with_model_folder(before)
    serve = settled.inventory.serve
    assert serve is not None
    assert (serve.model, serve.weights.path, source(settled)) == ("tiny", str(model), "controller")
    assert settled.model_folder == f"{named} is here, and on no host: it is sent to {SENT}"
    weights = Stack(settled).model.on(settled.head, python="/p", owner="")
    assert weights is not None and weights.here is not None
    assert (weights.folder, weights.here.bytes, storage(settled)) == (SENT, 908, [])
    book = Playbook()
    Stack(settled).find_blockers(book)
    assert ("", settled.model_folder) in book.notes and not [f for f in book.blockers if f.area == "storage"]


def test_once_it_was_sent_it_is_still_this_one(model: Path) -> None:
    """What the hosts have by then lies where it was sent to."""
    assert source(with_model_folder(seen(model, has(SENT, **SAME), has(SENT, **SAME)))) == "controller"


def test_its_size_and_config_are_known_before_a_host_has_it(model: Path) -> None:
    look = look_for(cluster(serve=Serve(model=str(model))).inventory, {})
    assert look(False).weights == 900
    assert look(True).weights == 0, "a host that has it says so itself"


def test_the_hosts_own_is_served_where_they_have_the_same(model: Path) -> None:
    settled = with_model_folder(seen(model, has(model, **SAME), has(model, **SAME)))
    assert (source(settled), storage(settled)) == ("hosts", [])
    assert settled.model_folder.endswith("the same by names and sizes: the hosts serve their own")
    assert with_model_folder(seen(model, has(model, **SAME), has(model, **SAME)), say=False).model_folder == ""


def test_two_that_differ_block_and_nobody_guesses(model: Path) -> None:
    settled = with_model_folder(seen(model, has(model, **SAME), has(model, config_json=8, model_safetensors=7)))
    assert source(settled) == "hosts" and settled.model_folder == ""
    (finding,) = [f for f in of_system(settled) if f.area == "storage"]
    assert (finding.host, finding.severity) == ("gpu-02", Severity.BLOCKS)
    assert (
        finding.message
        == f"{model} is another folder here than on gpu-02: here 2 files of 908 bytes, there 2 files of 15 bytes"
    )
    assert "`weights: {source: hosts}`" in finding.hint and f"`weights: {{path: {model}}}`" in finding.hint


def test_one_that_some_hosts_lack_blocks_and_nothing_is_sent(model: Path) -> None:
    """A file system that is not mounted there, more likely than not; also if it was sent there once."""
    for lacking in (has(SENT), has(SENT, **SAME)):
        settled = with_model_folder(seen(model, has(model, **SAME), lacking))
        assert source(settled) == "hosts"
        assert storage(settled) == [("gpu-02", f"there is no folder {model}")]


def test_an_empty_folder_on_the_hosts_is_no_reason_to_send(model: Path) -> None:
    empty = replace(has(model), there=True)
    settled = with_model_folder(seen(model, empty, empty))
    assert source(settled) == "hosts"
    assert [m for _, m in storage(settled)] == [f"no files are visible in the model's folder {model}"] * 2


@pytest.mark.parametrize("weights", [{"source": "hosts"}, {"path": "/else/where"}])
def test_what_is_said_of_the_weights_counts(model: Path, weights: dict[str, str]) -> None:
    before = seen(model, has(model), has(model), **weights)
    assert here(before.inventory.serve) is None
    assert with_model_folder(before) is before


def test_what_is_not_here_is_the_hosts(tmp_path: Path) -> None:
    for named in (tmp_path / "none", "/", "~", "acme/tiny"):
        assert sent_to(Serve(model=str(named)), "/r") == ""
        before = seen(named, has(named, **SAME), has(named, **SAME))
        assert with_model_folder(before) is before


def test_hosts_that_were_not_asked_decide_nothing(model: Path) -> None:
    sample = cluster(serve=Serve(model=str(model)), head=facts("10.0.0.1", model=has(SENT)), unknown=True)
    assert source(with_model_folder(sample)) == "controller"
    nobody = replace(sample, nodes=tuple(replace(node, facts=None) for node in sample.nodes))
    assert with_model_folder(nobody) is nobody


def test_too_many_files_to_be_listed_are_not_called_different(model: Path) -> None:
    many = replace(has(model, **SAME), digest="")
    settled = with_model_folder(seen(model, many, many))
    assert storage(settled) == [] and "too many files" in settled.model_folder
