"""Where the model lies on the hosts, how it comes there, and what of a repository is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cluster_samples import cluster, facts

from provision.core.finding import Known, Severity
from provision.core.playbook import Playbook
from provision.core.script import Fragment
from provision.core.secret import Secret
from provision.facts.model import ModelFolder
from provision.inventory.models import Serve, WeightsSource
from provision.payload.weights.manifest import Entry, digest_of, follow, hashed, listing, parsed, stamp_of, written
from provision.payload.weights.selection import needed
from provision.proofs.weights import RoomForWeights, SameWeights
from provision.resources.weights import Weights
from provision.stack.model import Manifests
from provision.stack.ray import Stack
from provision.weights.files import ModelFiles
from provision.weights.local import look
from provision.weights.source import folder_of, mistakes_of, source_of

FILES = {"config.json": Entry(2, "1.0000000000", "ab" * 32), "a b.safetensors": Entry(9, "2.0000000000", "cd" * 32)}


@pytest.mark.parametrize(
    ("serve", "source", "folder"),
    [
        (Serve(model="acme/tiny"), "hub", "/r/models/acme--tiny"),
        (Serve(model="acme/tiny", weights=WeightsSource(revision="v1/b")), "hub", "/r/models/acme--tiny@v1--b"),
        (Serve(model="acme/tiny", weights=WeightsSource(path="/m")), "controller", "/r/models/acme--tiny"),
        (Serve(model="/data/tiny", weights=WeightsSource(path="/m")), "controller", "/data/tiny"),
        (Serve(model="/data/tiny"), "hosts", "/data/tiny"),
        (Serve(model="~/tiny"), "hosts", "/home/me/tiny"),
        (Serve(model="acme/tiny", weights=WeightsSource(source="vllm")), "vllm", ""),
        (Serve(model="acme/tiny:Q4_K_M"), "vllm", ""),
        (Serve(model="s3://bucket/tiny"), "vllm", ""),
    ],
)
def test_what_the_inventory_says_becomes_one_folder(serve: Serve, source: str, folder: str) -> None:
    assert (source_of(serve), folder_of(serve, "/r", "/home/me")) == (source, folder)
    assert list(mistakes_of(serve)) == []


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (Serve(model="/data/tiny", weights=WeightsSource(source="hub")), "`hub`, but serve.model is `/data/tiny`"),
        (Serve(model="acme/tiny", weights=WeightsSource(source="hosts")), "`acme/tiny`, which is no folder"),
        (Serve(model="acme/tiny", weights=WeightsSource(source="controller")), "names no folder there"),
        (Serve(model="acme/tiny", weights=WeightsSource(source="hub", path="/m")), "serve.weights.source is `hub`"),
        *(
            (
                Serve(model=model, weights=WeightsSource(path="/m")),
                f"serve.model is `{model}`, and a folder of that name",
            )
            for model in ("..", ".", "../..", "a.manifest", "a.manifest.lock", "a.used-here", "-", "a.manifest.1234")
        ),
    ],
)
def test_what_does_not_go_together_blocks(serve: Serve, said: str) -> None:
    book = Playbook()
    Stack(cluster(serve=serve)).find_blockers(book)
    (finding,) = [f for f in book.blockers if f.area == "storage"]
    assert said in finding.message and finding.hint


def test_the_server_is_given_the_folder_and_keeps_the_name() -> None:
    stack = Stack(cluster(serve=Serve(model="acme/tiny")))
    command = stack.server(stack.ray_head()).command()
    assert command[2] == "/home/ubuntu/.provision/models/acme--tiny"
    assert command[command.index("--served-model-name") + 1] == "acme/tiny"
    local = Stack(cluster(serve=Serve(model="/data/tiny")))
    assert "--served-model-name" not in local.server(local.ray_head()).command()


def test_hosts_whose_roots_differ_cannot_share_one_path() -> None:
    book = Playbook()
    sample = cluster(serve=Serve(model="acme/tiny"), head=facts("10.0.0.1", root="/mnt/other/.provision"))
    Stack(sample).find_blockers(book)
    said = [f for f in book.blockers if f.area == "storage"]
    assert said and all("/mnt/other/.provision/models/acme--tiny on gpu-01" in f.message for f in said)
    assert "same absolute `root`" in said[0].hint


def test_a_disk_that_is_too_small_for_what_is_sent_blocks_with_what_is_needed(tmp_path: Path) -> None:
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(50 * 10**9)
    full = ModelFolder("/data/tiny", disk_free_bytes=20 * 10**9)
    half = replace(full, there=True, files=1, bytes=40 * 10**9)
    for model, blocked in ((full, True), (half, False)):
        book = Playbook()
        serve = Serve(model="/data/tiny", weights=WeightsSource(path=str(tmp_path)))
        Stack(cluster(serve=serve, head=facts("10.0.0.1", model=model))).find_blockers(book)
        said = [f.message for f in book.blockers if f.fact == "model disk free"]
        expected = "the weights need 50.0 GB more in /data/tiny, the disk has 18.9 GB to spare"
        assert said == [expected] * blocked


def test_a_host_that_is_offline_downloads_nothing() -> None:
    book = Playbook()
    sample = cluster(serve=Serve(model="acme/tiny"))
    nodes = tuple(replace(n, host=n.host.model_copy(update={"env": {"HF_HUB_OFFLINE": "1"}})) for n in sample.nodes)
    Stack(replace(sample, nodes=nodes)).find_blockers(book)
    assert any("HF_HUB_OFFLINE is set" in f.message and "serve.weights.path" in f.hint for f in book.blockers)


@pytest.mark.parametrize(("asked", "blocked"), [(False, True), (True, False)])
def test_pickles_block_unless_they_are_asked_for(asked: bool, blocked: bool) -> None:
    book = Playbook()
    serve = Serve(model="acme/tiny", weights=WeightsSource(pickles=asked))
    sample = replace(cluster(serve=serve), model=ModelFiles(pickles=("pytorch_model.bin",)))
    Stack(sample).find_blockers(book)
    said = [f for f in book.blockers if "only as pickles" in f.message]
    assert len(said) == blocked and all("`serve.weights.pickles: true`" in f.hint for f in said)


@pytest.mark.parametrize(
    ("args", "code"), [({}, False), ({"trust-remote-code": True}, True), ({"trust_remote_code": "true"}, True),
                       ({"trust-remote-code": False}, False)],
)  # fmt: skip
def test_code_comes_where_the_server_is_told_to_trust_it(args: dict[str, bool | str], code: bool) -> None:
    stack = Stack(cluster(serve=Serve(model="acme/tiny", args=args)))
    weights = stack.weights(stack._cluster.head)
    assert weights is not None and (weights.code, weights.pickles) == (code, False)


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (["m.safetensors", "m.bin", "m.h5", "config.json"], ["config.json", "m.safetensors"]),
        (["pytorch_model.bin", "rust_model.ot", "config.json"], ["config.json", "pytorch_model.bin"]),
        (["original/consolidated.00.pth", "m.safetensors", "vocab.model"], ["m.safetensors", "vocab.model"]),
        ([".gitattributes", "onnx/model.onnx", "m.safetensors", "chat_template.jinja", "modeling_x.py"],
         ["chat_template.jinja", "m.safetensors", "modeling_x.py"]),
        (["1_Pooling/config.json", "model.safetensors"], ["1_Pooling/config.json", "model.safetensors"]),
    ],
)  # fmt: skip
def test_of_a_repository_comes_what_a_server_reads(there: list[str], wanted: list[str]) -> None:
    assert needed(there) == wanted


def test_a_manifest_says_what_was_written_into_it() -> None:
    about, files = parsed(written(FILES, {"stamp": "x=y"}))
    assert files == FILES
    assert about == {"digest": digest_of(FILES), "bytes": "11", "files": "2", "stamp": "x=y"}
    assert parsed("something else\n\nab 1 2 name\n") == ({}, {})


def test_the_digest_is_of_contents_and_the_stamp_of_times() -> None:
    touched = {**FILES, "config.json": FILES["config.json"]._replace(mtime="9.0000000000")}
    assert digest_of(touched) == digest_of(FILES) and stamp_of(touched) != stamp_of(FILES)


def test_only_what_has_changed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"22")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "lock").touch()
    first = hashed(follow(tmp_path), listing(tmp_path), {}, lambda done, total: None)
    assert list(first) == ["one", "two"]
    (tmp_path / "two").write_bytes(b"333")
    read: list[tuple[int, int]] = []
    again = hashed(follow(tmp_path), listing(tmp_path), first, lambda done, total: read.append((done, total)))
    assert read[-1] == (3, 3) and again["one"] == first["one"] and again["two"] != first["two"]


def test_a_folder_that_is_not_there_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    assert "no such file" in look(tmp_path / "nowhere").problem
    assert "there are no files" in look(tmp_path).problem


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a pointer of git-lfs"),
        ("model-00002-of-00003.safetensors", "x", "has no `model-00001-of-00003.safetensors`, and 1 more part"),
        ("pytorch_model-00001-of-00002.bin", "x", "has no `pytorch_model-00002-of-00002.bin`, a part of the weights"),
    ],
)
def test_a_folder_without_all_of_the_weights_is_not_sent(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    for args, expected in (({}, 1), ({"load_format": "dummy"}, 0)):
        book = Playbook()
        serve = Serve(model="acme/tiny", args=args, weights=WeightsSource(path=str(tmp_path)))
        Stack(cluster(serve=serve)).find_blockers(book)
        found = [f for f in book.blockers if f.area == "storage"]
        assert len(found) == expected
        assert all(said in f.message and f.hint for f in found)


def placed(*hosts: str) -> dict[str, Weights]:
    return {host: Weights("hosts", "/data/tiny", "/r", "c", host, "/usr/bin/python3") for host in hosts}


def answer(files: dict[str, Entry]) -> Fragment:
    return Fragment(0, written(files, {}), "")


def test_the_majority_is_right_and_the_odd_host_is_named_with_its_files() -> None:
    other = {**FILES, "config.json": Entry(3, "1.0000000000", "ef" * 32), "extra": Entry(1, "0.0000000000", "aa" * 32)}
    answers = {"a": answer(other), "b": answer(FILES), "c": answer(FILES)}
    (finding,) = SameWeights(placed("a", "b", "c")).read(answers, {}).findings
    assert (finding.host, finding.severity) == ("a", Severity.BLOCKS)
    assert finding.message == "its weights are not those of b: 2 files differ"
    assert finding.evidence == ("config.json: 3 bytes here, 2 on b", "extra: not on b")


def test_of_two_hosts_the_head_is_right() -> None:
    other = {name: entry for name, entry in FILES.items() if name != "config.json"}
    (finding,) = SameWeights(placed("head", "b")).read({"head": answer(FILES), "b": answer(other)}, {}).findings
    assert (finding.host, finding.evidence) == ("b", ("config.json: missing here",))
    assert SameWeights(placed("a", "b")).read({"a": answer(FILES), "b": answer(FILES)}, {}).findings == ()


def test_what_every_host_says_of_the_hub_is_said_once() -> None:
    refused = Fragment(1, "", "gated: the hub does not give it\n")
    proof = RoomForWeights(placed("a", "b"))
    assert [f.host for f in proof.read({"a": refused, "b": refused}, {}).findings] == [""]
    assert [f.host for f in proof.read({"a": Fragment(0, "", ""), "b": refused}, {}).findings] == ["b"]


def test_a_look_compares_what_manifests_say() -> None:
    cells = {
        host: (Known("storage", "weights", f"{d}, 1 GB in 2 files"),) for host, d in zip("abc", "xyx", strict=True)
    }
    (finding,) = Manifests("b")(cells)
    assert (finding.host, finding.found, finding.expected, finding.severity) == ("b", "y", "x", Severity.DRIFT)
    assert list(Manifests("a")(dict.fromkeys("abc", cells["a"]))) == []


def test_a_download_goes_through_the_proxy_of_the_inventory_and_the_server_does_not() -> None:
    made = cluster(serve=Serve(model="acme/tiny"), env={"HF_ENDPOINT": "https://hub.example.org"})
    url = "http://me:canary@proxy:3128"
    python = made.inventory.python.through({"HTTPS_PROXY": url, "https_proxy": url})
    stack = Stack(replace(made, inventory=made.inventory.model_copy(update={"python": python})))
    weights = stack.weights(made.head)
    assert weights is not None and weights.hub["HF_ENDPOINT"] == "https://hub.example.org"
    assert weights.hub["https_proxy"] == weights.hub["HTTPS_PROXY"] == Secret(url)
    assert "canary" not in repr(weights)
    assert not any("proxy" in name.lower() for name in stack.server(stack.ray_head()).base)


def test_weights_know_the_hosts_own_python_which_is_there_before_the_environment() -> None:
    rooted, serve = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision"), Serve(model="acme/tiny")
    for sample, owner in ((cluster(serve=serve), ""), (cluster(serve=serve, head=rooted, sudo=True), "provision")):
        weights = Stack(sample).weights(sample.head)
        assert weights is not None and "/envs/" in weights.python
        assert (weights.plain, weights.owner, weights.behind_first) == ("/usr/bin/python3.12", owner, bool(owner))
