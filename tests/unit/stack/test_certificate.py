"""`serve.tls`: what the server is started with, where its key is, and what the controller keeps."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from cluster_samples import cluster

from provision.cluster.cluster import Cluster
from provision.core.certificate import TLS, CertifiedKey
from provision.core.playbook import Playbook
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve, Tls
from provision.resources.secret_file import SecretFile
from provision.resources.vllm import VllmServer
from provision.serving.certificate import OwnKey, own_key
from provision.stack.backends import DEFAULT, playbook_of
from provision.stack.certificate import ends_soon
from provision.stack.exposed import guarded
from provision.stack.kept_key import ClusterCertificate, keep_public, own_certificate, public_copy, together
from provision.stack.token import RAY_TOKEN, ClusterToken

BACKENDS = ("ray", "mp")
OWN = Tls()


def sample(backend: str = "ray", *, tls: Tls | None = OWN, secrets: dict[str, Secret] | None = None) -> Cluster:
    serve = Serve(model="/models/tiny", backend=backend, tensor_parallel=2, pipeline_parallel=2, tls=tls)  # type: ignore[arg-type]
    return cluster(serve=serve, secrets=own_key() if secrets is None else secrets)


def book(made: Cluster, *, removes: bool = False) -> Playbook:
    load = PlaybookFile(built_in(playbook_of(made.inventory)), built_in(DEFAULT)).load()
    return guarded(load, removes=removes)(made)


def servers(made: Playbook) -> list[VllmServer]:
    return [step.resource for step in made.steps if isinstance(step.resource, VllmServer)]


def files(made: Playbook) -> list[SecretFile]:
    found = [step.resource for step in made.steps if isinstance(step.resource, SecretFile)]
    return [file for file in found if file.path.endswith("/vllm-tls.pem")]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_head_alone_speaks_https_with_a_key_in_a_file_of_its_users(backend: str) -> None:
    made = book(sample(backend))
    head, *others = servers(made)
    assert head.url == "https://10.0.0.1:8000"
    (file,) = files(made)
    assert (file.want() or {})["mode"] == "600"
    command = head.command()
    for flag in ("--ssl-certfile", "--ssl-keyfile"):
        assert command[command.index(flag) + 1] == file.path
    assert all("--ssl-certfile" not in other.command() for other in others)
    order = [step.resource for step in made.steps if step.host == "gpu-01"]
    assert order.index(file) < order.index(head)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_of_the_key_is_among_what_is_shown_or_given_to_ranks(backend: str) -> None:
    made = sample(backend)
    key = made.secrets[TLS].reveal().splitlines()[-2]
    for server in servers(book(made)):
        given = {**server.environment(), **server.secrets}
        assert not {name for name in given if name.startswith("serve.")}
        assert key not in json.dumps([server.command(), server.aspects(), server.want()])


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_it_the_file_goes_with_the_next_start_or_stop(backend: str) -> None:
    made = book(sample(backend, tls=None))
    assert files(made) == []
    for server in servers(made):
        assert server.url.startswith("http://") and server.certificate == ""
        for want in (server.want(), None):
            fix = server.fix(None, want)
            assert fix.vars["tls_file"] == f"{server.place.folder}-tls.pem"
            assert 'rm -f -- "$tls_file"' in fix.body


def test_down_takes_the_file_away_and_asks_nobody_for_a_key() -> None:
    made = book(sample(secrets={}), removes=True)
    (file,) = files(made)
    assert file.fix({"content": "another"}, None).vars["path"] == file.path


def test_another_certificate_is_a_restart_and_the_same_is_none() -> None:
    held = own_key()
    first, second = (servers(book(sample(secrets=secrets)))[0].aspects() for secrets in (held, held))
    assert first == second
    other = servers(book(sample(secrets=own_key())))[0].aspects()
    assert {name for name in first if first[name] != other[name]} == {"certificate"}


def test_a_given_one_that_ends_soon_is_mentioned_and_one_of_the_clusters_own_is_issued_anew() -> None:
    own = own_key()
    held = own[TLS]
    assert isinstance(held, OwnKey)
    given = CertifiedKey(held.reveal(), held.certificate, TLS)
    day, ends = 86400, held.certificate.ends
    found = {left: ends_soon(sample(secrets={TLS: given}), ends - left * day) for left in (15, 13, -1)}
    assert {left: len(findings) for left, findings in found.items()} == {15: 0, 13: 1, -1: 1}
    assert "in 13 days" in found[13][0].message and not found[13][0].blocks
    assert ends_soon(sample(secrets=own), ends - day) == []
    assert not [one for one in book(sample(secrets={TLS: given})).findings if one.fact == "certificate"]


def held_on_head(made: Cluster, folder: Path) -> tuple[ClusterCertificate, Path]:
    kept = own_certificate(made.inventory)
    assert kept is not None
    place = folder / "clusters" / "llama" / "gpu-01"
    place.mkdir(parents=True, mode=0o700)
    return kept, place / "vllm-tls.pem"


def run(script: Script) -> Fragment:
    environment = {"PATH": os.defpath, **{name: str(value) for name, value in script.vars.items()}}
    done = subprocess.run(["sh", "-c", script.body], env=environment, capture_output=True, text=True, check=False)
    return Fragment(done.returncode, done.stdout, done.stderr)


def asked(kept: ClusterCertificate, folder: Path) -> str:
    return run(kept.question("gpu-01", str(folder))).stdout


def test_what_the_head_has_is_taken_over_by_every_controller(tmp_path: Path) -> None:
    kept, file = held_on_head(sample(), tmp_path)
    assert asked(kept, tmp_path) == ""
    made = own_key()[TLS]
    assert isinstance(made, OwnKey)
    file.write_text(made.reveal())
    said = asked(kept, tmp_path)
    taken = kept.settle({"gpu-01": Fragment(0, said, "")})[TLS]
    assert isinstance(taken, CertifiedKey)
    assert taken.certificate == made.certificate
    assert run(kept.question("gpu-02", str(tmp_path))).stdout == ""


def test_what_others_could_have_put_there_is_not(tmp_path: Path) -> None:
    kept, file = held_on_head(sample(), tmp_path)
    (elsewhere := tmp_path / "elsewhere").write_text("theirs")
    file.symlink_to(elsewhere)
    assert asked(kept, tmp_path) == ""
    file.unlink()
    file.write_text("theirs")
    assert asked(kept, tmp_path) == "theirs"
    file.parent.chmod(0o777)
    assert asked(kept, tmp_path) == ""


def test_it_is_asked_for_in_one_with_rays_token(tmp_path: Path) -> None:
    kept, file = held_on_head(sample(), tmp_path)
    both = together(ClusterToken("llama", "gpu-01", writes=False), kept)
    assert both is not None
    made = own_key()[TLS]
    assert isinstance(made, OwnKey)
    file.write_text(made.reveal())
    (token := file.parent / "ray-token").write_text("t" * 64)
    token.chmod(0o600)
    said = run(both.question("gpu-01", str(tmp_path)))
    found = both.settle({"gpu-01": said, "gpu-02": Fragment(1, "", "")})
    assert found[RAY_TOKEN] == Secret("t" * 64)
    taken = found[TLS]
    assert isinstance(taken, CertifiedKey) and taken.certificate == made.certificate


@pytest.mark.parametrize("listen", ["FD00:0::1", "fe80::1%eth0", "0.0.0.0", "::", "API.example.org.", None])
def test_however_an_address_is_written_the_certificate_is_issued_once(listen: str | None) -> None:
    serve = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2, tls=OWN, listen=listen)
    first = servers(book(cluster(serve=serve, secrets=own_key())))[0].tls
    assert first is not None
    again = servers(book(cluster(serve=serve, secrets=own_key(first.key.reveal()))))[0].tls
    assert again is not None and again.certificate == first.certificate


@pytest.mark.parametrize("tls", [None, Tls(cert="/c", key="/k")])
def test_no_host_is_asked_where_there_is_none_or_the_inventory_has_one(tls: Tls | None) -> None:
    assert own_certificate(sample(tls=tls).inventory) is None


def test_what_is_public_is_kept_here_for_clients_and_the_key_is_not(tmp_path: Path) -> None:
    kept, _ = held_on_head(sample(), tmp_path)
    secrets = dict(kept.settle({}))
    made = servers(book(sample(secrets=secrets)))[0]
    keep_public(together(None, kept), lambda event: pytest.fail(str(event)))
    text = public_copy("llama").read_text()
    assert text.count("BEGIN CERTIFICATE") == 1 and "PRIVATE" not in text
    held = own_key(text + secrets["serve.tls.key"].reveal())[TLS]
    assert isinstance(held, OwnKey) and held.certificate.fingerprint == made.certificate
    assert held.certificate.names == ("10.0.0.1", "127.0.0.1", "localhost")


def test_where_it_cannot_be_kept_the_run_says_so_and_ends_well(tmp_path: Path) -> None:
    kept, _ = held_on_head(sample(), tmp_path)
    kept.settle({})
    (tmp_path / "state").write_text("")
    said: list[str] = []
    keep_public(kept, lambda event: said.append(getattr(event, "text", "")))
    assert said and "was not kept here" in said[0]
