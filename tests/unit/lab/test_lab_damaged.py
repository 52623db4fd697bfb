"""A lab whose state cannot be read says so, and can be removed with all that is known to be its."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provision.lab import Lab, damaged, network
from provision.lab.state import MARK, DamagedState


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"hosts": 1}', "\udcff"])
def test_a_lab_with_a_damaged_state_is_removed_with_its_processes(tmp_path: Path, text: str) -> None:
    lab = Lab(tmp_path / "labs", "mine")
    host = lab.directory / "hosts/lab-1"
    scratch = tmp_path / "scratch"
    for folder in (host, scratch):
        folder.mkdir(parents=True)
    (host / "sshd_config").write_text(f'SetEnv "PATH=/x" "TMPDIR={scratch}" "VLLM_CACHE_ROOT={scratch}/vllm"\n')
    (lab.directory / "state.json").write_text(text, errors="surrogateescape")
    # It says when it is there: Popen returns while the kernel has yet to lay out the new program's environment.
    wait = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
    environment = {MARK: str(host), "PATH": os.environ["PATH"]}
    with subprocess.Popen(wait, env=environment, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None and started.stdout.readline()
        try:
            with pytest.raises(DamagedState) as caught:
                lab.status()
            assert caught.value.hint == "provision lab down --name mine"
            assert lab.down().changed
            assert started.poll() is not None
        finally:
            started.kill()
    assert not lab.directory.exists()
    assert not scratch.exists()


def test_what_hosts_of_namespaces_have_made_follows_from_the_labs_place(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"hosts/lab-{number}").mkdir(parents=True)
    state = damaged.rebuilt("mine", tmp_path)
    bridge, link = network.names(tmp_path)
    assert (state.mode, state.bridge, [host.link for host in state.hosts]) == (
        "namespaces", bridge, [f"{link}1", f"{link}2"]
    )  # fmt: skip
    assert all(group.path.endswith(f"/{bridge}-2") for group in state.hosts[1].cgroups)
    assert set(network.rules(bridge, "mine")) <= set(state.rules)
