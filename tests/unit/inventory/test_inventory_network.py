"""`network` and `node_ip: auto`."""

HEAD = "cluster: demo\nhosts:\n  gpu-01: {address: 192.0.2.1, role: head}\n"


def test_auto_is_the_same_as_no_node_ip(read):
    hosts = read("cluster: demo\nhosts:\n  a: {role: head, node_ip: auto}\n  b-[1:2]: {node_ip: auto}\n").hosts
    assert [(host.name, host.node_ip) for host in hosts] == [("a", None), ("b-1", None), ("b-2", None)]


def test_a_network_is_that_of_all_hosts_of_a_group_or_of_one(read):
    found = read("""
        cluster: demo
        network: 10.10.0.0/16
        hosts:
          a: {role: head}
          b: {}
          c: {network: 10.30.0.0/16}
        groups: {far: {hosts: [b], network: 10.20.0.0/16}}
        """)
    assert [host.network for host in found.hosts] == ["10.10.0.0/16", "10.20.0.0/16", "10.30.0.0/16"]


def test_an_address_inside_a_network_names_it(read):
    assert read(HEAD + "network: 10.10.3.7/16\n").hosts[0].network == "10.10.3.7/16"


def test_what_is_no_network(problem):
    assert problem(HEAD + "network: fast\n") == (
        "4:10",
        "network",
        "`fast` is no network",
        "write it as `10.10.0.0/16`",
    )
    assert problem(HEAD + "network: 10.10.0.0/33\n")[2:] == (
        "`10.10.0.0/33` is no network",
        "write `10.10.0.0/24`, with a length from 0 to 32 after the slash",
    )


def test_an_address_in_place_of_a_network(problem):
    assert problem(HEAD + "network: 10.10.0.7\n")[2:] == (
        "`10.10.0.7` is one address, and not a network",
        "write `10.10.0.0/24`",
    )


def test_a_network_that_hosts_cannot_share(problem):
    assert problem(HEAD + "network: 127.0.0.0/8\n")[2] == "`127.0.0.0/8` is no network that hosts share"


def test_a_node_ip_outside_the_network(problem):
    text = "cluster: demo\nnetwork: 10.10.0.0/16\nhosts:\n  a: {role: head, node_ip: 10.11.0.1}\n"
    assert problem(text) == (
        "4:28",
        "hosts.a.node_ip",
        "`10.11.0.1` of a is not in its network `10.10.0.0/16`",
        "leave out the node_ip, which is then found on the host, or write `network: 10.11.0.0/16`",
    )
