"""Ansible inventories in INI, and what only Ansible's own formats have: ports behind names, encrypted values."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from provision import InventoryError
from provision.inventory import load

INI = """
[head]
gpu-01 ansible_host=10.0.0.1 ansible_port=2222 rack="a b"

[workers]
gpu-[02:03] ansible_user=ops
10.0.0.9:2200

[all:vars]
ansible_user=ubuntu
"""
#: What `ansible-inventory` 2.19 makes of it with `--list --export`.
LISTED = """{
  "_meta": {"hostvars": {"10.0.0.9": {"ansible_port": 2200}, "gpu-01": {"ansible_host": "10.0.0.1",
    "ansible_port": 2222, "rack": "a b"}, "gpu-02": {"ansible_user": "ops"}, "gpu-03": {"ansible_user": "ops"}},
    "profile": "inventory_legacy"},
  "all": {"children": ["ungrouped", "head", "workers"], "vars": {"ansible_user": "ubuntu"}},
  "head": {"hosts": ["gpu-01"]}, "workers": {"hosts": ["gpu-02", "gpu-03", "10.0.0.9"]}}"""

HOSTS = [
    ("gpu-01", "10.0.0.1", "head", 2222, "ubuntu"),
    ("gpu-02", "gpu-02", "worker", None, "ops"),
    ("gpu-03", "gpu-03", "worker", None, "ops"),
    ("10.0.0.9", "10.0.0.9", "worker", 2200, "ubuntu"),
]
REAL = shutil.which("ansible-inventory", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "rack.ini"
    path.write_text(INI)
    return path


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ansible-inventory` that notes how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "listed.json").write_text(LISTED)
    program = folder / "ansible-inventory"
    notes = f'echo "$@" > {folder}/called; env > {folder}/env; pwd > {folder}/cwd'
    program.write_text(f"#!/bin/sh\n{notes}\nexec cat {folder}/listed.json\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.defpath}")
    return folder


def reached(path: Path) -> list[tuple[str, str, str, int | None, str | None]]:
    return [(h.name, h.address, h.role, h.ssh.port, h.ssh.user) for h in load(path).hosts]


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(InventoryError) as caught:
        load(path)
    (found,) = caught.value.problems
    return found.message, found.hint


def test_it_is_read_as_ansible_lists_it(ini: Path, stand_in: Path) -> None:
    assert reached(ini) == HOSTS
    assert load(ini).hosts[0].vars == {"rack": "a b"}


def test_ansible_is_asked_for_this_file_alone_and_runs_nothing_of_its_folder(ini: Path, stand_in: Path) -> None:
    ini.chmod(ini.stat().st_mode | stat.S_IXUSR)
    load(ini)
    assert (stand_in / "called").read_text().split() == ["-i", str(ini), "--list", "--export"]
    told = (stand_in / "env").read_text().splitlines()
    assert "ANSIBLE_INVENTORY_ENABLED=ini" in told
    assert (stand_in / "cwd").read_text().strip() == "/", "an ansible.cfg beside the inventory is none of ours"


def test_without_ansible_the_line_that_turns_it_into_yaml_is_named(ini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    message, hint = refused(ini)
    assert "INI" in message and "not installed here" in message
    assert f"`ansible-inventory -i {ini} --list --yaml > rack-hosts.yaml`" in hint


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("hosts.py", "#!/usr/bin/env python3\nprint({})\n", "a program that lists hosts"),
        ("aws_ec2.yml", "---\n# ours\nplugin: amazon.aws.aws_ec2\nregions: [eu-west-1]\n", "configures a plugin"),
    ],
)
def test_what_lists_hosts_only_when_it_is_run_is_not_run(tmp_path: Path, name: str, text: str, what: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o755)
    message, hint = refused(path)
    assert what in message and "not run here" in message
    assert hint.startswith(f"ansible-inventory -i {path} --list --yaml > ")


def test_what_ansible_says_against_it_is_told(ini: Path, stand_in: Path) -> None:
    (stand_in / "ansible-inventory").write_text("#!/bin/sh\necho 'no vault secrets found' >&2\nexit 4\n")
    message, hint = refused(ini)
    assert message.endswith("`ansible-inventory` failed (exit code 4): no vault secrets found")
    assert hint.startswith("ansible-inventory -i ")


def test_what_stands_beside_it_is_read_once_by_ansible(ini: Path, stand_in: Path) -> None:
    (ini.parent / "group_vars").mkdir()
    (ini.parent / "group_vars" / "all.yml").write_text("provision: {cluster: mine}\n")
    (stand_in / "listed.json").write_text(LISTED.replace('"vars": {', '"vars": {"provision": {"cluster": "mine"}, '))
    assert load(ini).cluster == "mine"


@pytest.mark.skipif(not REAL, reason="ansible-inventory is not installed: pip install ansible-core")
def test_the_real_ansible_inventory_lists_the_same(ini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(str(REAL)).parent}:{os.defpath}")
    (ini.parent / "group_vars").mkdir()
    (ini.parent / "group_vars" / "all.yml").write_text("provision: {cluster: mine}\n")
    (ini.parent / "ansible.cfg").write_text("[defaults]\ninventory_plugins = /nowhere\nno such line\n")
    assert reached(ini) == HOSTS
    assert load(ini).cluster == "mine"


@pytest.mark.parametrize(
    ("name", "text", "is_ini"),
    [
        ("a.ini", "gpu-01\ngpu-02\n", True),
        ("hosts", "gpu-01 ansible_host=10.0.0.1\n", True),
        ("hosts", "# of the rack\n[head]\ngpu-01\n", True),
        ("a.yaml", "[gpu]\ngpu-01\n", True),
        ("a.yaml", "word\n", False),
        ("a.yaml", "- a\n", False),
        ("a.ini", "", False),
        ("a.ini", "cluster: x\nhosts: {a: }\n", False),
    ],
)
def test_what_is_taken_for_ini(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, is_ini: bool
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / name).write_text(text)
    try:
        load(tmp_path / name)
        message = ""
    except InventoryError as error:
        message = error.problems[0].message
    assert ("in INI" in message) == is_ini


def test_a_port_behind_a_name_is_the_hosts_port(read) -> None:
    inventory = read("""
