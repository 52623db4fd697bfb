"""Names and addresses of labs."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from provision.core.errors import NoHome, UsageError
from provision.lab import Lab
from provision.lab.lab import default_root
from provision.lab.network import MOST_HOSTS, address, fabric_names, host_batch, names


@pytest.mark.parametrize("of", [names, fabric_names])
def test_network_names_fit_the_kernels_15_characters_for_the_last_host(of):
    bridge, link = of(Path("/var/lib/provision-lab/a-lab-with-a-rather-long-name"))
    assert len(bridge) <= 15
    assert len(f"{link}{MOST_HOSTS}") <= 15


def test_labs_of_one_name_in_two_places_share_no_network_names():
    assert set(names(Path("/a/lab"))).isdisjoint(names(Path("/b/lab")))


def test_a_labs_fabric_shares_no_name_with_its_management_network():
    assert set(names(Path("/a/lab"))).isdisjoint(fabric_names(Path("/a/lab")))


def test_a_host_has_an_address_on_each_of_its_interfaces():
    own = {"eth0": ("10.77.3.11", IPv4Network("10.77.3.0/24")), "eth1": ("10.78.3.11", IPv4Network("10.78.3.0/24"))}
    said = host_batch(own).splitlines()
    assert "address add 10.77.3.11/24 brd + dev eth0" in said
    assert "address add 10.78.3.11/24 brd + dev eth1" in said


def test_addresses_stay_inside_the_subnet():
    subnet = IPv4Network("10.77.3.0/24")
    assert (address(subnet, 1), address(subnet, MOST_HOSTS)) == ("10.77.3.11", "10.77.3.250")


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "..", "-x", "base-1", "base", "x" * 40])
def test_a_name_that_cannot_be_a_folder_or_a_cluster_is_refused(name, tmp_path):
    with pytest.raises(UsageError):
        Lab(tmp_path, name)


def test_the_place_of_labs_is_what_the_variable_means(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROVISION_LAB_DIR", "~/x")
    assert default_root() == tmp_path / "x"
    monkeypatch.setenv("PROVISION_LAB_DIR", "~nosuch-user/x")
    with pytest.raises(NoHome):
        default_root()


def test_a_relative_state_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("PROVISION_LAB_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_root() == tmp_path / ".local/state/provision-lab"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_root() == tmp_path / "state/provision-lab"
