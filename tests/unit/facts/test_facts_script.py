"""The facts script is run by the local `sh`, with a stand-in nvidia-smi first on the search path."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from provision.core.batch import render
from provision.core.script import Script, Stream
from provision.facts import Facts, facts_script, read_facts
from provision.facts.model_folder import digest_of_sizes
from provision.weights.here import sizes_of


def run(script: Script, env: dict[str, str], shell: tuple[str, ...] = ("sh",)) -> str:
    done = subprocess.run(
        [*shell, "-s"], input=render([script], "n", lambda s: ""), env=env, capture_output=True, text=True, check=False
    )
    stream = Stream("n", 1)
    list(stream.feed(done.stdout.encode()))
    assert stream.rc == [0], done.stderr
    return stream.text(0)


@pytest.fixture
def facts_with(tmp_path: Path):
    """Facts of this machine, with `body` as its nvidia-smi."""

    def ask(body: str, **asked: str) -> Facts:
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
        env = {"PATH": f"{tool.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        return read_facts(run(facts_script(**asked), env))

    return ask


LISTS_FIELDS = """
case "$1" in --help-query-gpu)
    for f in index name uuid pci.bus_id driver_version memory.total memory.free; do printf '"%s"\\ntext\\n\\n' $f; done
    echo '"clocks_event_reasons.active" or "clocks_throttle_reasons.active"'; exit ;;