all:
  children:
    head: {hosts: {"10.0.0.1:2222": }}
    workers:
      hosts:
        "gpu-[02:03]:2200":
        "gpu-04:22": {ansible_port: 2022}
""")
    assert [(h.name, h.ssh.port) for h in inventory.hosts] == [
        ("10.0.0.1", 2222),
        ("gpu-02", 2200),
        ("gpu-03", 2200),
        ("gpu-04", 2022),
    ]


def test_a_host_that_is_an_address_with_colons_needs_a_name(problem) -> None:
    assert '`address: "fd00::5"`' in problem('head: {hosts: {"[fd00::5]:2022": }}\n')[3]


def test_in_its_own_format_a_port_behind_a_name_is_told_its_place(problem) -> None:
    assert problem('cluster: c\nhosts: {"gpu-01:2222": {role: head}}\n')[3].endswith("`gpu-01: {ssh: {port: 2222}}`")


VAULT = "!vault |\n            $ANSIBLE_VAULT;1.1;AES256\n            6231\n"


def test_an_encrypted_value_that_says_nothing_of_the_way_in_is_no_ones(read) -> None:
    text = f"""
all:
  vars:
    db_password: {VAULT}
    nested: {{a: {{b: !vault x}}}}
    odd: !unsafe "a{{{{b}}}}"
  children:
    head: {{hosts: {{gpu-01: }}}}
"""
    assert read(text).hosts[0].vars == {"odd": "a{{b}}"}


def test_so_it_is_in_what_ansible_inventory_writes_in_json(read) -> None:
    text = """{"_meta": {"hostvars": {"a": {"db": {"__ansible_vault": "x"}, "odd": {"__ansible_unsafe": "b"}}}},
        "all": {"children": ["head"]}, "head": {"hosts": ["a"]}}"""
    assert read(text).hosts[0].vars == {"odd": "b"}


@pytest.mark.parametrize("name", ["ansible_host", "ansible_user", "ansible_become_password", "ansible_ssh_common_args"])
def test_an_encrypted_way_in_is_refused(problem, name: str) -> None:
    _, _, message, hint = problem(f"head: {{hosts: {{a: {{{name}: !vault x}}}}}}\n")
    assert message == f"`{name}` is encrypted: what it says of the host is not known here"
    assert ("in plain" in hint) is (name != "ansible_become_password"), "in plain a password is refused as well"
    assert hint
