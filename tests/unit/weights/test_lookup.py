"""What the controller sees of a model: in a folder of its own, or on a hub (a small one, on loopback)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from published_configs import CONFIGS

from provision.core.secret import Secret
from provision.inventory.models import Host, Inventory, Serve
from provision.stack.fit import fit
from provision.weights.lookup import from_folder, look_for

NAME = "meta-llama/Llama-3.1-70B"
FILES = {"model-00001-of-00002.safetensors": 5000, "model-00002-of-00002.safetensors": 4000, "config.json": 700}

#: What ModelOpt writes beside a config.json.
BESIDE = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}


class Hub:
    """`seen`: path and token of each request. `gated`: answers nobody without a token."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.gated = False
        self.leads = ""
        self.files = FILES
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.seen.append((self.path, self.headers.get("Authorization", "")))
                if hub.gated and not self.headers.get("Authorization"):
                    self.send_error(401, "Unauthorized")
                    return
                if hub.leads:
                    self.send_response(302)
                    self.send_header("Location", hub.leads)
                    self.end_headers()
                    return
                found = hub.answer(self.path)
                if found is None:
                    self.send_error(404, "Not Found")
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: str) -> object:
        if path == f"/{NAME}/resolve/main/config.json":
            return CONFIGS[NAME]
        if path == f"/{NAME}/resolve/main/hf_quant_config.json":
            return BESIDE
        if path == f"/api/models/{NAME}/revision/main?blobs=true":
            return {"siblings": [{"rfilename": name, "size": size} for name, size in self.files.items()]}
        return None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield made
    made.server.shutdown()
    made.server.server_close()


def inventory(path: Path = Path("inventory.yaml"), **serve: Any) -> Inventory:
    host = Host(name="gpu-01", address="10.0.0.1", role="head")
    return Inventory(path=path, cluster="a", hosts=(host,), serve=Serve(**serve))


def test_the_hub_tells_config_and_sizes(hub: Hub) -> None:
    found = look_for(inventory(model=NAME), {})(False)
    assert found.config == CONFIGS[NAME]
    assert found.weights == 9000
    assert found.source == f"{NAME} on {hub.url.removeprefix('http://')}"
    assert found.problem == ""


def test_how_weights_are_stored_is_read_where_it_stands_beside_the_config(hub: Hub, tmp_path: Path) -> None:
    hub.files = {**FILES, "hf_quant_config.json": 260}
    assert look_for(inventory(model=NAME), {})(False).config == {**CONFIGS[NAME], "quantization_config": BESIDE}
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS[NAME]))
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(BESIDE))
    assert from_folder(tmp_path).config == {**CONFIGS[NAME], "quantization_config": BESIDE}
    own = {**CONFIGS[NAME], "quantization_config": {"quant_method": "fp8"}}
    (tmp_path / "config.json").write_text(json.dumps(own))
    assert from_folder(tmp_path).config == own


def test_a_gated_model_is_asked_for_with_the_token_in_a_header_alone(hub: Hub) -> None:
    hub.gated = True
    refused = look_for(inventory(model=NAME), {})(False)
    assert "answers 401" in refused.problem
    found = look_for(inventory(model=NAME), {"HF_TOKEN": Secret("hf_secret")})(False)
    assert found.weights == 9000
    assert hub.seen[-1][1] == "Bearer hf_secret"
    assert not any("hf_secret" in path for path, _ in hub.seen)


def test_a_model_that_is_not_there_is_said(hub: Hub) -> None:
    assert "answers 404" in look_for(inventory(model="nobody/nothing"), {})(False).problem


def test_a_hub_that_is_not_reached_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be reached" in look_for(inventory(model=NAME), {})(False).problem


def test_the_hub_is_not_asked_where_nobody_wants_that(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in look_for(inventory(model=NAME), {})(False).problem
    look_for(inventory(model="/models/llama"), {})(False)
    assert hub.seen == []


@pytest.mark.parametrize("to", ["ftp://127.0.0.1:9/x", "file:///etc/passwd", "gopher://x/"])
def test_a_redirection_to_another_kind_of_address_is_not_followed(hub: Hub, to: str) -> None:
    hub.leads = to
    said = look_for(inventory(model=NAME), {})(False).problem
    assert "another kind of address" in said or "answers 302" in said


def test_pickles_are_told_where_there_is_nothing_else(hub: Hub) -> None:
    hub.files = {"pytorch_model.bin": 9000, "config.json": 700}
    assert look_for(inventory(model=NAME), {})(False).pickles == ("pytorch_model.bin",)
    hub.files = {"pytorch_model.bin": 9000, "model.gguf": 9000}
    assert look_for(inventory(model=NAME), {})(False).pickles == ()


def test_a_folder_of_the_controller_is_looked_at(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIGS[NAME]))
    (folder / "model.safetensors").write_bytes(b"0" * 1234)
    found = look_for(inventory(tmp_path / "inventory.yaml", model=NAME, weights={"path": "llama"}), {})(False)
    assert (found.config, found.weights) == (CONFIGS[NAME], 1234)
    assert hub.seen == []


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_a_folder_without_a_config_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    assert from_folder(tmp_path).problem
    assert from_folder(tmp_path / "nowhere").problem


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 16000000000\n"


def lacking_folder(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {"config.json": json.dumps(CONFIGS[NAME]), **files}.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "files", [{"model.safetensors": POINTER}, {"model-00001-of-00002.safetensors": "x" * 5000}], ids=["pointer", "part"]
)
def test_of_weights_that_are_not_all_there_no_size_is_told_but_what_their_index_says(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert from_folder(lacking_folder(tmp_path, files)).weights == 0
    index = json.dumps({"metadata": {"total_size": 141 * 10**9}, "weight_map": {}})
    lacking_folder(tmp_path, {"model.safetensors.index.json": index})
    assert from_folder(tmp_path).weights == 141 * 10**9


def test_which_parts_are_missing_is_said_and_an_adapter_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 2}')
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x" * 9)
    assert (from_folder(tmp_path).weights, from_folder(tmp_path).lacks) == (0, "")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"x" * 9)
    found = from_folder(tmp_path)
    said = f"`{tmp_path}` has no `model-00002-of-00002.safetensors`, a part of the weights"
    assert (found.weights, found.lacks) == (0, said)
    told = fit(str(tmp_path), hosts=1, gpus=1, memory=80 * 2**30)
    assert told.unknown == f"how many bytes its weights have is not known: {said}"
    assert said not in fit(str(tmp_path), hosts=1, gpus=1, memory=80 * 2**30, weights=9).unknown
