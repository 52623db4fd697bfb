"""Ansible inventories of unusual kinds, against what `ansible-inventory` makes of them: where it is installed, it is
asked once more."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provision.core.errors import InventoryError
from provision.inventory import load

REAL = shutil.which("ansible-inventory", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")

Found = dict[str, tuple[str, int | None, str | None, bool]]

#: What it is about: (files, the first of which is the inventory; host → address, port, user, sudo).
CASES: dict[str, tuple[dict[str, str], Found]] = {
    "precedence child over parent": (
        {
            "inv.yml": """\
all:
  vars: {ansible_user: base, ansible_port: 22}
  children:
    head: {hosts: {gpu-01: {ansible_host: 10.0.0.1}}}
    workers:
      vars: {ansible_user: w}
      children:
        rack_a: {vars: {ansible_port: 2200}, hosts: {gpu-02: {ansible_host: 10.0.0.2}}}
        rack_b: {vars: {ansible_user: b}, hosts: {gpu-03: {ansible_host: 10.0.0.3, ansible_port: 2233}}}
""",
        },
        {
            "gpu-01": ("10.0.0.1", 22, "base", False),
            "gpu-02": ("10.0.0.2", 2200, "w", False),
            "gpu-03": ("10.0.0.3", 2233, "b", False),
        },
    ),
    "same depth alphabetical": (
        {
            "inv.yml": """\
all:
  children:
    zeta: {vars: {ansible_user: z}, hosts: {gpu-02: }}
    alpha: {vars: {ansible_user: a}, hosts: {gpu-02: }}
    head: {hosts: {gpu-01: {ansible_user: h}}}
    workers: {hosts: {gpu-02: }}
""",
        },
        {
            "gpu-01": ("gpu-01", None, "h", False),
            "gpu-02": ("gpu-02", None, "z", False),
        },
    ),
    "group priority": (
        {
            "inv.yml": """\
all:
  children:
    zeta: {vars: {ansible_user: z}, hosts: {gpu-02: }}
    alpha: {vars: {ansible_user: a, ansible_group_priority: 10}, hosts: {gpu-02: }}
    head: {hosts: {gpu-01: {ansible_user: h}}}
    workers: {hosts: {gpu-02: }}
""",
        },
        {
            "gpu-01": ("gpu-01", None, "h", False),
            "gpu-02": ("gpu-02", None, "a", False),
        },
    ),
    "ranges": (
        {
            "inv.yml": """\
head: {hosts: {"gpu-[01:01]": {ansible_user: r}}}
workers: {hosts: {"gpu-[02:06:2]": , "n[a:c]": {ansible_user: l}}, vars: {ansible_user: w}}
""",
        },
        {
            "gpu-01": ("gpu-01", None, "r", False),
            "gpu-02": ("gpu-02", None, "w", False),
            "gpu-04": ("gpu-04", None, "w", False),
            "gpu-06": ("gpu-06", None, "w", False),
            "na": ("na", None, "l", False),
            "nb": ("nb", None, "l", False),
            "nc": ("nc", None, "l", False),
        },
    ),
    "two ranges in one": (
        {
            "inv.yml": """\
head: {hosts: {h: }}
workers: {hosts: {"r[1:2]-n[01:02]": }}
""",
        },
        {
            "h": ("h", None, None, False),
            "r1-n01": ("r1-n01", None, None, False),
            "r1-n02": ("r1-n02", None, None, False),
            "r2-n01": ("r2-n01", None, None, False),
            "r2-n02": ("r2-n02", None, None, False),
        },
    ),
    "group_vars and host_vars": (
        {
            "inv.yml": """\
all: {children: {head: {hosts: {gpu-01: }}, workers: {hosts: {gpu-02: {ansible_port: 2222}}}}}
""",
            "group_vars/all.yml": """\
ansible_user: fromall
""",
            "group_vars/workers/main.yml": """\
ansible_user: w
ansible_port: 9
""",
            "host_vars/gpu-01.yaml": """\
ansible_host: 192.0.2.1
ansible_port: 2201
""",
            "host_vars/gpu-02/x.yml": """\
