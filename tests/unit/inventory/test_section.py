"""Sections are made whole when they are first used: by whichever thread comes first, while others wait."""

from __future__ import annotations

import subprocess
import sys

FIRST_LOADS = """
import sys, threading
import provision
from provision.inventory.models import Serve, Ssh
from provision.inventory.section import Section

assert not Serve.__pydantic_complete__ and not Serve.__subclasses__()
sys.setswitchinterval(1e-6)
start, found = threading.Barrier(8), []

def load():
    start.wait(10)
    found.append((provision.load(sys.argv[1]).cluster, Serve(model="org/model").model, Ssh(port=7).port))

threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found == [("alone", "org/model", 7)] * 8, found
"""


def test_the_first_loads_of_a_program_may_be_in_many_threads(tmp_path) -> None:
    inventory = tmp_path / "cluster.yaml"
    inventory.write_text("cluster: alone\nhosts: {gpu-01: {address: 127.0.0.1}}\n")
    said = subprocess.run([sys.executable, "-c", FIRST_LOADS, inventory], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
