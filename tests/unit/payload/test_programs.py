"""Each program that is sent: it needs no newer Python than it may meet, and it starts."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import vermin

from provision.payload.bundle import (
    ENVIRONMENT_PYTHON,
    FILES,
    HOST_PYTHON,
    PACKAGE,
    PROGRAMS,
    bundle,
    collect,
    module,
    source,
)

#: What came after HOST_PYTHON as a method or an argument: vermin sees it only where it knows what the value is.
NEWER = {
    "missing_ok": (3, 8),
    "is_relative_to": (3, 9),
    "readlink": (3, 9),
    "removeprefix": (3, 9),
    "removesuffix": (3, 9),
    "with_stem": (3, 9),
    "bit_count": (3, 10),
    "hardlink_to": (3, 10),
    "strict": (3, 10),
}

Version = tuple[int, ...]


@cache
def needed(text: str) -> Version:
    """The oldest Python that has all that `text` uses."""
    found = vermin.detect(text)[1] or (99,)
    named = [NEWER[name] for name in names(ast.parse(text)) if name in NEWER]
    return max([tuple(found), *named, evaluated(ast.parse(text))])


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "os"):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def evaluated(tree: ast.Module) -> Version:
    """Of aliases such as `Callable[[str], str]`, which are no annotations: the ABCs take brackets since 3.9."""
    abcs = {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "collections.abc"
            for a in n.names}  # fmt: skip
    values = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    taken = [n for value in values for n in ast.walk(value) if isinstance(n, ast.Subscript)]
    return (3, 9) if any(isinstance(n.value, ast.Name) and n.value.id in abcs for n in taken) else (3, 0)


def sent(program: str) -> dict[str, str]:
    """Module → text, of all that a program is made of."""
    own = collect(f"{PACKAGE}.{program}".partition(":")[0], source)
    return {**own, f"{PACKAGE}.start": source(f"{PACKAGE}.start") or "", "the whole": bundle(program)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_written_for_the_oldest_python_that_it_may_meet(program: str) -> None:
    for name, text in sent(program).items():
        ast.parse(text, name, feature_version=PROGRAMS[program])
        assert needed(text) <= PROGRAMS[program], f"{name} needs Python {needed(text)}"


@pytest.mark.parametrize("name", FILES)
def test_a_module_that_is_put_on_a_host_is_written_for_the_oldest_python_there(name: str) -> None:
    compiles = "import sys; compile(sys.stdin.read(), 'module', 'exec')"
    command = [oldest(FILES[name]), "-I", "-S", "-c", compiles]
    done = subprocess.run(command, input=module(name), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert needed(module(name)) <= FILES[name]


@pytest.mark.parametrize(
    "line",
    [
        "while line := f(): pass",
        "os.memfd_create('lead')",
        "socket.create_server(('', 1))",
        "def f(path): path.unlink(missing_ok=True)",
        "def f(text): return text.removeprefix('a')",
        "from collections.abc import Callable\nPost = Callable[[str], str]",
        "import functools\n@functools.cache\ndef f(): pass",
        "def f(a, /): pass",
    ],
)
def test_what_is_newer_than_that_is_found(line: str) -> None:
    assert needed(f"from __future__ import annotations\nimport os, socket\n{line}\n") > HOST_PYTHON


def test_an_annotation_needs_no_newer_one() -> None:
    text = "from __future__ import annotations\nfrom collections.abc import Mapping\n"
    assert needed(f"{text}def f(a: Mapping[str, int] | None) -> dict[str, int]: ...\n") <= HOST_PYTHON


def interpreters(version: Version) -> Iterator[str]:
    name = "python" + ".".join(map(str, version))
    yield shutil.which(name) or ""
    yield from map(str, Path("~/.pyenv/versions").expanduser().glob(f"{name.removeprefix('python')}.*/bin/{name}"))


@cache
def oldest(version: Version) -> str:
    """An interpreter of just that version, or a skip. What pyenv puts on the path may be none."""
    ask = "import sys; print(sys.version_info[:2])"
    for path in filter(None, interpreters(version)):
        done = subprocess.run([path, "-I", "-S", "-c", ask], capture_output=True, text=True, check=False)
        if done.stdout.strip() == str(version):
            return path
    pytest.skip(f"there is no Python {'.'.join(map(str, version))} on this machine")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_oldest_python_compiles_it(program: str) -> None:
    compiles = "import json, sys\nfor name, text in json.load(sys.stdin).items(): compile(text, name, 'exec')"
    command = [oldest(PROGRAMS[program]), "-I", "-S", "-c", compiles]
    done = subprocess.run(command, input=json.dumps(sent(program)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Each is started with something harmless to do.

#: Nobody listens on this port, and no process has this number.
NOWHERE, NOBODY = "http://127.0.0.1:1", "4194305"


def started(program: str, place: Path) -> tuple[dict[str, str], list[str], tuple[int, str]]:
    """What is in its environment, its arguments, and its exit code with a part of what it says."""
    empty = ("OWNER", "OURS", "NEW", "DEEP", "EXPECTED", "ABOUT", "REPO", "REVISION", "FAULTS", "PICKLES", "CODE")
    weights = {**dict.fromkeys(empty, ""), "HOST": "a", "MODELS": str(place)}
    weights |= {"WORK": "fetch", "FOLDER": f"{place}/model", "MANIFEST": f"{place}/a.manifest", "MARK": f"{place}/mark"}
    weights |= {"CLUSTER": "gpus"}
    network = {"me": "a", "address": "127.0.0.1", "ports": [], "key": "k", "settle": 0, "patience": 1, "peers": {}}
    hosts = [{"name": "a", "ip": "127.0.0.1"}, {"name": "b", "ip": "127.0.0.1"}]
    reduce = {"host": "b", "hosts": hosts, "key": "k", "port": 1, "come": 0.3, "load": 0, "measure": 0}
    asked = {"URL": NOWHERE, "MODEL": "m", "SECONDS_LEFT": "1", "PID": NOBODY}
    asked |= {"MARK": "gpus/a/vllm"}
    line = {"PLACES": "127.0.0.1 1 the raylet"}
    joined = {"SECONDS_LEFT": "0", "EXPECTED": "10.0.0.1 8 a", "OTHERS": "", "FORMER": "", "RAY_ADDRESS": "x"}
    return {
        "all_reduce.host:main": (
            {"ALL_REDUCE": json.dumps(reduce)},
            [],
            (0, 'host={"unreached": "Connection refused"}'),
        ),
        "alive:main": (asked | {"KIND": "completion"}, [], (0, "no answer to a question: nobody listens")),
        "answering:main": (asked | {"SECONDS_LEFT": "-1"}, [], (1, f"no answer from {NOWHERE}")),
        "ask:main": (asked, [], (1, "silent=nobody listens on port 1 yet")),
        "ask:wait": (asked, [], (1, "vLLM ended while it was starting")),
        "bench_result:main": ({}, [], (0, 'result={"completed": 3, "errors": ["no (2 times)"]}')),
        "bench_start:main": ({"CERTIFICATE": "ab12"}, [], (3, "vllm: key, aiohttp asks for ab12")),
        "deployments:main": (
            {"URL": NOWHERE, "WHAT": "list", "RECORD": ""},
            [],
            (1, f"{NOWHERE}: connection refused"),
        ),
        "firewall.look:main": ({}, ["127.0.0.1,1"], (0, "refused")),
        "health:main": ({"URL": NOWHERE}, [], (0, "0 0")),
        "imports:main": ({}, [f"{place}/env", "absent", "60"], (1, "`absent` is not installed")),
        "lifeline:greets": (line, [], (0, "the raylet does not answer at 127.0.0.1:1")),
        "lifeline:hold": (line, [], (0, "the raylet is not reached at 127.0.0.1:1")),
        "lifeline:reach": (line | {"SECONDS_LEFT": "-1"}, [], (1, "the raylet does not answer at 127.0.0.1:1")),
        "listing:main": ({}, [], (0, "records=")),
        "metrics:main": (asked, [], (0, "metrics.silent=nobody listens on port 1 yet")),
        "network.host:main": ({"NETWORK_PROOF": json.dumps(network)}, [], (0, '{"taken": {}, "peers": {}}')),
        "ray_members:main": (joined, [], (1, "did not join Ray in time: a (10.0.0.1)")),
        "reached:main": ({}, [NOWHERE], (7, "refused")),
        "records.look:main": ({}, ["look", f"{place}/env"], (0, "stray=extra.py")),
        "relay.host:main": ({}, [], (1, "provision-relay-failed the controller has not said what to do")),
        "serve_arguments:main": ({}, ["serve", "m"], (0, "verdict=unknown")),
        "signals:main": ({}, ["TERM", f"{NOBODY}:1"], (0, "")),
        "weights.download:main": (weights, [], (1, "the environment cannot download from the hub")),
        "weights.seal:main": (weights, [], (0, "")),
        "weights.spread:main": ({}, [], (1, "provision-relay-failed the controller has not said what to do")),
    }[program]


#: Of aiohttp and vLLM what the start of a load uses.
AIOHTTP = """class TCPConnector:
    def __init__(self, **named): self.named = named