ansible_ssh_private_key_file: KEY
""",
        },
        {
            "gpu-01": ("192.0.2.1", 2201, "fromall", False),
            "gpu-02": ("gpu-02", 2222, "w", False),
        },
    ),
    "aliases old names": (
        {
            "inv.yml": """\
all:
  children:
    head:
      vars: {ansible_ssh_private_key_file: KEY}
      hosts: {gpu-01: {ansible_ssh_host: 10.1.1.1, ansible_ssh_user: old, ansible_ssh_port: "2022"}}
    workers: {hosts: {gpu-02: {ansible_ssh_host: 10.1.1.9, ansible_host: 10.1.1.2}}}
""",
        },
        {
            "gpu-01": ("10.1.1.1", 2022, "old", False),
            "gpu-02": ("10.1.1.9", None, None, False),
        },
    ),
    "anchors and merges": (
        {
            "inv.yml": """\
all:
  vars: &v {ansible_user: u}
  children:
    head: {hosts: {gpu-01: &h {ansible_host: 10.0.0.1, ansible_port: 2201}}}
    workers: {hosts: {gpu-02: {<<: *h, ansible_host: 10.0.0.2}}}
""",
        },
        {
            "gpu-01": ("10.0.0.1", 2201, "u", False),
            "gpu-02": ("10.0.0.2", 2201, "u", False),
        },
    ),
    "unsafe": (
        {
            "inv.yml": """\
all:
  children:
    head: {hosts: {gpu-01: {ansible_host: !unsafe 10.0.0.1, motd: !unsafe "{{ no }}"}}}
    workers: {hosts: {gpu-02: {ansible_user: !unsafe 'a{b'}}}
""",
        },
        {
            "gpu-01": ("10.0.0.1", None, None, False),
            "gpu-02": ("gpu-02", None, "a{b", False),
        },
    ),
    "host twice with other vars": (
        {
            "inv.yml": """\
all:
  hosts: {gpu-02: {ansible_host: 10.9.9.9, ansible_port: 1}}
  children:
    head: {hosts: {gpu-01: }}
    workers: {hosts: {gpu-02: {ansible_host: 10.0.0.2}}}
""",
        },
        {
            "gpu-01": ("gpu-01", None, None, False),
            "gpu-02": ("10.0.0.2", 1, None, False),
        },
    ),
    "become words": (
        {
            "inv.yml": """\
all:
  vars: {ansible_become: "yes", ansible_become_method: sudo}
  children:
    head: {hosts: {gpu-01: {ansible_become: no}}}
    workers: {hosts: {gpu-02: }}
""",
        },
        {
            "gpu-01": ("gpu-01", None, None, False),
            "gpu-02": ("gpu-02", None, None, True),
        },
    ),
    "diamond": (
        {
            "inv.yml": """\
all:
  children:
    base: {vars: {ansible_user: base}, children: {l: , r: }}
    l: {vars: {ansible_user: l}, children: {workers: }}
    r: {vars: {ansible_port: 7}, children: {workers: }}
    workers: {hosts: {gpu-02: }}
    head: {hosts: {gpu-01: }}
""",
        },
        {
            "gpu-01": ("gpu-01", None, None, False),
            "gpu-02": ("gpu-02", 7, "l", False),
        },
    ),
    "ini quoting": (
        {
            "inv.ini": """\
[head]
gpu-01 ansible_host=10.0.0.1 ansible_user='ops' note="a # b" # c
[workers]
gpu-[02:03] ansible_port=2222 ansible_ssh_private_key_file="KEY"
[all:vars]
ansible_user = ubuntu
ansible_become=true
""",
        },
        {
            "gpu-01": ("10.0.0.1", None, "ops", True),
            "gpu-02": ("gpu-02", 2222, "ubuntu", True),
            "gpu-03": ("gpu-03", 2222, "ubuntu", True),
        },
    ),
    "ini nested": (
        {
            "inv.ini": """\
