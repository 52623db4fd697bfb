"""A stand-in for the store of ServerlessLLM: its wheel, without CUDA.

serverless-llm-store is a source package whose two extension modules are compiled with CUDA's compiler. The wheel made
here has its Python as it is (the command line, the gRPC server, the client), and in place of the extensions two modules
that know which models lie on the disk, and load none. Its version says so: 0.8.0+provision.lab.stand.in.without.cuda.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import urllib.request
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path
from urllib.parse import urljoin

VERSION = "0.8.0+provision.lab.stand.in.without.cuda"
SHA256 = "a408b6d5b2d4950256a8498970053a72147f8c3f760b2df4736b166bd70d7f80"
_FILE = "serverless_llm_store-0.8.0.tar.gz"

CHECKPOINT_STORE = '''
"""A stand-in of provision's lab for sllm_store's extension in C++ and CUDA: it finds models, and loads none."""
import os


class MemCopyChunk:
    pass


class CheckpointStore:
    def __init__(self, storage_path, mem_pool_size, num_thread, chunk_size):
        self.path, self.size, self.chunk = storage_path, mem_pool_size, chunk_size

    def register_model_info(self, model_path):
        folder = os.path.join(self.path, model_path)
        if not os.path.isdir(folder):
            return -1
        return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())

    def get_mem_pool_size(self):
        return self.size

    def get_chunk_size(self):
        return self.chunk

    def clear_mem(self):
        return 0

    def load_model_from_disk_async(self, model_path):
        return 1
'''
EXTENSION = '''
"""A stand-in of provision's lab for sllm_store's extension in C++ and CUDA."""


def _none(*_, **__):
    raise RuntimeError("this store is a stand-in of provision's lab: it loads no model")


allocate_cuda_memory = get_cuda_memory_handles = get_device_uuid_map = restore_tensors = save_tensors = _none
'''


def write_store(folder: Path) -> Path:
    """Writes the wheel to `folder`, for a host of this machine's architecture. Needs a C compiler and the index."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"serverless_llm_store-{VERSION}-py3-none-any.whl"
    if path.is_file():
        return path
    members = {"sllm_store/_checkpoint_store.py": CHECKPOINT_STORE.encode(), "sllm_store/_C.py": EXTENSION.encode()}
    with tarfile.open(fileobj=io.BytesIO(_source())) as archive:
        for member in archive.getmembers():
            name = member.name.partition("/")[2]
            if name.startswith("sllm_store/") and name.endswith(".py") and (file := archive.extractfile(member)):
                members[name] = file.read()
    # The server loads this library of the store's own before it begins (sllm_store/server.py).
    library = folder / "libglog.so"
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
    subprocess.run(command, input=b"int provision_lab_stand_in;\n", check=True)
    members["sllm_store/libglog.so"] = library.read_bytes()
    library.unlink()
    info = f"serverless_llm_store-{VERSION}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in REQUIRES)
    members[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: serverless-llm-store\nVersion: {VERSION}\n"
        f"Summary: A stand-in of provision's lab: the store without CUDA\n{needs}"
    ).encode()
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: provision\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members[f"{info}/entry_points.txt"] = b"[console_scripts]\nsllm-store = sllm_store.cli:main\n"
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in members.items():
            wheel.writestr(zipfile.ZipInfo(name), data)
    return path


#: As its own requirements.txt, without what its Python does not import where nothing is loaded (bitsandbytes).
REQUIRES = (
    "accelerate==1.7.0",
    "click==8.1.7",
    "grpcio==1.72.1",
    "peft==0.15.2",
    "protobuf>=5",
    "torch",
    "transformers==4.52.4",
)


def _source() -> bytes:
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page = f"{index.rstrip('/')}/serverless-llm-store/"
    asked = urllib.request.Request(page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(asked, timeout=180) as said:
        files = json.load(said)["files"]
    url = next(file["url"] for file in files if file["filename"] == _FILE)
    with urllib.request.urlopen(urljoin(page, url), timeout=180) as said:
        data: bytes = said.read()
    assert hashlib.sha256(data).hexdigest() == SHA256
    return data


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