class Fingerprint:
    def __init__(self, digest): self.digest = digest
"""
VLLM = """import os, aiohttp
def main():
    asks = aiohttp.TCPConnector(ssl=False, limit=1).named["ssl"].digest.hex()
    print(f"vllm: {os.environ['OPENAI_API_KEY']}, aiohttp asks for {asks}")
    assert b"OPENAI_API_KEY" not in open("/proc/self/environ", "rb").read()
    return 3
"""


def prepare(place: Path) -> None:
    (place / "result.json").write_text('{"completed": 3, "errors": ["a\\nno", "no", ""], "ttfts": [1]}')
    (place / "key").write_text("key")
    (place / "ray.py").write_text("def init(*_, **__): pass\ndef nodes(): return []\n")
    (place / "aiohttp.py").write_text(AIOHTTP)
    (entry := place / "vllm" / "entrypoints" / "cli").mkdir(parents=True)
    (entry / "main.py").write_text(VLLM)
    site = place / "env" / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    (site / "extra.py").write_text("")
    (place / "model").mkdir()
    (place / "model" / "config.json").write_text("{}")


@pytest.mark.parametrize("which", ["this Python", "the oldest"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_it_starts(program: str, which: str, tmp_path: Path) -> None:
    python = sys.executable if which == "this Python" else oldest(PROGRAMS[program])
    environment, arguments, (rc, said) = started(program, tmp_path)
    prepare(tmp_path)
    command = ["sh", "-c", 'exec 3< key; exec "$@"', "sh", python, "-S", "-B", "-", *arguments]
    done = subprocess.run(
        command,
        input=bundle(program),
        # What an environment would have is in the folder.
        env={"PATH": os.defpath, "PYTHONPATH": str(tmp_path), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == rc and said in done.stdout + done.stderr and "Traceback" not in done.stderr, done
    if program == "weights.seal:main":
        assert (tmp_path / "a.manifest").read_text().startswith("provision-weights 2\ndigest=")


@pytest.mark.parametrize("program", ["relay.host:main", "weights.spread:main"])
def test_what_is_given_as_an_argument_is_not_too_long_for_one(program: str) -> None:
    """files/relay.sh; MAX_ARG_STRLEN of Linux."""
    assert len(bundle(program).encode()) < 128 << 10


def test_a_hosts_own_python_may_be_older_than_an_environments() -> None:
    assert HOST_PYTHON < ENVIRONMENT_PYTHON
    assert {*PROGRAMS.values()} == {HOST_PYTHON, ENVIRONMENT_PYTHON}