gpu-09 ansible_host=1.2.3.4
[head]
gpu-01
[rack_a]
gpu-02 ansible_host=10.0.0.2
[rack_b]
gpu-03:2203
[workers:children]
rack_a
rack_b
[workers:vars]
ansible_user=w
[rack_b:vars]
ansible_user=b
""",
        },
        {
            "gpu-01": ("gpu-01", None, None, False),
            "gpu-02": ("10.0.0.2", None, "w", False),
            "gpu-03": ("gpu-03", 2203, "b", False),
        },
    ),
    "int host name": (
        {
            "inv.yml": """\
all: {children: {head: {hosts: {gpu-01: {ansible_user: 1000}}}, workers: {hosts: {10.0.0.7: {ansible_port: "22"}}}}}
""",
        },
        {
            "10.0.0.7": ("10.0.0.7", 22, None, False),
            "gpu-01": ("gpu-01", None, "1000", False),
        },
    ),
    "null vars": (
        {
            "inv.yml": """\
all:
  vars: {ansible_user: u}
  children:
    head: {hosts: {gpu-01: {ansible_user: null}}}
    workers: {vars: , hosts: {gpu-02: {ansible_port: null}}}
""",
        },
        {
            "gpu-01": ("gpu-01", None, None, False),
            "gpu-02": ("gpu-02", None, "u", False),
        },
    ),
    "depth beats order": (
        {
            "inv.yml": """\
all:
  children:
    outer: {vars: {ansible_user: outer, ansible_port: 1}, children: {workers: }}
    workers: {hosts: {gpu-02: }, vars: {ansible_user: w}}
    head: {hosts: {gpu-01: }}
""",
        },
        {
            "gpu-01": ("gpu-01", None, None, False),
            "gpu-02": ("gpu-02", 1, "w", False),
        },
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Found]:
    files, expected = CASES[request.param]
    key = tmp_path / "key"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    key.chmod(0o600)
    for name, text in files.items():
        place = tmp_path / "rack" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("KEY", str(key)))
    return tmp_path / "rack" / next(iter(files)), expected


def test_hosts_are_reached_as_ansible_reaches_them(case: tuple[Path, Found], monkeypatch: pytest.MonkeyPatch) -> None:
    inventory, expected = case
    if inventory.suffix == ".ini" and not REAL:
        pytest.skip("ansible-inventory is not installed: pip install ansible-core")
    monkeypatch.setenv("PATH", f"{Path(str(REAL or sys.executable)).parent}:{os.defpath}")
    hosts = load(inventory).hosts
    assert {h.name: (h.address, h.ssh.port, h.ssh.user, h.sudo) for h in hosts} == expected


@pytest.mark.skipif(not REAL, reason="ansible-inventory is not installed: pip install ansible-core")
def test_an_ini_that_ansible_cannot_read_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inv.ini").write_text("[head]\ngpu-01 ansible_host=10.0.0.1\n[workers\ngpu-02\n")
    monkeypatch.setenv("PATH", f"{Path(str(REAL)).parent}:{os.defpath}")
    with pytest.raises(InventoryError, match="Failed to parse inventory"):
        load(tmp_path / "inv.ini")


@pytest.mark.skipif(not REAL, reason="ansible-inventory is not installed: pip install ansible-core")
def test_what_is_expected_is_what_ansible_says(case: tuple[Path, Found]) -> None:
    inventory, expected = case
    command = [str(REAL), "-i", str(inventory), "--list"]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout)
    for host, (address, port, user, sudo) in expected.items():
        said = {key: _plain(value) for key, value in listed["_meta"]["hostvars"].get(host, {}).items()}
        found_port = said.get("ansible_ssh_port") or said.get("ansible_port")
        found_user = said.get("ansible_ssh_user", said.get("ansible_user"))
        assert (said.get("ansible_ssh_host") or said.get("ansible_host") or host) == address
        assert (int(found_port) if found_port else None) == port
        assert (None if found_user is None else str(found_user)) == user
        assert (str(said.get("ansible_become", False)).lower() in ("true", "yes")) == sudo


def _plain(value: Any) -> Any:
    return value.get("__ansible_unsafe", value) if isinstance(value, dict) else value
