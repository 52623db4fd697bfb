"""Where the hosts of a first inventory are named."""

from pathlib import Path

import pytest

from provision.begin.hosts_from import hosts_from
from provision.begin.named import Named
from provision.begin.nodelist import names_of, split_list
from provision.core.errors import UsageError
from provision.inventory.ranges import RangeError

ANSIBLE = """\
all:
  vars: {ansible_user: ops, ansible_ssh_private_key_file: /dev/null}
  children:
    gpus:
      hosts:
        gpu-01: {ansible_host: 10.0.0.1}
        gpu-02: {ansible_host: 10.0.0.2, ansible_port: 2222}
"""

SSH_CONFIG = """\
Host bastion
  HostName bastion.example.org
Host gpu-01 gpu-01.rack
  HostName 10.0.0.1
Host gpu-02
  HostName = 10.0.0.2
Host gpu-0*
  ProxyJump ops@bastion:22
Host *.example.org !gpu-09
Host git-server
  User git
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def names(*words: str, file: Path | None = None, **environ: str) -> list[str]:
    return [host.name for host in hosts_from(words, file, environ).hosts]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gpu[01-03,07],login1", ["gpu01", "gpu02", "gpu03", "gpu07", "login1"]),
        ("gpu[9-11]", ["gpu9", "gpu10", "gpu11"]),
        ("gpu[098-101]", ["gpu098", "gpu099", "gpu100", "gpu101"]),
        ("rack[1-2]n[01-02]-ib", ["rack1n01-ib", "rack1n02-ib", "rack2n01-ib", "rack2n02-ib"]),
        ("n[1,3],n[3,5]", ["n1", "n3", "n5"]),
        ("gpu-[01:02]", ["gpu-01", "gpu-02"]),
        ("one", ["one"]),
    ],
)
def test_a_list_of_nodes_is_written_out(text: str, found: list[str]) -> None:
    assert list(names_of(text)) == found


@pytest.mark.parametrize("text", ["gpu[1-", "gpu[3-1]", "gpu[a-b]", "gpu[]", "gpu[1-99999]", "a[0-999]b[0-999]"])
def test_a_list_of_nodes_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(RangeError):
        names_of(text)


@pytest.mark.parametrize("unit", [",", "[,", "gpu[01,"])
def test_a_megabyte_of_nothing_is_soon_read(unit: str) -> None:
    """It took ten minutes: each comma had all that followed looked through."""
    assert len(split_list(unit * (1 << 20))) in (0, 1 << 20)


def test_hosts_of_the_command_line(folder: Path) -> None:
    found = hosts_from(["gpu-[01:02],ubuntu@10.0.0.[7:8]:2222", "[fd00::5]"], None, {}).hosts
    assert [host.name for host in found] == ["gpu-01", "gpu-02", "10.0.0.7", "10.0.0.8", "fd00::5"]
    assert found[0] == Named("gpu-01")
    assert found[3] == Named("10.0.0.8", address="10.0.0.8", ssh={"user": "ubuntu", "port": "2222"})


@pytest.mark.parametrize("word", ["gpu 01", "a@b@c", "gpu:99999", "-oProxyCommand=x", "gpu-[1:", "x\x1b[0m"])
def test_what_is_no_host_is_refused(word: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        names(word)
    assert caught.value.hint


def test_a_list_in_a_file_as_mpi_and_etc_hosts_have_it(folder: Path) -> None:
    file = folder / "hosts.txt"
    file.write_text("# ours\ngpu-01 slots=8\n\nubuntu@gpu-02:22  # rented\n10.0.0.3 gpu-03\ngpu-0[4-5]\ngpu-01\n")
    found = hosts_from([], file, {}).hosts
    assert [host.name for host in found] == ["gpu-01", "gpu-02", "gpu-03", "gpu-04", "gpu-05"]
    assert found[1].ssh == {"user": "ubuntu", "port": "22"}
    assert found[2].address == "10.0.0.3"


def test_a_line_that_names_no_host_is_named(folder: Path) -> None:
    file = folder / "hosts.txt"
    file.write_text("gpu-01\nthe second one\n")
    with pytest.raises(UsageError, match=r"hosts\.txt:2"):
        names(file=file)


def test_an_ansible_inventory_needs_no_head_yet(folder: Path) -> None:
    file = folder / "hosts.yaml"
    file.write_text(ANSIBLE)
    first, second = hosts_from([], file, {}).hosts
    assert first == Named("gpu-01", address="10.0.0.1", ssh={"user": "ops", "key": "/dev/null"})
    assert second.ssh["port"] == "2222"


def test_of_a_file_some_hosts_can_be_chosen(folder: Path) -> None:
    file = folder / "hosts.txt"
    file.write_text("gpu-01\ngpu-02\nlogin\n")
    assert names("gpu-*", file=file) == ["gpu-01", "gpu-02"]
    assert names("gpu-0[2:2],login", file=file) == ["gpu-02", "login"]
    with pytest.raises(UsageError, match="`gpu-09`"):
        names("gpu-09", file=file)


def test_an_inventory_of_ours_is_read_too(folder: Path) -> None:
    file = folder / "old.yaml"
    file.write_text("cluster: old\nhosts: {a: 10.0.0.1, b: {address: 10.0.0.2, role: head}}\nsudo: true\n")
    assert hosts_from([], file, {}).hosts == (
        Named("a", address="10.0.0.1", sudo=True),
        Named("b", address="10.0.0.2", sudo=True, head=True),
    )


def test_an_ssh_config_names_hosts_but_not_jump_hosts_patterns_or_git(folder: Path) -> None:
    file = folder / "ssh_config"
    file.write_text(SSH_CONFIG)
    found = hosts_from([], file, {}).hosts
    assert [host.name for host in found] == ["gpu-01", "gpu-02"]
    assert found[0].ssh == {"config": str(file)}


@pytest.mark.needs("ssh")
def test_a_pattern_alone_is_one_of_the_users_ssh_config_and_what_it_includes(folder: Path) -> None:
    own = folder / ".ssh"
    own.mkdir()
    (own / "config").write_text("Include rack.d/*\nHost other\n")
    (own / "rack.d").mkdir()
    (own / "rack.d" / "one").write_text("Host gpu-01\n  HostName 10.0.0.1\nHost gpu-02\n")
    found = hosts_from(["gpu-*"], None, {})
    assert [host.name for host in found.hosts] == ["gpu-01", "gpu-02"]
    assert found.hosts[0].ssh == {}


def test_a_pattern_without_a_file_that_it_could_mean_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="pattern"):
        names("gpu-*")


def test_in_an_allocation_nothing_has_to_be_named(folder: Path) -> None:
    found = hosts_from([], None, {"SLURM_JOB_NODELIST": "gpu[01-02]", "SLURM_JOB_ID": "42"})
    assert [host.name for host in found.hosts] == ["gpu01", "gpu02"]
    assert found.origin == "Slurm's allocation 42"


def test_what_is_named_counts_before_the_allocation(folder: Path) -> None:
    assert names("mine", SLURM_JOB_NODELIST="gpu[01-02]") == ["mine"]


def test_without_any_host_it_is_said_how_to_name_them(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        names()
    assert "--hosts 'gpu-[01:08]'" in caught.value.hint
    (folder / "empty.txt").write_text("# nobody\n")
    with pytest.raises(UsageError, match="names no host"):
        names(file=folder / "empty.txt")