esac
"""


def test_only_fields_that_this_driver_knows_are_asked(facts_with):
    (gpu,) = facts_with(LISTS_FIELDS + 'printf %s "0, ${1#--query-gpu=}, u, b, 580.1, 5 MiB, 4 MiB, 0x0"').gpus
    asked = "index,name,uuid,pci.bus_id,driver_version,memory.total,memory.free,clocks_event_reasons.active"
    assert gpu.name == asked
    assert gpu.details["clocks_event_reasons.active"] == "0x0"


def test_an_nvidia_smi_that_lists_no_fields_is_asked_the_plain_ones(facts_with):
    facts = facts_with(
        'case "$1" in --query-gpu=*) echo "0, NVIDIA L4, GPU-1, 0:1, 580.1, 23034 MiB, 22000 MiB" ;; *) exit 2 ;; esac'
    )
    (gpu,) = facts.gpus
    assert (gpu.name, gpu.driver, gpu.memory_free_mib) == ("NVIDIA L4", "580.1", 22000)
    assert facts.gpu_error is None


def test_an_nvidia_smi_that_hangs_is_left_behind_and_the_rest_is_known(tmp_path, facts_with, monkeypatch):
    monkeypatch.setattr("provision.facts.ask.GPU_PATIENCE", 1)
    # It stays when asked to end, as one that hangs in the kernel does; it ends by itself, later.
    facts = facts_with("trap '' TERM PIPE HUP; sleep 6")
    assert facts.gpu_fault == "hung" and facts.gpus == ()
    assert facts.cpus > 0 and facts.memory_bytes > 0


def test_this_machine_is_known(facts_with, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        facts = facts_with("exit 1", head="127.0.0.1", root="~/.provision/deep")
    assert facts.hostname == socket.gethostname() and facts.uid == os.getuid()
    assert facts.home == str(tmp_path) and facts.root == f"{tmp_path}/.provision/deep"
    assert facts.kernel == os.uname().release and facts.arch == os.uname().machine
    assert facts.disk_free_bytes > 0 and facts.nofile_hard >= facts.nofile_soft > 0
    assert facts.route_source == "127.0.0.1" and facts.route_interface == "lo"
    assert [found.address for found in facts.listens_on(port)] == ["127.0.0.1"]
    assert any(i.loopback for i in facts.interfaces)


def test_a_root_and_a_model_that_others_could_change_are_known(facts_with, tmp_path):
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    asked = {"root": "~/open/ours", "model": f"{open_to_all}/model"}
    found = facts_with("exit 1", **asked).exposed
    assert {use: (exposed.why, exposed.path) for use, exposed in found.items()} == dict.fromkeys(
        ("root", "model"), ("others", str(open_to_all))
    )
    open_to_all.chmod(0o1777)
    assert facts_with("exit 1", **asked).exposed == {}


@pytest.mark.parametrize("place", ["", "envs", "clusters"])
def test_a_root_that_is_no_folder_is_known(facts_with, tmp_path, place):
    root = tmp_path / "root"
    assert facts_with("exit 1", root=str(root)).exposed == {}
    (root / place).parent.mkdir(exist_ok=True)
    os.mkfifo(root / place, 0o600)
    found = facts_with("exit 1", root=str(root)).exposed["root"]
    assert (found.why, found.mode, found.path) == ("folder", "600", str(root / place))
    (root / place).unlink()
    (root / place).symlink_to(tmp_path / "gone")
    found = facts_with("exit 1", root=str(root)).exposed["root"]
    assert (found.why, found.path) == ("links", str(root / place))


@pytest.mark.parametrize("folder", ["bin", "python/3.11", "envs", "envs/1f2e", "clusters", "clusters/c/h"])
def test_what_is_open_below_a_root_makes_it_unsafe(facts_with, tmp_path, folder):
    """As an older version left it under umask 000, and `chmod go-w` of the root alone does not change."""
    root = tmp_path / "root"
    for made in (root / folder / "x", root / "clusters/c/h/vllm", root / "models/m"):
        made.mkdir(parents=True, exist_ok=True)
    asked = {"root": str(root)}
    (root / "models/m").chmod(0o777)
    (root / "envs").mkdir(exist_ok=True)
    (root / "envs/current-c").symlink_to("gone")
    assert facts_with("exit 1", **asked).exposed == {}
    (root / folder).chmod(0o777)
    found = facts_with("exit 1", **asked).exposed
    assert (found["root"].why, found["root"].path) == ("others", f"{root}/{folder}")
    (root / folder).chmod(0o755)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o777)
    (root / folder).rename(tmp_path / "before")
    (root / folder).symlink_to(tmp_path / "elsewhere")
    assert facts_with("exit 1", **asked).exposed["root"].path == f"{tmp_path}/elsewhere"


def test_asking_writes_nothing(facts_with, tmp_path):
    facts_with("exit 1")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["bin", "nvidia-smi"]


BUSYBOX = pytest.param(("busybox", "sh"), marks=pytest.mark.needs("busybox"))


@pytest.mark.parametrize("shell", [("dash",), ("bash",), BUSYBOX], ids=" ".join)
def test_every_shell_tells_the_same(shell, tmp_path):
    model = tmp_path / "model"
    (model / ".cache").mkdir(parents=True)
    (model / "a b.json").write_text("{}")
    (model / ".cache" / "note").write_text("not counted")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    script = facts_script(model="~/model")
    first, second = (read_facts(run(script, env, s)) for s in (("sh",), shell))
    assert (first.model.files, first.model.bytes) == (1, 2)
    assert first.model.digest == second.model.digest != ""
    assert first.pythons == second.pythons and first.hostname_addresses == second.hostname_addresses
    assert (first.boot_id, first.memory_bytes, first.shm_bytes) == (
        second.boot_id,
        second.memory_bytes,
        second.shm_bytes,
    )
    assert abs(first.clock - second.clock) < 60


def test_an_interpreter_is_asked_for_its_patch_version_unless_it_is_a_shim(tmp_path):
    for folder in ("bin", "shims"):
        tool = tmp_path / folder / "python3.31"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked-{folder}\necho Python 3.31.7\n")
        tool.chmod(0o755)
    env = {"PATH": f"{tmp_path}/shims:{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    found = [p for p in read_facts(run(facts_script(), env)).pythons if p.version == "3.31"]
    assert [p.patch for p in found] == ["", "3.31.7"]
    assert [path.name for path in tmp_path.glob("asked-*")] == ["asked-bin"]


def test_no_interpreter_below_root_is_asked_and_root_asks_none_that_others_could_change(tmp_path):
    kept, opened = tmp_path / "kept/python/mine/bin", tmp_path / "open"
    for folder, name in ((kept, "python3.31"), (opened, "python3.32")):
        folder.mkdir(parents=True)
        (folder / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/asked-{name}\necho Python {name[6:]}.7\n")
        (folder / name).chmod(0o755)
    opened.chmod(0o777)
    env = {"PATH": f"{opened}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    found = read_facts(run(facts_script(root=str(tmp_path / "kept")), env)).pythons
    assert {"3.31", "3.32"} <= {p.version for p in found}
    asked = {path.name for path in tmp_path.glob("asked-*")}
    assert asked == (set() if os.getuid() == 0 else {"asked-python3.32"})


def test_an_nvidia_smi_that_hangs_over_a_side_question_does_not_hide_the_gpus(facts_with, monkeypatch):
    monkeypatch.setattr("provision.facts.ask.GPU_PATIENCE", 1)
    facts = facts_with(
        'case "$1" in --query-gpu=*) echo "0, NVIDIA L4, GPU-1, 0:1, 580.1, 23034 MiB, 22000 MiB" ;; '
        "topo) exec sleep 6 ;; *) exit 2 ;; esac"
    )
    assert facts.gpu_fault is None and len(facts.gpus) == 1 and facts.topology == ()


def test_an_older_nvidia_smi_has_its_cuda_in_the_head_of_its_table(facts_with):
    head = "| NVIDIA-SMI 470.57.02    Driver Version: 470.57.02    CUDA Version: 11.4     |"
    assert facts_with(f'case "$#" in 0) echo "{head}" ;; *) exit 1 ;; esac').cuda == "11.4"


def test_a_process_on_a_gpu_is_named(facts_with):
    facts = facts_with(f'case "$1" in --query-compute-apps=*) echo "{os.getpid()}, GPU-1, 5 MiB, x" ;; esac')
    (process,) = facts.gpu_processes
    assert (process.pid, process.memory_mib) == (os.getpid(), 5)
    assert process.user == getpass.getuser() and process.command.startswith(sys.executable)


@pytest.mark.needs("root")
def test_root_reads_a_model_with_the_rights_of_whoever_owns_its_folder(facts_with, tmp_path):
    """Who could have put a link there to what only root may read."""
    place = Path(tempfile.mkdtemp(dir="/opt"))
    try:
        place.chmod(0o755)
        secret, folder = place / "secret.json", place / "model"
        secret.write_text('{"model_type": "canary"}')
        secret.chmod(0o600)
        folder.mkdir()
        (folder / "config.json").symlink_to(secret)
        assert facts_with("exit 1", model=str(folder)).model.config == {"model_type": "canary"}
        os.chown(folder, 12345, 12345)
        seen = facts_with("exit 1", model=str(folder)).model
        assert (seen.there, seen.config) == (True, {})
    finally:
        shutil.rmtree(place)


def test_a_folder_that_the_host_lacks_is_asked_about_where_it_would_be_sent(tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    script = facts_script(model="~/trained", sent="~/.provision/models/trained")
    sent, own = tmp_path / ".provision" / "models" / "trained", tmp_path / "trained"
    assert read_facts(run(script, env)).model.path == str(sent)
    sent.mkdir(parents=True)
    (sent / "config.json").write_text("{}")
    found = read_facts(run(script, env)).model
    assert (found.path, found.there, found.files) == (str(sent), True, 1)
    own.mkdir()
    assert read_facts(run(script, env)).model.path == str(own)


def test_a_folder_here_is_listed_as_one_on_a_host(tmp_path):
    model, elsewhere = tmp_path / "model", tmp_path / "blobs"
    for folder in (".cache", ".git", "1_Pooling", ".hidden"):
        (model / folder).mkdir(parents=True)
        (model / folder / "a").write_text("123")
    elsewhere.mkdir()
    (elsewhere / "blob").write_text("12345")
    (model / "ünïcode b.safetensors").symlink_to(elsewhere / "blob")
    (model / "linked").symlink_to(elsewhere)
    (model / "nowhere").symlink_to("/no/such/file")
    (model / ".gitattributes").write_text("")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    there = read_facts(run(facts_script(model="~/model"), env)).model
    assert (there.files, there.digest) == (len(sizes_of(model)), digest_of_sizes(sizes_of(model)))
    assert there.files == 5


FORGED = "@values\nhostname=forged\nroot=/forged\n@folders\nroot|forged\nstarted 1 1\n@files\n1 forged"


def honest(text: str) -> Facts:
    facts = read_facts(text)
    lines = text.splitlines()
    assert not [
        line for line in lines if line.startswith(("hostname=forged", "root=/forged", "started 1 1", "1 forged"))
    ]
    assert lines.count("@values") == 1 and facts.hostname == socket.gethostname() and facts.root != "/forged"
    return facts


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_process_of_somebody_elses_adds_nothing_to_the_facts(shell: str, tmp_path: Path) -> None:
    """Root reads what every user's processes have: a newline in it begins neither a fact nor a section of them."""
    named = f"a\n{FORGED}\nlrwx 1 forged forged 0 /proc/1/exe -> forged".replace("/", "|")
    program = tmp_path / named / "ray/core/src/ray/raylet/raylet"
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/sleep", program)
    said = f"x\n{FORGED}\n/proc/1/cmdline:forged\\n@values\\nuid=7"
    begin = ["/x/ray/core/src/ray/raylet/raylet", "60"]
    with subprocess.Popen(begin, executable=program, env={"PROVISION_SERVICE": said}) as process:
        try:
            env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
            text = run(facts_script(), env, (shell,))
        finally:
            process.kill()
    assert process.pid in [one.pid for one in honest(text).programs], text


def test_a_process_on_a_gpu_does_not_either(facts_with) -> None:
    listed = "printf '%s\\n' '12, GPU-1, 5 MiB, x' '@values' 'hostname=forged'"
    facts = facts_with(
        f'case "$1" in --query-compute-apps*) {listed} ;; *) echo "0, A, u, b, 580.1, 5 MiB, 4 MiB" ;; esac'
    )
    assert facts.hostname == socket.gethostname()
    assert [one.pid for one in facts.gpu_processes] == [12]


def test_nor_a_file_of_a_model_or_a_folder_that_others_have_made(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / f"sub\n{FORGED}".replace("/", "|")).mkdir(parents=True)
    (model / "config.json").write_text("{}\n@values\nhostname=forged\n")
    (model / f"x\n{FORGED}".replace("/", "|")).touch()
    (model / "model.safetensors").write_bytes(b"1234")
    root = tmp_path / f"open\n{FORGED}".replace("/", "|") / "root"
    root.mkdir(parents=True)
    root.parent.chmod(0o777)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    facts = honest(run(facts_script(model=str(model), root=str(root)), env).replace(str(root), "ROOT"))
    assert facts.model is not None and facts.model.files == 2 and facts.exposed["root"].why == "others"
